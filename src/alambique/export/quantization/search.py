"""The schemes of quantisation that are tried, from the smallest file up, until one does what PyTorch does."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from onnx import ModelProto

from alambique.errors import ExportError
from alambique.evaluation.task import Task
from alambique.export.parity import Parity
from alambique.export.quantization.graph import linear_layers, load_graph
from alambique.export.quantization.quantize import quantize
from alambique.export.refusal import refused_by_a_library
from alambique.inference.onnx_model import OnnxModel
from alambique.inference.token_batches import TokenBatches
from alambique.models.inputs import ModelInputs

Segments = list[tuple[str, ...]]
# rows of train: to measure ranges on; to find out which layers are sensitive, of which some to measure ranges on
_CALIBRATION, _SENSITIVITY_ROWS, _SENSITIVITY_CALIBRATION = 256, 128, 32


@dataclass(frozen=True)
class Candidate:
    """One scheme, what it made and why it is refused.

    Attributes:
        scheme: in words.
        size: of the file, in bytes; None where none could be made.
        parity: on valid; None where there was nothing to compare.
        problems: empty if it passes.
    """

    scheme: str
    size: int | None
    parity: Parity | None
    problems: list[str]

    @classmethod
    def of_none(cls, scheme: str, error: ExportError) -> Self:
        """A scheme of which no file could be made."""
        return cls(scheme, None, None, [str(error)])

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "scheme": self.scheme, "bytes": self.size, "parity": self.parity and self.parity.as_dict(),
            "problems": self.problems,
        }  # fmt: skip


@dataclass(frozen=True)
class Scheme:
    """How much is quantised.

    Attributes:
        left_out: how many of the most sensitive linear layers stay in fp32.
    """

    left_out: int = 0

    def __str__(self) -> str:
        """In words."""
        left = f", {self.left_out} sensitive layers in fp32" if self.left_out else ""
        return f"calibrated ranges, 7-bit weights{left}, 8-bit embeddings"


class Quantizer:
    """Makes int8 graphs of one fp32 graph."""

    def __init__(self, graph: Path, tokenizer: Path, inputs: ModelInputs, train: Segments, *, task: Task) -> None:
        """Load the graph.

        Args:
            graph: in fp32.
            tokenizer: a ``tokenizer.json``.
            inputs: what the graph is given.
            train: rows to calibrate on.
            task: how logits become probabilities.
        """
        self.model, self.train, self.task = load_graph(graph), train, task
        self.layers = linear_layers(self.model)
        self.open: Callable[[ModelProto], OnnxModel] = lambda model: OnnxModel(
            model.SerializeToString(), tokenizer, inputs
        )
        self.encode = TokenBatches(tokenizer, inputs)

    @cached_property
    def sensitive(self) -> list[str]:
        """The linear layers, that first which alone in int8 moves the probabilities most, on rows of train."""
        some = self.train[:_SENSITIVITY_ROWS]
        exact = self.task.probabilities(self.open(self.model).logits(some))

        def drift(name: str) -> float:
            alone = quantize(self.model, [name], self._inputs(_SENSITIVITY_CALIBRATION))
            return float(np.abs(self.task.probabilities(self.open(alone).logits(some)) - exact).mean())

        return sorted(self.layers, key=drift, reverse=True)

    def make(self, scheme: Scheme) -> ModelProto:
        """The graph in int8."""
        keep = set(self.sensitive[: scheme.left_out]) if scheme.left_out else set()
        return quantize(self.model, [name for name in self.layers if name not in keep], self._inputs(_CALIBRATION))

    def schemes(self) -> list[Scheme]:
        """What is tried, the smallest first."""
        return [Scheme(count) for count in dict.fromkeys([0, -(-len(self.layers) // 4), -(-len(self.layers) // 2)])]

    def _inputs(self, count: int) -> list[dict[str, np.ndarray]]:
        """Rows of train, spread evenly over it, one by one."""
        some = np.linspace(0, len(self.train) - 1, min(count, len(self.train))).astype(int)
        return [batch for _, batch in self.encode([self.train[i] for i in some], 1)]


def first_that_passes(
    quantizer: Quantizer, judge: Callable[[OnnxModel], tuple[Parity, list[str]]], work: Path
) -> tuple[bytes | None, list[Candidate]]:
    """Try the schemes in order; one that ONNX Runtime cannot make or run is refused.

    Args:
        quantizer: makes the graphs.
        judge: the parity of a model on valid, and why it is refused.
        work: the folder that is being written to.

    Returns:
        The content of the smallest file that passes, or None; and all that was tried.
    """
    tried = []
    for scheme in quantizer.schemes():
        try:
            with refused_by_a_library("it cannot be made in whole numbers", work):
                made = quantizer.make(scheme)
                content = made.SerializeToString()
                parity, problems = judge(quantizer.open(made))
        except ExportError as error:
            tried.append(Candidate.of_none(str(scheme), error))
            continue
        tried.append(Candidate(str(scheme), len(content), parity, problems))
        if not problems:
            return content, tried
    return None, tried
