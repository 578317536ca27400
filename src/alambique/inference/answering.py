"""Where the answers of a teacher without weights come from: each form finds and checks its source, then answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.splits import Splits
from alambique.progress import Reporter


@dataclass(frozen=True)
class Requests:
    """What answering all rows takes of a service.

    Attributes:
        count: requests, if none fails: one for each different text.
        rows: of train, valid and test.
        most: how many are allowed; None for any number.
    """

    count: int
    rows: int
    most: int | None


class AnswerSource(ABC):
    """Base of the forms; frozen. Nothing is asked before :meth:`answer`."""

    @property
    def known(self) -> Mapping[str, np.ndarray] | None:
        """Logits by split that are here before anything is asked; None where there are none."""
        return None

    def requests(self, splits: Splits) -> Requests | None:
        """What a service will be asked; None where no service is asked."""
        del splits
        return None

    @abstractmethod
    def key(self) -> dict[str, Any]:
        """The parts of the manifest key that say what the answers depend on, beside rows and labels."""

    @abstractmethod
    def answer(
        self, splits: Splits, scratch: Path, reporter: Reporter, *, kept: Path
    ) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
        """Logits by split, (rows, C) in the order of rows and labels, and how they were got, as JSON values.

        Among these is ``parameters``, the number of weights of the model that answers, or None where nobody knows.

        Args:
            splits: the rows.
            scratch: where what a killed attempt must find again is kept; it exists.
            reporter: where progress goes.
            kept: a folder, perhaps not there yet, for answers that cost something: it outlives changes of rows and recipe.
        """
