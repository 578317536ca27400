"""The rows of each batch, shared out among processes so that each has about as many tokens."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from alambique.training.dataset import TokenDataset, identity_collator
from alambique.training.samplers import UniformSteps
from alambique.training.views import ViewEachEpoch, ViewsDataset

WITHOUT_ROWS = "without_rows"  # in a batch: its only row stands in for none, as a forward pass needs one


def share_of(rows: Sequence[int], rank: int, processes: int) -> list[int]:
    """A process's rows of a batch whose rows are sorted by length.

    They are dealt out in turns, the longest first, from the first process to the last and back again. Numbers of rows differ
    by one at most, numbers of tokens by those of the longest row at most, and each share is sorted.

    Args:
        rows: of the batch, the shortest first.
        rank: of the process.
        processes: that share the batch.

    Example:
        >>> from alambique.training.shares import share_of
        >>> [share_of([10, 11, 12, 13, 14, 15, 16], rank, 2) for rank in (0, 1)]
        [[12, 13, 16], [10, 11, 14, 15]]
    """
    places = [
        start + (processes - 1 - rank if turn % 2 else rank)
        for turn, start in enumerate(range(0, len(rows), processes))
    ]
    return [rows[-1 - place] for place in reversed(places) if place < len(rows)]


class SharedBatches(Sampler[list[int]]):
    """A process's share of each batch of an epoch: those that a single process makes."""

    def __init__(self, order: UniformSteps | ViewEachEpoch, batch_rows: int, *, rank: int, processes: int) -> None:
        """Order nothing yet.

        Args:
            order: of the rows of an epoch, sorted by length within each step.
            batch_rows: rows of a batch, of all processes together.
            rank: of this process.
            processes: that share a batch.
        """
        self.order, self.batch_rows, self.rank, self.processes = order, batch_rows, rank, processes

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch."""
        self.order.set_epoch(epoch)

    def __len__(self) -> int:
        """Number of batches, the same for each process."""
        return math.ceil(len(self.order) / self.batch_rows)

    def __iter__(self) -> Iterator[list[int]]:
        """The share of each batch. One without rows is the batch's first row as a negative number: −1 − row."""
        rows = list(self.order)
        for start in range(0, len(rows), self.batch_rows):
            batch = rows[start : start + self.batch_rows]
            yield share_of(batch, self.rank, self.processes) or [-1 - batch[0]]


class SharedRows(Dataset[dict[str, Tensor]]):
    """The rows of a training, read by the numbers that :class:`SharedBatches` gives."""

    def __init__(self, rows: TokenDataset | ViewsDataset) -> None:
        """Take the rows."""
        self.rows = rows

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One row."""
        return self.rows[row]

    def __getitems__(self, rows: Sequence[int]) -> dict[str, Any]:
        """A share of a batch, or a row that stands in for none."""
        if rows[0] >= 0:
            return self.rows.__getitems__(rows)
        return {**self.rows.__getitems__([-1 - rows[0]]), WITHOUT_ROWS: True}


class SharedLoader(DataLoader[dict[str, Tensor]]):
    """A process's shares of the batches of an epoch, as tensors."""

    def __init__(self, rows: TokenDataset | ViewsDataset, batches: SharedBatches, *, pin_memory: bool) -> None:
        """Take the rows and the order of batches; ``pin_memory``: for a GPU."""
        super().__init__(SharedRows(rows), batch_sampler=batches, collate_fn=identity_collator, pin_memory=pin_memory)
        self.batches = batches

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch."""
        self.batches.set_epoch(epoch)


def scored_batches(lengths: np.ndarray, batch_rows: int) -> list[np.ndarray]:
    """Row numbers of each batch in which valid is scored, the same batches as those of a single process."""
    order = np.argsort(-lengths, kind="stable")
    return [order[start : start + batch_rows] for start in range(0, len(order), batch_rows)]
