"""The order of the rows: batches of similar length, in an order that is still random."""

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

POOL = 50  # batches that are sorted together


class LengthGroupedBatches(Sampler[int]):
    """Row numbers such that each batch holds rows of similar length; every row comes once an epoch.

    The scheme: shuffle all rows; sort each pool of :data:`POOL` batches by length, rows of one length staying in
    their shuffled order; cut the pools into batches; shuffle the batches. A row thus meets other rows of about its length,
    different ones in each epoch, and the length of a batch says nothing about the length of the next. A last batch that is
    not full stays the last. The order depends on seed and epoch alone.
    """

    def __init__(self, lengths: np.ndarray, batch_size: int, *, seed: int) -> None:
        """Order nothing yet.

        Args:
            lengths: (rows,) of each row.
            batch_size: rows of an optimiser step.
            seed: of the order.
        """
        self.lengths, self.batch_size, self.seed, self.epoch = lengths, batch_size, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """The rows of this epoch."""
        random = np.random.default_rng((self.seed, self.epoch))
        order = random.permutation(len(self.lengths))
        pool = POOL * self.batch_size
        pools = [order[start : start + pool] for start in range(0, len(order), pool)]
        grouped = np.concatenate([rows[np.argsort(self.lengths[rows], kind="stable")] for rows in pools] or [order])
        whole = len(order) // self.batch_size
        batches = grouped[: whole * self.batch_size].reshape(whole, self.batch_size)
        yield from batches[random.permutation(whole)].ravel().tolist()
        yield from grouped[whole * self.batch_size :].tolist()


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
