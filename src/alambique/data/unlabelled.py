"""Text without labels: read a part at a time, without what also stands in the labelled rows or came before."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.unlabelled import Counts
from alambique.data import quickstart
from alambique.data.columns import check_columns, with_own_names
from alambique.data.formats.arrow import is_saved
from alambique.data.liar import HUB_NAMES, is_liar
from alambique.data.load import files_named, find_source, split_of_table
from alambique.data.spelling import plain_text
from alambique.data.streaming import ROWS, stream_table
from alambique.data.table import Table
from alambique.errors import DataError
from alambique.hub import is_id
from alambique.losses.no_label import NO_LABEL
from alambique.recipe.sections import Data
from alambique.run.integrity import file_hash

KEY = "data.unlabelled"
NAME = "unlabelled"


@dataclass(frozen=True)
class UnlabelledSource:
    """Where the text lies.

    Attributes:
        data: the recipe's section.
        files: in the order of their rows; none for the embedded claims.
    """

    data: Data
    files: tuple[Path, ...] = ()

    def digests(self) -> list[str]:
        """SHA-256 of each file; of the embedded claims, what they are called and how many there are."""
        if not self.files:
            return [f"{quickstart.NAME} {quickstart.UNLABELLED}"]
        return [_digest(file) for file in self.files]

    def tables(self) -> Iterator[Table]:
        """The rows, a few thousand at a time.

        Raises:
            DataError: a file cannot be read, or a row of it does not fit.
        """
        if not self.files:
            yield from quickstart.unlabelled_tables(ROWS)
        wanted = (*self.data.text, *self.data.metadata)
        for file in self.files:
            yield from stream_table(file, columns=self.data.columns, encoding=self.data.encoding, wanted=wanted)


def locate_unlabelled(data: Data) -> UnlabelledSource | None:
    """Find the files of ``data.unlabelled``; None where the recipe names none.

    Raises:
        DataError: they are not there.
        UserInputError: a Hub id that cannot be had.
    """
    names = data.unlabelled
    if names is None:
        return None
    if names == quickstart.NAME:
        return UnlabelledSource(data)
    if isinstance(names, str) and is_id(names) and not Path(names).expanduser().exists():
        found = find_source(names, data, key=KEY)
        files = [file for split in found.tables.values() for file in split]
    else:
        files = files_named(names, KEY)
    missing = next((file for file in files if not file.exists()), None)
    if missing is not None:
        raise DataError(f"{KEY}: there is no file or folder {missing}.")
    return UnlabelledSource(data, tuple(files))


def new_rows(source: UnlabelledSource, splits: Splits, counts: Counts) -> Iterator[Split]:
    """Rows whose text is new, a few thousand at a time, with the label −100; what is left out is counted.

    Texts are compared as lint compares them: case, blanks and Unicode form do not count. Memory grows by 8 bytes per row.

    Args:
        source: of the text.
        splits: the labelled rows.
        counts: of rows read and left out; added to here.

    Raises:
        DataError: a row cannot be read, or none is left.
    """
    scored = np.unique(np.concatenate([content_keys(splits.valid), content_keys(splits.test)]))
    train, seen = np.unique(content_keys(splits.train)), _Seen()
    limit, first = source.data.max_rows, True
    for table in source.tables():
        part = _split(table, source.data, first=first)
        first = False
        keys = content_keys(part)
        empty = np.array([not any(cell.strip() for cell in row) for row in part.contents()], dtype=bool)
        counts.read += len(part)
        left = ~empty
        counts.empty += int(empty.sum())
        left &= ~counts.add("scored", left & np.isin(keys, scored))
        left &= ~counts.add("train", left & np.isin(keys, train))
        left &= ~counts.add("repeated", left & ~seen.new(keys, left))
        rows = np.flatnonzero(left)
        if limit is not None:
            rows = rows[: limit - counts.rows]
        counts.rows += len(rows)
        if len(rows):
            yield part.take(rows)
        if limit is not None and counts.rows >= limit:
            break
    if not counts.rows:
        raise DataError(f"{KEY}: no row is left of the {counts.read} read. {counts.sentence()}")


def content_keys(split: Split) -> np.ndarray:
    """A number for the text of each row, (rows,) uint64, the same for texts that differ by case or blanks alone."""
    parts = (json.dumps([plain_text(part) for part in row]).encode() for row in split.contents())
    digests = b"".join(hashlib.blake2b(part, digest_size=8).digest() for part in parts)
    return np.frombuffer(digests, dtype=np.uint64)


class _Seen:
    """Keys that came before, sorted: 8 bytes each."""

    def __init__(self) -> None:
        self.keys = np.zeros(0, dtype=np.uint64)

    def new(self, keys: np.ndarray, among: np.ndarray) -> np.ndarray:
        """Which of these rows have a key that did not come before, in another part or in this one; they are added."""
        fresh = np.zeros(len(keys), dtype=bool)
        places = np.flatnonzero(among)
        distinct, where = np.unique(keys[places], return_index=True)
        unseen = ~np.isin(distinct, self.keys, assume_unique=True)
        fresh[places[where[unseen]]] = True
        self.keys = np.sort(np.concatenate([self.keys, distinct[unseen]]))
        return fresh


def _split(table: Table, data: Data, *, first: bool) -> Split:
    liar = is_liar({HUB_NAMES.get(name, name) for name in table.all_names})
    if liar:
        table = with_own_names(table)
        names = {"text": data.text, "metadata": data.metadata}
        data = data.model_copy(update={k: tuple(HUB_NAMES.get(c, c) for c in v) for k, v in names.items()})
    if first or not set(data.text) <= set(table.columns):
        check_columns(table, data, labelled=False)
    labels = np.full(len(table), NO_LABEL, dtype=np.int64)
    return split_of_table(NAME, table, data, labels, liar=liar)


def _digest(file: Path) -> str:
    if file.is_dir() and is_saved(file):
        inside: Iterable[Path] = sorted(path for path in file.iterdir() if path.is_file())
        return hashlib.sha256("".join(file_hash(path) for path in inside).encode()).hexdigest()
    return file_hash(file)
