"""Answers that stand in a file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.splits import Splits
from alambique.data.probabilities import ProbabilityFile
from alambique.inference.answering import AnswerSource
from alambique.progress import Reporter


@dataclass(frozen=True)
class FromFile(AnswerSource):
    """A file of probabilities or logits.

    Attributes:
        file: read and checked; None where a finished run is only looked at.
        digest: SHA-256 of what the file holds.
        text: names of the columns of text, by which rows may be found.
    """

    file: ProbabilityFile | None
    digest: str
    text: tuple[str, ...]

    @property
    def known(self) -> Mapping[str, np.ndarray] | None:
        """What was read."""
        return None if self.file is None else self.file.logits

    def key(self) -> dict[str, Any]:
        """The file's digest, and what its rows are found by."""
        return {"inputs": {"probabilities": self.digest}, "text": list(self.text)}

    def answer(
        self, splits: Splits, scratch: Path, reporter: Reporter, *, kept: Path
    ) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
        """What was read."""
        del splits, scratch, reporter, kept
        if self.file is None:
            raise ValueError("the file was not read")
        return self.file.logits, {"parameters": None, "values": self.file.kind, "by_position": self.file.by_position}
