"""The linear layers and embedding tables of an ONNX graph."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import GraphProto, ModelProto, NodeProto, helper, numpy_helper
from onnxruntime.transformers.fusion_gelu import FusionGelu
from onnxruntime.transformers.onnx_model import OnnxModel

CONTRIB = "com.microsoft"


@dataclass(frozen=True)
class Linear:
    """A matrix product with constant weights, and the sum with its bias if one follows.

    Attributes:
        node: the product's name.
        reads: the tensor it multiplies.
        weight: (inputs, outputs) float32.
        bias: name of the bias, or an empty name.
        nodes: the product, and the sum that takes its bias.
        gives: the tensor that comes out.
    """

    node: str
    reads: str
    weight: np.ndarray
    bias: str
    nodes: tuple[NodeProto, ...]
    gives: str


def load_fused(path: Path) -> ModelProto:
    """An exported graph with each GELU as one operator; layer norms stay as they are."""
    model = onnx.load(path)
    FusionGelu(OnnxModel(model)).apply()
    if all(opset.domain != CONTRIB for opset in model.opset_import):
        model.opset_import.append(helper.make_opsetid(CONTRIB, 1))
    return in_order(model)


def linear_layers(graph: GraphProto) -> list[Linear]:
    """The linear layers in the order of the graph, without the last: it has a column a label and decides alone."""
    weights = constants(graph)
    outputs = {output.name for output in graph.output}
    found = []
    for node in graph.node:
        if node.op_type in ("MatMul", "Gemm") and node.input[1] in weights and weights[node.input[1]].ndim == 2:  # noqa: PLR2004
            linear = _linear(graph, node, weights)
            if linear.gives not in outputs:
                found.append(linear)
    return found


def _linear(graph: GraphProto, node: NodeProto, weights: dict[str, np.ndarray]) -> Linear:
    weight = weights[node.input[1]]
    if node.op_type == "Gemm":
        transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
        bias = node.input[2] if len(node.input) > 2 else ""  # noqa: PLR2004
        return Linear(node.name, node.input[0], weight.T if transposed else weight, bias, (node,), node.output[0])
    readers = [other for other in graph.node if node.output[0] in other.input]
    if len(readers) == 1 and readers[0].op_type == "Add":
        other = next((name for name in readers[0].input if name != node.output[0]), "")
        if other in weights and weights[other].shape == (weight.shape[1],):
            return Linear(node.name, node.input[0], weight, other, (node, readers[0]), readers[0].output[0])
    return Linear(node.name, node.input[0], weight, "", (node,), node.output[0])


def embedding_lookups(graph: GraphProto) -> list[tuple[NodeProto, np.ndarray]]:
    """The embedding tables, (tokens, width) float32, each with the node that reads rows of it."""
    weights = constants(graph)
    return [
        (node, weights[node.input[0]])
        for node in graph.node
        if node.op_type == "Gather" and node.input[0] in weights and weights[node.input[0]].ndim == 2  # noqa: PLR2004
    ]


def constants(graph: GraphProto) -> dict[str, np.ndarray]:
    """The float32 constants by name."""
    return {
        one.name: numpy_helper.to_array(one) for one in graph.initializer if one.data_type == onnx.TensorProto.FLOAT
    }


def replace(graph: GraphProto, old: Iterable[NodeProto], new: list[NodeProto]) -> None:
    """Put nodes in the place of others."""
    gone = [node.SerializeToString() for node in old]
    nodes = [node for node in graph.node if node.SerializeToString() not in gone]
    del graph.node[:]
    graph.node.extend([*nodes, *new])


def in_order(model: ModelProto) -> ModelProto:
    """Nodes after those whose outputs they read, and no constant that none reads."""
    graph = model.graph
    known = {one.name for one in graph.initializer} | {one.name for one in graph.input} | {""}
    waiting, nodes = list(graph.node), []
    while waiting:
        ready = [node for node in waiting if known.issuperset(node.input)]
        if not ready:
            raise RuntimeError(f"the graph's node {waiting[0].name} reads what no node gives")
        for node in ready:
            known.update(node.output)
        nodes += ready
        done = {id(node) for node in ready}
        waiting = [node for node in waiting if id(node) not in done]
    read = {name for node in nodes for name in node.input}
    kept = [one for one in graph.initializer if one.name in read]
    del graph.node[:]
    graph.node.extend(nodes)
    del graph.initializer[:]
    graph.initializer.extend(kept)
    del graph.value_info[:]
    return model
