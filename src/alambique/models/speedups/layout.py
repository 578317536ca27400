"""Where the real tokens of a padded batch lie, and groups of rows in which they are padded again for attention."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from alambique.models.speedups.length_groups import group_lengths

_GROUP_COST = 1_500_000  # of a group's attention, in pairs of tokens × D: mostly the calls of its operations
_SPARED = 4096  # padding tokens, below which an accelerator computes them faster than it leaves them out


class Group(NamedTuple):
    """Consecutive rows that attention computes together, padded to the longest of them."""

    rows: int
    width: int
    begin: int  # of their tokens among the N real ones
    end: int
    places: Tensor | None  # (tokens,) where each lies among rows · width; None: nothing is padded
    hidden: Tensor | None  # (rows, width) True where padded

    def pad(self, packed: Tensor) -> Tensor:
        """(N, D) → (rows, width, D) of this group."""
        tokens = packed[self.begin : self.end]
        if self.places is not None:
            tokens = _Spread.apply(tokens, self.places, self.rows * self.width)
        return tokens.view(self.rows, self.width, -1)

    def unpad(self, padded: Tensor) -> Tensor:
        """(rows, width, D) → (tokens of this group, D)."""
        tokens = padded.reshape(self.rows * self.width, -1)
        return tokens if self.places is None else _Gather.apply(tokens, self.places)


@dataclass(frozen=True)
class Layout:
    """The N real tokens of a batch of B rows.

    Attributes:
        real: (N,) their places in the flattened batch.
        positions: (1, N) the column of each.
        firsts: (B,) which of them begins each row.
        groups: all rows, in order.
    """

    real: Tensor
    positions: Tensor
    firsts: Tensor
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, mask: Tensor, size: int) -> Self | None:
        """The layout of a batch.

        Args:
            mask: (B, T) of attention.
            size: D, the width of the hidden states.

        Returns:
            None for rows that do not begin with a real token, which the head reads; and on an accelerator for a batch with
            little padding.
        """
        real = mask.detach().cpu().numpy() != 0
        lengths = real.sum(1)
        spared = real.size - int(lengths.sum())
        if not real[:, :1].all() or (mask.device.type != "cpu" and spared < _SPARED):
            return None
        places = np.flatnonzero(real)
        ends = np.cumsum(lengths)
        bounds = group_lengths(lengths, overhead=_GROUP_COST / size, power=2)
        return cls(
            torch.from_numpy(places).to(mask.device),
            torch.from_numpy(places % real.shape[1]).unsqueeze(0).to(mask.device),
            torch.from_numpy(ends - lengths).to(mask.device),
            tuple(
                _group(lengths[first:last], int(ends[first] - lengths[first]), mask.device)
                for first, last in pairwise(bounds)
            ),
        )

    def pack(self, values: Tensor) -> Tensor:
        """(B, T) → (1, N), without padding."""
        return values.flatten().index_select(0, self.real).unsqueeze(0)

    def by_group(self, compute: Callable[..., Tensor], packed: Sequence[Tensor]) -> Tensor:
        """Compute each group by itself and put the tokens together again.

        Args:
            compute: from one (rows, width, D) for each of ``packed`` and ``hidden`` (rows, width) to (rows, width, D).
            packed: (1, N, D) each.

        Returns:
            (1, N, D).
        """
        flat = [part.squeeze(0) for part in packed]
        made = [group.unpad(compute(*(group.pad(part) for part in flat), hidden=group.hidden)) for group in self.groups]
        return torch.cat(made).unsqueeze(0)


def _group(lengths: np.ndarray, begin: int, device: torch.device) -> Group:
    width, tokens = int(lengths.max()), int(lengths.sum())
    real = np.arange(width) < lengths[:, None]
    if real.all():
        return Group(len(lengths), width, begin, begin + tokens, None, None)
    places, hidden = (torch.from_numpy(values).to(device) for values in (np.flatnonzero(real), ~real))
    return Group(len(lengths), width, begin, begin + tokens, places, hidden)


class _Spread(torch.autograd.Function):
    """(n, D) into the given rows of (size, D), the others zero. No row is written twice, so nothing need be added up."""

    @staticmethod
    def forward(ctx: Any, tokens: Tensor, places: Tensor, size: int) -> Tensor:
        ctx.save_for_backward(places)
        return tokens.new_zeros(size, tokens.shape[1]).index_copy_(0, places, tokens)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return gradient.index_select(0, ctx.saved_tensors[0]), None, None


class _Gather(torch.autograd.Function):
    """The given rows of (size, D), each once: (n, D)."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, places: Tensor) -> Tensor:
        ctx.save_for_backward(places)
        ctx.size = len(padded)
        return padded.index_select(0, places)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        places = ctx.saved_tensors[0]
        return gradient.new_zeros(ctx.size, gradient.shape[1]).index_copy_(0, places, gradient), None
