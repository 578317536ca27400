"""The rows of a run: typed, with stable ids, on disk as Parquet."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alambique.errors import RunFolderError
from alambique.losses.no_label import NO_LABEL
from alambique.run.folder import RunFolder
from alambique.run.layout import (
    DATA,
    LINT,
    SPLITS,
)

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT_NAMES = ("train", "valid", "test")
SINGLE_LABEL, MULTI_LABEL = "single_label", "multi_label"


@dataclass(frozen=True)
class Split:
    """Rows of one split.

    Attributes:
        name: train, valid or test.
        ids: a stable id of each row.
        texts: the first segment of each row.
        pairs: the second text column, or None.
        labels: (rows,) int64, indices of the label names; where rows have any number of labels, (rows, labels) int64, 1 for
            each that a row has, else 0. −100 in all rows of a train without labels.
        metadata: further columns as text, which become part of the second segment, or None.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split
        >>> split = Split("valid", ("v-1", "v-2"), ("a fine lamp", "a poor lamp"), None, np.array([1, 0]))
        >>> len(split)
        2
        >>> split.take([1]).segments()
        [('a poor lamp',)]
    """

    name: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None
    labels: np.ndarray
    metadata: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.ids)

    def take(self, indices: Sequence[int] | np.ndarray) -> "Split":
        """Select the rows at the given positions, in the given order."""
        return Split(
            self.name,
            tuple(self.ids[i] for i in indices),
            tuple(self.texts[i] for i in indices),
            None if self.pairs is None else tuple(self.pairs[i] for i in indices),
            self.labels[np.asarray(indices, dtype=np.int64)],
            None if self.metadata is None else tuple(self.metadata[i] for i in indices),
        )

    def contents(self) -> list[tuple[str, ...]]:
        """Text columns of each row, one or two, without metadata; rows with equal contents are duplicates."""
        return (
            [(text,) for text in self.texts] if self.pairs is None else list(zip(self.texts, self.pairs, strict=True))
        )

    def second_segments(self) -> tuple[str, ...] | None:
        """Second segment of each row: the second text, the metadata, or both; None if there is neither."""
        if self.metadata is None or self.pairs is None:
            return self.pairs if self.metadata is None else self.metadata
        both = zip(self.pairs, self.metadata, strict=True)
        return tuple("; ".join(part for part in parts if part) for parts in both)

    def segments(self) -> list[tuple[str, ...]]:
        """Segments of each row that the model reads, one or two."""
        second = self.second_segments()
        return [(text,) for text in self.texts] if second is None else list(zip(self.texts, second, strict=True))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of ids, texts and labels, in order."""
        digest = hashlib.sha256()
        for row_id, segments, label in zip(self.ids, self.segments(), self.labels.tolist(), strict=True):
            digest.update(json.dumps([row_id, segments, label]).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Splits:
    """Train, valid and test with their label names.

    Attributes:
        label_names: the name of each class, by index.
        ordinal: whether the order of the names is meaningful.
        notes: changes to the data that the report mentions.
        task: which kind of labels the rows have, a name in :data:`alambique.evaluation.tasks.TASKS`.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split, Splits
        >>> train = Split("train", ("a", "b", "c"), ("fine", "poor", "good"), None, np.array([1, 0, 1]))
        >>> valid = Split("valid", ("d",), ("bad",), None, np.array([0]))
        >>> test = Split("test", ("e",), ("great",), None, np.array([1]))
        >>> Splits(train, valid, test, label_names=("negative", "positive")).counts()["train"]
        {'negative': 1, 'positive': 2}
    """

    train: Split
    valid: Split
    test: Split
    label_names: tuple[str, ...]
    ordinal: bool = False
    notes: tuple[str, ...] = ()
    task: str = SINGLE_LABEL

    def __iter__(self) -> Iterator[Split]:
        """Train, valid, test."""
        return iter((self.train, self.valid, self.test))

    @property
    def labelled_train(self) -> bool:
        """Whether train has labels; if not, there is nothing to train a teacher or an undistilled student on."""
        return not len(self.train) or bool((self.train.labels != NO_LABEL).any())

    def without_test(self) -> "Splits":
        """The same train and valid, and no row of test: what is made from it cannot depend on them."""
        return replace(self, test=self.test.take([]))

    def counts(self) -> dict[str, dict[str, int]]:
        """Number of rows of each label, by split; nothing for a train without labels."""
        return {
            split.name: {}
            if split is self.train and not self.labelled_train
            else {name: int(n) for name, n in zip(self.label_names, self._rows_by_label(split), strict=True)}
            for split in self
        }

    def _rows_by_label(self, split: Split) -> np.ndarray:
        return (
            split.labels.sum(0)
            if self.task == MULTI_LABEL
            else np.bincount(split.labels, minlength=len(self.label_names))
        )


def row_ids(split: str, segments: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Ids that depend on the text alone: adding, removing or moving other rows changes none.

    The same text again in one split gets ``-2``, ``-3``, … in order of appearance.
    """
    seen: Counter[str] = Counter()
    ids = []
    for row in segments:
        key = hashlib.blake2b(json.dumps(row).encode(), digest_size=8).hexdigest()
        seen[key] += 1
        ids.append(f"{split}-{key}" + (f"-{seen[key]}" if seen[key] > 1 else ""))
    return tuple(ids)


def write_splits(splits: Splits, folder: Path) -> None:
    """Write ``train|valid|test.parquet`` and ``splits.json``."""
    import pyarrow as pa  # noqa: PLC0415 - what classifies texts needs none of it
    import pyarrow.parquet as pq  # noqa: PLC0415

    for split in splits:
        columns: dict[str, Any] = {"id": pa.array(split.ids), "text": pa.array(split.texts)}
        if split.pairs is not None:
            columns["pair"] = pa.array(split.pairs)
        if split.metadata is not None:
            columns["metadata"] = pa.array(split.metadata)
        columns["label"] = label_array(split.labels)
        pq.write_table(pa.table(columns), folder / f"{split.name}.parquet")
    facts = {"label_names": splits.label_names, "ordinal": splits.ordinal, "notes": splits.notes}
    if splits.task != SINGLE_LABEL:
        facts["task"] = splits.task
    (folder / SPLITS).write_text(json.dumps(facts, indent=2, ensure_ascii=False), "utf-8")


def label_array(labels: np.ndarray) -> "pa.Array":
    """Labels as a column of Parquet: a number or, where rows have any number of labels, a list of 0 and 1, for each row."""
    import pyarrow as pa  # noqa: PLC0415 - as above

    flat = pa.array(labels.ravel())
    return flat if labels.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, labels.shape[1])


def read_splits(folder: Path) -> Splits:
    """Read the splits that :func:`write_splits` wrote to a folder.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split, Splits, read_splits, write_splits
        >>> def split(name):
        ...     return Split(name, (f"{name}-1",), ("a fine lamp",), None, np.array([0]))
        >>> stored = Splits(split("train"), split("valid"), split("test"), label_names=("positive", "negative"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_splits(stored, Path(folder))
        ...     splits = read_splits(Path(folder))  # of a run: RUN/data
        >>> splits.valid.ids, splits.label_names
        (('valid-1',), ('positive', 'negative'))
    """
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    facts = json.loads((folder / SPLITS).read_text("utf-8"))
    task = facts.get("task", SINGLE_LABEL)
    shape = (-1, len(facts["label_names"])) if task == MULTI_LABEL else (-1,)
    read = []
    for name in SPLIT_NAMES:
        table = pq.read_table(folder / f"{name}.parquet")
        columns = {column: table[column].to_pylist() for column in table.column_names}
        pairs, metadata = (tuple(columns[c]) if c in columns else None for c in ("pair", "metadata"))
        labels = np.asarray(columns["label"], dtype=np.int64).reshape(shape)
        read.append(Split(name, tuple(columns["id"]), tuple(columns["text"]), pairs, labels, metadata))
    train, valid, test = read
    return Splits(
        train, valid, test, tuple(facts["label_names"]), ordinal=facts["ordinal"], notes=tuple(facts["notes"]),
        task=task,
    )  # fmt: skip


def run_data(run: RunFolder) -> tuple[Splits, list[dict[str, Any]]]:
    """The rows of a run and the findings about them.

    Raises:
        RunFolderError: they are not there, or not whole.
    """
    try:
        return read_splits(run.path / DATA), json.loads((run.path / DATA / LINT).read_text("utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise RunFolderError(
            f"{run.path / DATA} does not hold the data of a run. Run alambique distill again."
        ) from error
