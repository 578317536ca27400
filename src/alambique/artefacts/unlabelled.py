"""Text without labels, on disk: read a part at a time, never whole."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alambique.artefacts.splits import Split
from alambique.run.folder import RunFolder
from alambique.run.layout import UNLABELLED

TEXTS, COUNTS = "texts.parquet", "unlabelled.json"
_WHY = {
    "empty": "have no text", "scored": "are also in valid or test", "train": "are also in train",
    "repeated": "repeat an earlier one",
}  # fmt: skip


@dataclass
class Counts:
    """Rows of unlabelled text that were read, and why some were left out.

    Attributes:
        read: rows of the source.
        empty: without text.
        scored: with a text that also stands in valid or test.
        train: with a text that also stands in train.
        repeated: with a text that came before.
        rows: that are left.
    """

    read: int = 0
    empty: int = 0
    scored: int = 0
    train: int = 0
    repeated: int = 0
    rows: int = 0

    def add(self, reason: str, rows: np.ndarray) -> np.ndarray:
        """Count the rows of a (n,) mask for a reason, and give the mask back."""
        setattr(self, reason, getattr(self, reason) + int(rows.sum()))
        return rows

    def sentence(self) -> str:
        """What was left out, in words.

        Example:
            >>> from alambique.artefacts.unlabelled import Counts
            >>> Counts(read=10, scored=2, repeated=1, rows=7).sentence()
            'Left out: 2 are also in valid or test, 1 repeat an earlier one.'
        """
        reasons = [f"{getattr(self, name)} {why}" for name, why in _WHY.items() if getattr(self, name)]
        return f"Left out: {', '.join(reasons)}." if reasons else "None was left out."


@dataclass(frozen=True)
class Unlabelled:
    """Unlabelled rows on disk.

    Attributes:
        folder: that holds them.
        counts: of rows read, left out and left.
        digest: SHA-256 of the artefact.
    """

    folder: Path
    counts: Counts
    digest: str = ""

    def __len__(self) -> int:
        """Number of rows."""
        return self.counts.rows

    def ids(self, rows: int) -> Iterator[np.ndarray]:
        """Ids of the rows in order, as UTF-8 bytes, so many at a time."""
        for batch in _batches(self.folder, ["id"], rows):
            yield np.array([row_id.encode() for row_id in batch["id"].to_pylist()], dtype=np.bytes_)

    def segments(self, rows: int) -> Iterator[list[tuple[str, ...]]]:
        """Segments that a model reads, in order, so many rows at a time."""
        for batch in _batches(self.folder, ["first", "second"], rows):
            first, second = batch["first"].to_pylist(), batch["second"].to_pylist()
            yield [(text,) if more is None else (text, more) for text, more in zip(first, second, strict=True)]


def write_unlabelled(parts: Iterable[Split], counts: Counts, folder: Path) -> None:
    """Write ``texts.parquet`` and ``unlabelled.json``; ``counts`` is complete when ``parts`` are used up."""
    schema = pa.schema([("id", pa.string()), ("first", pa.string()), ("second", pa.string())])
    with pq.ParquetWriter(folder / TEXTS, schema) as writer:
        for part in parts:
            second = part.second_segments() or [None] * len(part)
            columns = [pa.array(values, pa.string()) for values in (part.ids, part.texts, second)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    (folder / COUNTS).write_text(json.dumps(asdict(counts), indent=2), "utf-8")


def read_unlabelled(folder: Path, digest: str = "") -> Unlabelled:
    """Open what :func:`write_unlabelled` wrote."""
    return Unlabelled(folder, Counts(**json.loads((folder / COUNTS).read_text("utf-8"))), digest)


def recorded_unlabelled(run: RunFolder) -> Unlabelled:
    """The rows in a finished run, whatever has become of their source.

    Raises:
        CorruptArtefactError: they are absent or damaged.
    """
    artefact = run.artefact(UNLABELLED)
    return read_unlabelled(artefact.folder, artefact.digest)


def _batches(folder: Path, columns: list[str], rows: int) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(folder / TEXTS) as file:
        yield from file.iter_batches(batch_size=rows, columns=columns)
