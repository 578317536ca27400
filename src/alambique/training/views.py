"""Several versions of the rows of train, one of which is read in each epoch."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset, Sampler

from alambique.training.dataset import TokenDataset
from alambique.training.samplers import UniformSteps


class ViewsDataset(Dataset[dict[str, Tensor]]):
    """Versions of the same rows, numbered one after the other: row r of view k of n rows has the number k · n + r."""

    def __init__(self, views: Sequence[TokenDataset]) -> None:
        """Take the views, the rows themselves first."""
        self.views = tuple(views)

    def __len__(self) -> int:
        """Number of rows of one view."""
        return len(self.views[0])

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One row of one view."""
        view, place = divmod(row, len(self))
        return self.views[view][place]

    def __getitems__(self, rows: Sequence[int]) -> dict[str, Any]:
        """A batch of rows, all of one view."""
        view = rows[0] // len(self)
        return self.views[view].__getitems__([row - view * len(self) for row in rows])


class ViewEachEpoch(Sampler[int]):
    """Numbers of a :class:`ViewsDataset`: in epoch e those of view e modulo their number, in the order of its sampler."""

    def __init__(self, samplers: Sequence[UniformSteps]) -> None:
        """Take a sampler for each view."""
        self.samplers, self.epoch = samplers, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch."""
        self.epoch = epoch
        for sampler in self.samplers:
            sampler.set_epoch(epoch)

    def __len__(self) -> int:
        """Number of rows of an epoch."""
        return len(self.samplers[0])

    def __iter__(self) -> Iterator[int]:
        """The rows of this epoch."""
        view = self.epoch % len(self.samplers)
        before = view * len(self.samplers[view].lengths)
        return (before + row for row in self.samplers[view])
