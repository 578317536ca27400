"""The schemes of quantisation that are tried, from the smallest file up, until one does what PyTorch does."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto

from alambique.evaluation.task import Task
from alambique.export.parity import Parity
from alambique.export.quantization.graph import embedding_lookups, linear_layers, load_fused
from alambique.export.quantization.quantize import Scheme, quantize
from alambique.export.quantization.ranges import Range, calibrate
from alambique.inference.onnx_model import OnnxModel, TokenBatches, input_names, session

Segments = list[tuple[str, ...]]
_ROWS = 128  # of train, to find out which layers are sensitive


@dataclass(frozen=True)
class Candidate:
    """One scheme, what it made and why it is refused.

    Attributes:
        scheme: in words.
        size: of the file, in bytes.
        parity: on valid.
        problems: empty if it passes.
    """

    scheme: str
    size: int
    parity: Parity
    problems: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "scheme": self.scheme, "bytes": self.size, "parity": self.parity.as_dict(), "problems": self.problems,
        }  # fmt: skip


class Quantizer:
    """Makes int8 graphs of one fp32 graph."""

    def __init__(
        self, graph: Path, tokenizer: Path, train: Segments, *, task: Task, max_length: int, pad_id: int
    ) -> None:
        """Load the graph.

        Args:
            graph: in fp32.
            tokenizer: a ``tokenizer.json``.
            train: rows to calibrate on.
            task: how logits become probabilities.
            max_length: where texts are cut.
            pad_id: of the padding token.
        """
        self.model, self.train, self.task = load_fused(graph), train, task
        self.layers = linear_layers(self.model.graph)
        self.open: Callable[[ModelProto], OnnxModel] = lambda model: OnnxModel(
            model.SerializeToString(), tokenizer, max_length=max_length, pad_id=pad_id
        )
        self.encode = TokenBatches(tokenizer, max_length=max_length, pad_id=pad_id, inputs=input_names(session(graph)))

    @cached_property
    def ranges(self) -> dict[str, Range]:
        """Of what the linear layers read, on rows of train."""
        return calibrate(self.model, self.encode, self.train, [layer.reads for layer in self.layers])

    @cached_property
    def sensitive(self) -> list[str]:
        """The linear layers, that first which alone in int8 moves the probabilities most, on rows of train."""
        names = [layer.node for layer in self.layers]
        some = self.train[:_ROWS]
        exact = self.task.probabilities(self.open(self.model).logits(some))

        def drift(name: str) -> float:
            alone = quantize(self.model, Scheme(), self.ranges, frozenset(names) - {name})
            return float(np.abs(self.task.probabilities(self.open(alone).logits(some)) - exact).mean())

        return sorted(names, key=drift, reverse=True)

    def make(self, scheme: Scheme) -> ModelProto:
        """The graph in int8."""
        keep = frozenset(self.sensitive[: scheme.left_out]) if scheme.left_out else frozenset()
        return quantize(self.model, scheme, self.ranges, keep)

    def schemes(self) -> list[Scheme]:
        """What is tried, the smallest first; of one size, first what does not depend on the batch and is fastest."""
        quarter, half = -(-len(self.layers) // 4), -(-len(self.layers) // 2)
        weights = (
            Scheme(), Scheme(weight_bits=8), Scheme("dynamic"), Scheme("dynamic", weight_bits=8),
            Scheme(left_out=quarter), Scheme(left_out=half),
        )  # fmt: skip
        halved = [replace(scheme, embedding_bits=16) for scheme in weights]
        return sorted([*weights, *halved], key=self._size)

    def _size(self, scheme: Scheme) -> float:
        """Bytes of tables and weights, with layers of average size left out."""
        tables = sum(table.size for _, table in embedding_lookups(self.model.graph)) * scheme.embedding_bits / 8
        weights = sum(layer.weight.size for layer in self.layers)
        return tables + weights * (1 + 3 * scheme.left_out / max(1, len(self.layers)))


def first_that_passes(
    quantizer: Quantizer, judge: Callable[[OnnxModel], tuple[Parity, list[str]]]
) -> tuple[bytes | None, list[Candidate]]:
    """Try the schemes in order.

    Args:
        quantizer: makes the graphs.
        judge: the parity of a model on valid, and why it is refused.

    Returns:
        The content of the smallest file that passes, or None; and all that was tried.
    """
    tried = []
    for scheme in quantizer.schemes():
        made = quantizer.make(scheme)
        content = made.SerializeToString()
        parity, problems = judge(quantizer.open(made))
        tried.append(Candidate(str(scheme), len(content), parity, problems))
        if not problems:
            return content, tried
    return None, tried
