"""The ranges of what flows through a graph, from rows of train."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime as ort
from onnx import ModelProto, TensorProto, helper

from alambique.inference.onnx_model import TokenBatches

ROWS, BATCH = 256, 8


@dataclass(frozen=True)
class Range:
    """The least and the greatest value of a tensor."""

    low: float
    high: float


def calibrate(
    model: ModelProto, encode: TokenBatches, segments: list[tuple[str, ...]], tensors: Iterable[str]
) -> dict[str, Range]:
    """Run up to :data:`ROWS` rows, spread evenly over those given, and watch these tensors; padding is not counted."""
    names = list(dict.fromkeys(tensors))
    watched = ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL  # keeps every tensor
    session = ort.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    some = np.linspace(0, len(segments) - 1, min(ROWS, len(segments))).astype(int)
    found: dict[str, Range] = {}
    for _, batch in encode([segments[i] for i in some], BATCH):
        for name, values in zip(names, session.run(names, batch), strict=True):
            found[name] = _wider(found.get(name), _of_tokens(values, batch["attention_mask"]))
    return found


def _of_tokens(values: Any, mask: np.ndarray) -> np.ndarray:
    """The values without those of the padding, where the tensor has a place for each token."""
    return np.asarray(values[mask == 1] if values.shape[:-1] == mask.shape else values)


def _wider(known: Range | None, values: np.ndarray) -> Range:
    low, high = float(values.min()), float(values.max())
    return Range(low, high) if known is None else Range(min(low, known.low), max(high, known.high))
