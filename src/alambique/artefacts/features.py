"""What a feature loss reads of the teacher, on disk, by row id: values of chosen layers at every token of train."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from alambique.artefacts.soft_labels import RowIds, id_bytes, places_of
from alambique.errors import CorruptArtefactError

VALUES, LENGTHS, IDS, FACTS = "values.npy", "lengths.npy", "ids.npy", "features.json"
DTYPE = np.float16  # twice the rows in the same place; a feature loss is no more exact than the teacher


@dataclass(frozen=True)
class Features:
    """Values of the teacher's layers, by row id.

    Attributes:
        ids: the ids of the rows.
        values: (tokens of all rows, W) float16, those of all layers side by side; memory-mapped if they were read from disk.
        begins: (rows,) where each row begins.
        lengths: (rows,) tokens of each row that are stored.
        widths: of each value; their sum is W.
        digest: SHA-256 of the artefact.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.features import Features
        >>> values = np.arange(6, dtype=np.float16).reshape(3, 2)
        >>> features = Features(("a", "b"), values, np.array([0, 1]), np.array([1, 2]), widths=(2,))
        >>> features.batch(np.array([1])).tolist()
        [[2.0, 3.0], [4.0, 5.0]]
    """

    ids: Sequence[str]
    values: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray
    widths: tuple[int, ...]
    digest: str = ""

    def for_rows(self, ids: Sequence[str]) -> "Features":
        """Those of the given rows, in the given order; values are not copied.

        Raises:
            CorruptArtefactError: a row has none.
        """
        places = places_of(self.ids, ids, of="features")
        return replace(self, ids=ids, begins=self.begins[places], lengths=self.lengths[places])

    def batch(self, rows: np.ndarray) -> np.ndarray:
        """Values of these rows, one after the other: (N, W) float16, a copy."""
        lengths = self.lengths[rows]
        ends = lengths.cumsum()
        inside = np.arange(int(ends[-1])) - np.repeat(ends - lengths, lengths)
        return self.values[np.repeat(self.begins[rows], lengths) + inside]


def open_values(folder: Path, lengths: np.ndarray, width: int) -> np.ndarray:
    """Make the file of values, to be filled: (tokens of all rows, W) float16, mapped."""
    return np.lib.format.open_memmap(folder / VALUES, mode="w+", dtype=DTYPE, shape=(int(lengths.sum()), width))


def write_facts(folder: Path, ids: Sequence[str], lengths: np.ndarray, widths: Sequence[int]) -> None:
    """Write what lies beside the file of values."""
    np.save(folder / IDS, id_bytes(ids), allow_pickle=False)
    np.save(folder / LENGTHS, lengths.astype(np.int64), allow_pickle=False)
    (folder / FACTS).write_text(json.dumps({"widths": list(widths)}), "utf-8")


def read_features(folder: Path, digest: str = "") -> Features:
    """Memory-map the features of a folder.

    Raises:
        CorruptArtefactError: the files do not belong together.
    """
    widths = json.loads((folder / FACTS).read_text("utf-8"))["widths"]
    values = np.load(folder / VALUES, mmap_mode="r", allow_pickle=False)
    ids = np.load(folder / IDS, mmap_mode="r", allow_pickle=False)
    lengths = np.load(folder / LENGTHS, allow_pickle=False)
    if len(ids) != len(lengths) or values.shape != (lengths.sum(), sum(widths)):
        raise CorruptArtefactError(
            f"{folder / VALUES} has shape {values.shape}, which does not fit {LENGTHS} beside it."
        )
    return Features(RowIds(ids), values, lengths.cumsum() - lengths, lengths, tuple(widths), digest)
