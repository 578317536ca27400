"""From ``data.source`` to :class:`Splits`: find the files, read them, name the labels, make what is missing."""

import glob
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from alambique.artefacts.splits import MULTI_LABEL, SINGLE_LABEL, SPLIT_NAMES, Split, Splits, row_ids
from alambique.data import quickstart
from alambique.data.columns import (
    check_columns,
    check_variety,
    labelled_rows,
    train_without_labels,
    wanted,
    with_own_names,
    without_labels,
)
from alambique.data.files import SUFFIXES, Table, join, read_table
from alambique.data.formats.arrow import is_saved
from alambique.data.formats.documents import read_documents
from alambique.data.iterative_stratification import SEVERAL_LABELS
from alambique.data.label_sets import encode_label_sets, has_several, judged_rows
from alambique.data.labels import encode_labels, label_column
from alambique.data.liar import HUB_NAMES, is_liar
from alambique.data.sampling import ONE_LABEL, complete
from alambique.data.sources import Found, files_of, find_splits, listed
from alambique.data.unlabelled_train import NOTE, check_labelled_splits
from alambique.errors import DataError
from alambique.hub import NoNetworkError, NotOnHubError, Snapshot, is_id, snapshot
from alambique.losses.no_label import NO_LABEL
from alambique.recipe.sections import Data

_PACKED = ["*.csv.*", "*.tsv.*", "*.json.*", "*.jsonl.*"]
_NAMED_TEXTS = [f"*{word}*.txt*" for word in ("train", "dev", "val", "test")]
_HUB_DATA = ["*.parquet", "*.csv", "*.tsv", "*.jsonl", "*.json", "*.arrow", "*.md", *_PACKED, *_NAMED_TEXTS]
_GLOB = re.compile(r"[*?\[]")
ReadTables = Callable[[], dict[str, Table]]  # by split; train is always there


def locate(data: Data) -> ReadTables:
    """Find the files behind ``data.source``: the embedded set, a folder, files, or a Hub id.

    Raises:
        DataError: they are not there, or it is not clear which is which.
        UserInputError: a Hub id that cannot be had.
    """
    source = data.source
    if source == quickstart.NAME:
        return quickstart.tables
    return _reader(find_source(source, data), data)


def find_source(
    source: str | tuple[str, ...] | dict[str, str | tuple[str, ...]], data: Data, *, key: str = "data.source"
) -> Found:
    """Find the files of ``source``: a folder, a file, a pattern, a list of these, a mapping of splits to these, a Hub id.

    Args:
        source: a value of that key.
        data: the recipe's section.
        key: of the recipe, for messages.

    Raises:
        DataError: they are not there, or it is not clear which is which.
        UserInputError: a Hub id that cannot be had.
    """
    if isinstance(source, dict):
        return Found({split: files_named(names, f"{key}.{split}") for split, names in source.items()})
    if isinstance(source, tuple):
        return listed(files_named(source, key), where=key)
    try:
        path = Path(source).expanduser()
        folder, file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:  # too long for a path; no such home
        raise DataError(f"{key}: there is no file or folder {source}.") from error
    if folder:
        return find_splits(path, where=str(path), subset=data.subset)
    if file:
        return Found({"train": [path]})
    if _GLOB.search(source):
        return listed(files_named(source, key), where=key)
    if not is_id(source) or path.suffix.lower() in SUFFIXES:
        raise DataError(f"{key}: there is no file or folder {source}.")
    held = _hub_snapshot(source, data, key).folder
    return find_splits(held, where=f"{key}: {source}", subset=data.subset)


def files_named(names: str | tuple[str, ...], key: str) -> list[Path]:
    """The files that names stand for, each a file, a pattern, or a folder of files."""
    paths: list[Path] = []
    for name in (names,) if isinstance(names, str) else names:
        path = Path(name)
        if path.is_dir() and not is_saved(path):
            paths += files_of(path, where=name)
        elif _GLOB.search(name) and not path.exists():
            matches = sorted(Path(match) for match in glob.glob(name, recursive=True))  # noqa: PTH207 - absolute ones too
            if not matches:
                raise DataError(f"{key}: no file matches {name}.")
            paths += [match for match in matches if match.is_file() or is_saved(match)]
        else:
            paths.append(path)
    return list(dict.fromkeys(paths))


def load_splits(data: Data, read_tables: ReadTables, *, recorded: Mapping[str, str] | None = None) -> Splits:
    """Read, check and label every row; split off what is missing; sample if asked.

    Train may have no labels at all; its rows then have the label −100.

    Args:
        data: the recipe's section.
        read_tables: as :func:`locate` gives it.
        recorded: the digest of each split of a run that goes on (:func:`alambique.data.sampling.complete`).

    Raises:
        DataError: the message names the file, the row or the column, and what to do.
    """
    tables = read_tables()
    notes = list(dict.fromkeys(note for table in tables.values() for note in table.reading.notes))
    liar = all(is_liar({HUB_NAMES.get(name, name) for name in table.all_names}) for table in tables.values())
    if liar:  # its columns have one name each, wherever they come from
        tables = {split: with_own_names(table) for split, table in tables.items()}
        names = {"text": data.text, "metadata": data.metadata}
        data = data.model_copy(update={k: tuple(HUB_NAMES.get(c, c) for c in v) for k, v in names.items()})
    several = has_several(tables, data)
    for split in without_labels(tables, data):
        del tables[split]
        notes.append(f"The {split} split of the source has no labels and was left out.")
    unlabelled = ("train",) if train_without_labels(tables, data) else ()
    if unlabelled:
        check_labelled_splits(tables, data)
        notes.append(NOTE)
    for split, table in tables.items():
        check_columns(table, data, labelled=split not in unlabelled, lists=several)
        if split in unlabelled:
            continue
        tables[split], missing = judged_rows(table, data) if several else labelled_rows(table, label_column(data))
        if missing:
            notes.append(f"{split}: {missing} of {len(table)} rows have no label (class -1) and were left out.")
    check_variety(tables["train"], data)
    with_labels = {name: t for name, t in tables.items() if name not in unlabelled}
    encoded = encode_label_sets(with_labels, data) if several else encode_labels(with_labels, data, liar=liar)
    shape = encoded.labels["valid" if unlabelled else "train"].shape[1:]  # of the labels of a row
    labels = {
        name: np.full((len(tables[name]), *shape), NO_LABEL, dtype=np.int64) for name in unlabelled
    } | encoded.labels
    splits = {name: split_of_table(name, table, data, labels[name], liar=liar) for name, table in tables.items()}
    splits, changes = complete(splits, data, recorded, SEVERAL_LABELS if several else ONE_LABEL)
    notes += changes
    train, valid, test = (splits[name] for name in SPLIT_NAMES)
    task = MULTI_LABEL if several else SINGLE_LABEL
    return Splits(train, valid, test, encoded.names, ordinal=encoded.ordinal, notes=tuple(notes), task=task)


def _reader(found: Found, data: Data) -> ReadTables:
    return lambda: _read(found, data)


def _read(found: Found, data: Data) -> dict[str, Table]:
    tables = {
        split: join([
            read_table(path, columns=data.columns, encoding=data.encoding, wanted=wanted(data))
            for path in found.tables[split]
        ])
        for split in SPLIT_NAMES  # train first: its mistakes explain the others'
        if split in found.tables
    }  # fmt: skip
    for split, classes in found.documents.items():
        first = next(iter(next(iter(classes.values()))))
        tables[split] = read_documents(str(first.parents[1]), classes, encoding=data.encoding)
    return {**tables, "train": tables["train"].with_notes(found.notes)} if found.notes else tables


def _hub_snapshot(name: str, data: Data, key: str) -> Snapshot:
    """The Hub's own Parquet conversion, which every public set has; else the files of the main branch."""
    folders = [data.subset] if data.subset else []
    if data.revision is not None:
        return snapshot(name, "dataset", _HUB_DATA, key=key, revision=data.revision)
    patterns = [f"{folder}/*.parquet" for folder in folders] or ["*.parquet"]
    try:
        return snapshot(name, "dataset", patterns, key=key, revision="refs/convert/parquet")
    except (NotOnHubError, NoNetworkError) as first:
        try:
            return snapshot(name, "dataset", _HUB_DATA, key=key)
        except NoNetworkError:
            raise first from None


def split_of_table(name: str, table: Table, data: Data, labels: np.ndarray, *, liar: bool) -> Split:
    """The rows of a table as those of a split; ``liar``: by LIAR's spoken names of its columns."""
    split = unnumbered_split(name, table, data, labels, liar=liar)
    return replace(split, ids=row_ids(name, split.segments()))


def unnumbered_split(name: str, table: Table, data: Data, labels: np.ndarray, *, liar: bool) -> Split:
    """As :func:`split_of_table`, but for the ids, which are empty."""
    texts, *more = (tuple(cell or "" for cell in table.columns[column]) for column in data.text)
    metadata = None
    if data.metadata:
        spoken = {column: column.replace("_", " ") if liar else column for column in data.metadata}
        metadata = tuple(
            "; ".join(f"{spoken[c]}: {table.columns[c][i]}" for c in data.metadata if table.columns[c][i])
            for i in range(len(table))
        )
    return Split(name, ("",) * len(table), texts, more[0] if more else None, labels, metadata)
