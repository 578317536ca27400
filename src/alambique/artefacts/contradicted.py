"""Rows of train whose label is contradicted, by row id: what training reads, and a table for people."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.soft_labels import id_bytes
from alambique.artefacts.splits import Split

FACTS, TABLE = "contradicted.json", "rows.csv"


@dataclass(frozen=True)
class Contradicted:
    """Rows whose label the out-of-fold teachers contradict.

    Attributes:
        ids: of the rows.
        of: rows that were looked at.
        digest: SHA-256 of the artefact.

    Example:
        >>> from alambique.artefacts.contradicted import Contradicted
        >>> Contradicted(("b",), of=3).hard_label_weights(("a", "b", "c"), trust=0.25).tolist()
        [1.0, 0.25, 1.0]
    """

    ids: tuple[str, ...]
    of: int
    digest: str = ""

    def hard_label_weights(self, ids: Sequence[str], trust: float) -> np.ndarray:
        """(rows,) float32, weight of the hard label of each given row: ``trust`` where it is contradicted, else 1."""
        distrusted = np.isin(id_bytes(ids), id_bytes(self.ids)) if self.ids else np.zeros(len(ids), dtype=bool)
        return np.where(distrusted, np.float32(trust), np.float32(1))


@dataclass(frozen=True)
class Trust:
    """How hard labels are weighed.

    Attributes:
        weight: of those that are contradicted, from 0 to 1.
        contradicted: which these are.
    """

    weight: float
    contradicted: Contradicted

    def key(self) -> dict[str, Any]:
        """Its parts of a manifest key."""
        return {"trust": self.weight, "inputs": {"contradicted": self.contradicted.digest}}

    def weights(self, ids: Sequence[str]) -> np.ndarray:
        """(rows,) float32, weight of the hard label of each of the given rows."""
        return self.contradicted.hard_label_weights(ids, self.weight)


@dataclass(frozen=True)
class Doubt:
    """Why the label of a row is in doubt: position in train, the other class, the probabilities of label and class."""

    row: int
    other: int
    label_probability: float
    other_probability: float


def write_contradicted(doubts: Sequence[Doubt], train: Split, label_names: tuple[str, ...], folder: Path) -> None:
    """Write ``contradicted.json``, and ``rows.csv`` with the texts, the most doubtful rows first, for people to look at."""
    ids = [train.ids[doubt.row] for doubt in doubts]
    (folder / FACTS).write_text(json.dumps({"ids": sorted(ids), "of": len(train)}), "utf-8")
    texts = train.segments()
    columns = ["text"] if not texts or len(texts[0]) == 1 else ["text", "second_text"]

    def most_doubtful(doubt: Doubt) -> tuple[float, str]:
        return doubt.label_probability - doubt.other_probability, train.ids[doubt.row]

    with (folder / TABLE).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "label", "teacher", "label_probability", "teacher_probability", *columns])
        for doubt in sorted(doubts, key=most_doubtful):
            label = label_names[int(train.labels[doubt.row])]
            figures = (f"{value:.4f}" for value in (doubt.label_probability, doubt.other_probability))
            table.writerow([train.ids[doubt.row], label, label_names[doubt.other], *figures, *texts[doubt.row]])


def read_contradicted(folder: Path, digest: str = "") -> Contradicted:
    """Read the rows that :func:`write_contradicted` wrote to a folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from alambique.artefacts.contradicted import Doubt, read_contradicted, write_contradicted
        >>> from alambique.artefacts.splits import Split
        >>> train = Split("train", ("a", "b"), ("a fine lamp", "a poor lamp"), None, np.array([1, 1]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_contradicted([Doubt(1, 0, 0.1, 0.9)], train, ("negative", "positive"), Path(folder))
        ...     print((Path(folder) / "rows.csv").read_text())
        ...     read_contradicted(Path(folder))  # of a run: RUN/contradicted
        id,label,teacher,label_probability,teacher_probability,text
        b,positive,negative,0.1000,0.9000,a poor lamp
        <BLANKLINE>
        Contradicted(ids=('b',), of=2, digest='')
    """
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    return Contradicted(tuple(facts["ids"]), facts["of"], digest)
