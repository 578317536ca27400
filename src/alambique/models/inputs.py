"""What a model reads: the names of its inputs, and padded batches of them in numpy and torch."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, TypeVar

import numpy as np

from alambique.artefacts.tokens import Tokens

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

V = TypeVar("V")
_NOT_INPUTS = frozenset({"labels", "args", "kwargs"})  # given labels, a model would compute a loss of its own


@dataclass(frozen=True)
class ModelInputs:
    """The inputs of one model.

    Attributes:
        names: what its forward pass, or its graph, takes by name.
        shortest: tokens that a batch has at least.
    """

    names: frozenset[str]
    shortest: int = 0

    @classmethod
    def of(cls, model: "nn.Module") -> Self:
        """Those that the forward pass of a model in PyTorch names, but for labels."""
        return cls(frozenset(inspect.signature(model.forward).parameters) - _NOT_INPUTS)

    def select(self, batch: Mapping[str, V]) -> dict[str, V]:
        """The part of a batch that the model reads."""
        return {name: values for name, values in batch.items() if name in self.names}

    def arrays(self, tokens: Tokens, rows: np.ndarray) -> dict[str, np.ndarray]:
        """A batch of these rows, padded to the longest of them: (B, T) int64 each."""
        return tokens.batch(rows, self.names, shortest=self.shortest)

    def tensors(self, tokens: Tokens, rows: np.ndarray, device: "torch.device | str" = "cpu") -> "dict[str, Tensor]":
        """The same as tensors on a device."""
        import torch  # noqa: PLC0415 - ONNX models need none

        return {name: torch.from_numpy(values).to(device) for name, values in self.arrays(tokens, rows).items()}
