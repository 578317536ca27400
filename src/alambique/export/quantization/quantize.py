"""An fp32 graph with its linear layers and embedding tables in whole numbers.

A linear layer's weights become whole numbers with one scale a column, what it reads becomes whole numbers from 0 to 255 with
one scale and zero point; the product is taken in whole numbers and scaled back (Jacob et al. 2018, "Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", §2; biases stay in fp32). An embedding table
keeps one scale a row and is scaled back after the row is read, so that the table is never held in fp32.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from alambique.export.quantization.graph import (
    CONTRIB,
    Linear,
    constants,
    embedding_lookups,
    in_order,
    linear_layers,
    replace,
)
from alambique.export.quantization.ranges import Range

_TINY = 1e-8
_MANY = 4096  # a constant with fewer values is not worth a scale


@dataclass(frozen=True)
class Scheme:
    """How a graph is quantised.

    Attributes:
        ranges: of what the linear layers read: ``calibrated`` once on rows of train, so that a text's answer does not depend
            on the others of its batch; or ``dynamic``, from each batch as it comes.
        weight_bits: 7: signed, which no processor's 8-bit multiplication overflows with; 8: unsigned, finer, slower.
        embedding_bits: 8, or 16: half precision.
        left_out: how many of the most sensitive linear layers stay in fp32.
    """

    ranges: Literal["calibrated", "dynamic"] = "calibrated"
    weight_bits: Literal[7, 8] = 7
    embedding_bits: Literal[8, 16] = 8
    left_out: int = 0

    def __str__(self) -> str:
        """In words."""
        left = f", {self.left_out} sensitive layers in fp32" if self.left_out else ""
        return f"{self.ranges} ranges, {self.weight_bits}-bit weights{left}, {self.embedding_bits}-bit embeddings"


def quantize(model: ModelProto, scheme: Scheme, ranges: dict[str, Range], keep: frozenset[str]) -> ModelProto:
    """A quantised copy of a graph.

    Args:
        model: in fp32.
        scheme: how.
        ranges: of every tensor that a linear layer reads.
        keep: the names of the linear layers that stay in fp32.
    """
    made = ModelProto()
    made.CopyFrom(model)
    layers = [linear for linear in linear_layers(made.graph) if linear.node not in keep]
    by_tensor: dict[str, list[Linear]] = {}
    for linear in layers:
        by_tensor.setdefault(linear.reads, []).append(linear)
    for tensor, readers in by_tensor.items():
        _quantize_readers(made, tensor, readers, scheme, ranges[tensor])
    for node, table in embedding_lookups(made.graph):
        _quantize_lookup(made, node, table, scheme.embedding_bits)
    in_order(made)
    _pack_the_rest(made, keep)
    return in_order(made)


def _quantize_readers(model: ModelProto, tensor: str, readers: list[Linear], scheme: Scheme, seen: Range) -> None:
    """One quantisation of a tensor for all the linear layers that read it."""
    graph, whole, scale, zero = model.graph, f"{tensor}_u8", f"{tensor}_scale", f"{tensor}_zero"
    if scheme.ranges == "dynamic":
        first = helper.make_node("DynamicQuantizeLinear", [tensor], [whole, scale, zero], name=f"{tensor}_quantize")
    else:
        low, high = min(0.0, seen.low), max(0.0, seen.high)
        step = max((high - low) / 255, _TINY)
        _constant(model, scale, np.float32(step))
        _constant(model, zero, np.uint8(np.clip(round(-low / step), 0, 255)))
        first = helper.make_node("QuantizeLinear", [tensor, scale, zero], [whole], name=f"{tensor}_quantize")
    products = [_product(model, linear, (whole, scale, zero), scheme.weight_bits) for linear in readers]
    replace(graph, [node for linear in readers for node in linear.nodes], [first, *products])


def _product(model: ModelProto, linear: Linear, read: tuple[str, str, str], bits: int) -> NodeProto:
    whole, scale, zero = read
    name, weight = f"{linear.node}_weight", linear.weight
    # 255 · 64 · 2 fits in 16 bits, which AVX2 adds pairs of products in; 127 would not
    limit = 64 if bits == 7 else 127  # noqa: PLR2004
    steps = np.maximum(np.abs(weight).max(0), _TINY) / limit
    numbers = np.clip(np.round(weight / steps), -limit, limit)
    if bits == 7:  # noqa: PLR2004
        _constant(model, name, numbers.astype(np.int8))
        _constant(model, f"{name}_zero", np.zeros(weight.shape[1], dtype=np.int8))
    else:
        _constant(model, name, (numbers + 128).astype(np.uint8))
        _constant(model, f"{name}_zero", np.full(weight.shape[1], 128, dtype=np.uint8))
    _constant(model, f"{name}_scale", steps.astype(np.float32))
    inputs = [whole, name, scale, f"{name}_scale", zero, f"{name}_zero", *([linear.bias] if linear.bias else [])]
    return helper.make_node("MatMulIntegerToFloat", inputs, [linear.gives], name=f"{linear.node}_int8", domain=CONTRIB)


def _quantize_lookup(model: ModelProto, node: NodeProto, table: np.ndarray, bits: int) -> None:
    """Rows are read first and scaled back after."""
    name, rows, given = node.input[0], node.input[1], node.output[0]
    if bits == 16:  # noqa: PLR2004
        _constant(model, f"{name}_f16", table.astype(np.float16))
        new = [
            helper.make_node("Gather", [f"{name}_f16", rows], [f"{given}_f16"], name=f"{node.name}_f16", axis=0),
            helper.make_node("Cast", [f"{given}_f16"], [given], name=f"{node.name}_cast", to=TensorProto.FLOAT),
        ]
    else:
        numbers, steps = _by_row(table)
        _constant(model, f"{name}_i8", numbers)
        _constant(model, f"{name}_scale", steps)
        new = [
            helper.make_node("Gather", [f"{name}_i8", rows], [f"{given}_read"], name=f"{node.name}_i8", axis=0),
            helper.make_node("Gather", [f"{name}_scale", rows], [f"{given}_steps"], name=f"{node.name}_scale", axis=0),
            helper.make_node(
                "Cast", [f"{given}_read"], [f"{given}_cast"], name=f"{node.name}_cast", to=TensorProto.FLOAT
            ),
            helper.make_node("Mul", [f"{given}_cast", f"{given}_steps"], [given], name=f"{node.name}_mul"),
        ]
    replace(model.graph, [node], new)


def _pack_the_rest(model: ModelProto, keep: frozenset[str]) -> None:
    """Keep other large matrices in 8 bits a row; they are scaled back as the file is loaded."""
    kept = {name for node in model.graph.node if node.name in keep for name in node.input}
    outputs = {output.name for output in model.graph.output}
    kept |= {name for node in model.graph.node if outputs & set(node.output) for name in node.input}
    new = []
    for name, values in constants(model.graph).items():
        if values.ndim < 2 or values.size < _MANY or min(values.shape) == 1 or name in kept:  # noqa: PLR2004
            continue
        numbers, steps = _by_row(values)
        _remove(model, name)
        _constant(model, f"{name}_i8", numbers)
        _constant(model, f"{name}_scale", steps)
        new += [
            helper.make_node("Cast", [f"{name}_i8"], [f"{name}_cast"], name=f"{name}_unpack", to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name], name=f"{name}_rescale"),
        ]
    replace(model.graph, [], new)


def _by_row(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from −127 to 127 and (rows, 1) scales."""
    steps = np.maximum(np.abs(table).max(-1, keepdims=True), _TINY) / 127
    return np.round(table / steps).astype(np.int8), steps.astype(np.float32)


def _constant(model: ModelProto, name: str, value: np.ndarray | np.generic) -> None:
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(value.shape), name))


def _remove(model: ModelProto, name: str) -> None:
    kept = [one for one in model.graph.initializer if one.name != name]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
