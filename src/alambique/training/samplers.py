"""The order of the rows: drawn uniformly for each optimiser step, sorted by length inside it."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

ORDER = "uniform"  # recorded with checkpoints: one made in another order is not continued


class UniformSteps(Sampler[int]):
    """Row numbers of an epoch: all rows shuffled, those of each optimiser step sorted by length.

    Which rows share a step is chance alone, whatever their lengths; the last step has the rows that are left. A step's loss
    does not depend on the order of its rows; sorted, they can be cut into groups of similar length with little padding
    (:mod:`~alambique.models.speedups.length_groups`). The order depends on seed and epoch alone.
    """

    def __init__(
        self,
        lengths: np.ndarray,
        step_rows: int,
        *,
        seed: int,
        labelled: int | None = None,
        epoch_rows: int | None = None,
    ) -> None:
        """Order nothing yet.

        Args:
            lengths: (rows,) of each row.
            step_rows: rows of an optimiser step, in one batch or several micro-batches.
            seed: of the order.
            labelled: how many rows, from the first, are in each epoch; all by default.
            epoch_rows: rows of an epoch; by default each row once. Those beyond the labelled ones are drawn from the rows
                behind them, or again from the labelled ones where there are no others: none comes once more than another.
        """
        self.lengths, self.step_rows, self.seed, self.epoch = lengths, step_rows, seed, 0
        self.labelled = len(lengths) if labelled is None else labelled
        self.epoch_rows = len(lengths) if epoch_rows is None else epoch_rows

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of rows of an epoch."""
        return self.epoch_rows

    def __iter__(self) -> Iterator[int]:
        """The rows of this epoch."""
        chance = np.random.default_rng((self.seed, self.epoch))
        order = chance.permutation(self._rows(chance))
        for start in range(0, len(order), self.step_rows):
            rows = order[start : start + self.step_rows]
            yield from rows[np.argsort(self.lengths[rows], kind="stable")].tolist()

    def _rows(self, chance: np.random.Generator) -> np.ndarray | int:
        """The rows of an epoch in no order, or their number where each is there once."""
        rows, more = len(self.lengths), self.epoch_rows - self.labelled
        if self.epoch_rows == rows:
            return rows
        first, behind = (self.labelled, rows - self.labelled) if self.labelled < rows else (0, rows)
        whole, rest = divmod(more, behind)
        drawn = [*[np.arange(behind)] * whole, chance.choice(behind, rest, replace=False)]
        return np.concatenate([np.arange(self.labelled), *(first + part for part in drawn)])


class LongestFirst(Sampler[int]):
    """Row numbers from the longest row to the shortest, for scoring."""

    def __init__(self, lengths: np.ndarray) -> None:
        """Take the (rows,) lengths."""
        self.lengths = lengths

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """All rows."""
        yield from np.argsort(-self.lengths, kind="stable").tolist()
