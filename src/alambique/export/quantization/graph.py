"""The fp32 graph as it goes to the quantiser: GELUs fused, tables of numbers in 8 bits with a scale a row.

ONNX Runtime's quantiser knows one scale for a whole table, with which a student of LIAR drifts by a quarter more. Here
each row keeps its own, and is scaled back after it is read, so that the table is never held in fp32.

Other matrices that are not a linear layer's, such as keys and values of a last layer that reads one token, are stored the
same way. ONNX Runtime scales these back once, when it loads the file: smaller, and not slower.
"""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnxruntime.transformers.fusion_gelu import FusionGelu
from onnxruntime.transformers.onnx_model import OnnxModel as Graph

CONTRIB = "com.microsoft"
_TINY = 1e-8
_LARGE = 2**14  # numbers; smaller constants stay as they are
_IN_INT8 = "_i8"  # ends the names of tables that are made here


def load_graph(path: Path) -> ModelProto:
    """An exported graph, ready for :func:`~alambique.export.quantization.quantize.quantize`."""
    model = onnx.load(path)
    graph = Graph(model)
    FusionGelu(graph).apply()  # ONNX Runtime finds them itself, but not between quantised layers
    if all(opset.domain != CONTRIB for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    tables = _matrices(model)
    for node in [one for one in graph.get_nodes_by_op_type("Gather") if one.input[0] in tables]:
        _quantize_lookup(graph, node, tables[node.input[0]])
    if not _is_static(model):
        for constant in _others(model):
            _quantize_constant(graph, constant)
    graph.prune_graph(allow_remove_graph_inputs=False)
    graph.topological_sort()
    return model


def linear_layers(model: ModelProto) -> list[str]:
    """The nodes that multiply by a constant matrix, in the order of the graph, without the last: it decides alone.

    None in a graph whose table has 8 bits already, as a static student's: the rest of it is small, and stays exact.
    """
    if _is_static(model):
        return []
    weights, outputs = _matrices(model), {output.name for output in model.graph.output}
    return [
        node.name
        for node in model.graph.node
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights and outputs.isdisjoint(node.output)
    ]


def _is_static(model: ModelProto) -> bool:
    return any(one.data_type == TensorProto.INT8 and not one.name.endswith(_IN_INT8) for one in model.graph.initializer)


def _others(model: ModelProto) -> list[TensorProto]:
    """Large constants of two or more axes that are read, and by no linear layer."""
    nodes = model.graph.node
    read = {name for node in nodes for name in node.input}
    linear = {node.input[1] for node in nodes if node.op_type in ("MatMul", "Gemm")} & set(_matrices(model))
    return [
        one
        for one in model.graph.initializer
        if one.data_type == TensorProto.FLOAT and len(one.dims) > 1 and math.prod(one.dims) >= _LARGE
        and one.name in read - linear
    ]  # fmt: skip


def _matrices(model: ModelProto) -> dict[str, TensorProto]:
    constants = (one for one in model.graph.initializer if one.data_type == TensorProto.FLOAT)
    return {one.name: one for one in constants if len(one.dims) == 2}  # noqa: PLR2004


def _quantize_lookup(graph: Graph, node: NodeProto, table: TensorProto) -> None:
    """Rows are read first and scaled back after. Names ending in ``_scale`` are the quantiser's."""
    name, rows, given = table.name, node.input[1], node.output[0]
    _add_in_8_bits(graph, table)
    graph.remove_node(node)
    graph.add_nodes([
        helper.make_node("Gather", [f"{name}{_IN_INT8}", rows], [f"{given}_i8"], name=f"{node.name}_i8", axis=0),
        helper.make_node("Gather", [f"{name}_steps", rows], [f"{given}_steps"], name=f"{node.name}_steps", axis=0),
        helper.make_node("Cast", [f"{given}_i8"], [f"{given}_cast"], name=f"{node.name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{given}_cast", f"{given}_steps"], [given], name=f"{node.name}_mul"),
    ])  # fmt: skip


def _quantize_constant(graph: Graph, constant: TensorProto) -> None:
    """What reads it reads the scaled numbers, under the same name."""
    name = constant.name
    _add_in_8_bits(graph, constant)
    graph.remove_initializer(constant)
    graph.add_nodes([
        helper.make_node("Cast", [f"{name}{_IN_INT8}"], [f"{name}_cast"], name=f"{name}_cast", to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_cast", f"{name}_steps"], [name], name=f"{name}_mul"),
    ])  # fmt: skip


def _add_in_8_bits(graph: Graph, table: TensorProto) -> None:
    values = numpy_helper.to_array(table)
    steps = np.maximum(np.abs(values).max(-1, keepdims=True), _TINY) / 127
    graph.add_initializer(numpy_helper.from_array(np.round(values / steps).astype(np.int8), f"{table.name}{_IN_INT8}"))
    graph.add_initializer(numpy_helper.from_array(steps.astype(np.float32), f"{table.name}_steps"))
