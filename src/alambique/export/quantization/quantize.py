"""Linear layers in whole numbers, by ONNX Runtime's quantiser."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
from onnx import ModelProto
from onnxruntime.quantization import QuantType, quantize_static

Inputs = dict[str, np.ndarray]
_KINDS = ["MatMul", "Gemm"]


def quantize(model: ModelProto, nodes: Sequence[str], calibration: Sequence[Inputs]) -> ModelProto:
    """A copy of a graph with these linear layers in int8, the rest as it was.

    Weights have 7 bits and a scale a column: processors without VNNI add pairs of products in 16 bits, which 8 bits
    overflow. What they multiply has 8 bits and one range, measured beforehand, so that a text's answer does not depend on
    the others of its batch. Products come out in fp32: to quantise these too adds drift and gains no time.

    Args:
        model: in fp32.
        nodes: the names of the linear layers.
        calibration: inputs to measure the ranges on; without padding, which would be measured too.
    """
    with TemporaryDirectory() as folder, _quiet():
        before, after = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, before)
        # by what it leaves out, since it takes an empty list of nodes for all
        others = [node.name for node in model.graph.node if node.op_type in _KINDS and node.name not in nodes]
        quantize_static(
            before, after, _Calibration(calibration),
            op_types_to_quantize=_KINDS, nodes_to_exclude=others,
            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True,
            extra_options={"OpTypesToExcludeOutputQuantization": _KINDS},
        )  # fmt: skip
        made = onnx.load(after)
    del made.graph.value_info[:]  # shapes, which ONNX Runtime finds again
    return made


class _Calibration:
    """The inputs one by one, then None: a ``CalibrationDataReader`` by what it does."""

    def __init__(self, inputs: Sequence[Inputs]) -> None:
        self.left = iter(inputs)

    def get_next(self) -> Inputs | None:
        return next(self.left, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """The quantiser speaks through the root logger, which Python then sets up for the whole process if nobody has."""
    root, silent = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.addHandler(silent)
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.removeHandler(silent)
        root.setLevel(level)
