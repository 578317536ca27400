"""From ``data.source`` to :class:`Splits`: find the files, read them, name the labels, make what is missing."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from alambique.artefacts.splits import SPLIT_NAMES, Split, Splits, row_ids
from alambique.data import quickstart
from alambique.data.files import SUFFIXES, Table, join, read_table
from alambique.data.labels import encode_labels
from alambique.data.liar import HUB_NAMES, is_liar
from alambique.data.sampling import complete
from alambique.errors import DataError
from alambique.hub import NoNetworkError, NotOnHubError, Snapshot, is_id, snapshot
from alambique.recipe.sections import Data

_WORDS = {"train": "train", "valid": "valid", "validation": "valid", "dev": "valid", "val": "valid", "test": "test"}
_IN_PATH = re.compile(r"(?:^|[/_.-])(train|validation|valid|val|dev|test)(?=[/_.-]|$)")
_HUB_DATA = ["*.parquet", "*.csv", "*.tsv", "*.jsonl", "*.json"]
_UNLABELLED = {None, "", "-1"}
ReadTables = Callable[[], dict[str, Table]]  # by split; train is always there


def locate(data: Data) -> ReadTables:
    """Find the files behind ``data.source``: the embedded set, a folder, files, or a Hub id.

    Raises:
        DataError: they are not there, or it is not clear which is which.
        UserInputError: a Hub id that cannot be had.
    """
    source = data.source
    if isinstance(source, dict):
        return _reader({split: [Path(name)] for split, name in source.items()}, data)
    if source == quickstart.NAME:
        return quickstart.tables
    try:
        path = Path(source).expanduser()
        folder, file = path.is_dir(), path.is_file()
    except (OSError, RuntimeError) as error:  # too long for a path; no such home
        raise DataError(f"data.source: there is no file or folder {source}.") from error
    if folder:
        return _reader(_files_in(path), data)
    if file:
        return _reader({"train": [path]}, data)
    if not is_id(source) or path.suffix.lower() in SUFFIXES:
        raise DataError(f"data.source: there is no file or folder {source}.")
    found = _hub_snapshot(source, data)
    return _reader(_hub_files(found.folder, data), data)


def load_splits(data: Data, read_tables: ReadTables, *, recorded: Mapping[str, str] | None = None) -> Splits:
    """Read, check and label every row; split off what is missing; sample if asked.

    Args:
        data: the recipe's section.
        read_tables: as :func:`locate` gives it.
        recorded: the digest of each split of a run that goes on (:func:`alambique.data.sampling.complete`).

    Raises:
        DataError: the message names the file, the row or the column, and what to do.
    """
    tables = read_tables()
    liar = all(is_liar({HUB_NAMES.get(name, name) for name in table.columns}) for table in tables.values())
    if liar:  # its columns have one name each, wherever they come from
        tables = {split: _renamed(table) for split, table in tables.items()}
        names = {"text": data.text, "metadata": data.metadata}
        data = data.model_copy(update={k: tuple(HUB_NAMES.get(c, c) for c in v) for k, v in names.items()})
    notes = []
    for split in ("valid", "test"):
        table = tables.get(split)
        if table is not None and data.label in table.columns and _UNLABELLED.issuperset(table.columns[data.label]):
            del tables[split]
            notes.append(f"The {split} split of the source has no labels and was left out.")
    for table in tables.values():
        _check_columns(table, data)
    _check_variety(tables["train"], data)
    encoded = encode_labels(tables, data, liar=liar)
    splits = {name: _split(name, table, data, encoded.labels[name], liar=liar) for name, table in tables.items()}
    splits, changes = complete(splits, data, recorded)
    notes += changes
    train, valid, test = (splits[name] for name in SPLIT_NAMES)
    return Splits(train, valid, test, encoded.names, ordinal=encoded.ordinal, notes=tuple(notes))


def _files_in(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        split = _WORDS.get(path.stem.lower())
        if split is not None and path.suffix.lower() in SUFFIXES:
            found.setdefault(split, []).append(path)
    for split, paths in found.items():
        named = [path for path in paths if path.suffix.lower() != ".txt"]  # a .txt beside it may be anything
        found[split] = named or paths
        if len(found[split]) > 1:
            raise DataError(
                f"{folder}: {found[split][0].name} and {found[split][1].name} could both be the {split} split. "
                f"Say which, as in --set 'data.source={{train: F, valid: F, test: F}}'."
            )
    if "train" not in found:
        raise DataError(
            f"{folder}: there is no train file in this folder. It needs train (and, where you have them, valid and test) "
            f"with one of the endings {', '.join(SUFFIXES)}."
        )
    return found


def _reader(files: dict[str, list[Path]], data: Data) -> ReadTables:
    return lambda: _read(files, data)


def _read(files: dict[str, list[Path]], data: Data) -> dict[str, Table]:
    return {
        split: join([read_table(path, columns=data.columns, encoding=data.encoding) for path in files[split]])
        for split in SPLIT_NAMES  # train first: its mistakes explain the others'
        if split in files
    }


def _hub_snapshot(name: str, data: Data) -> Snapshot:
    """The Hub's own Parquet conversion, which every public set has; else the files of the main branch."""
    folders = [data.subset] if data.subset else []
    if data.revision is not None:
        return snapshot(name, "dataset", _HUB_DATA, key="data.source", revision=data.revision)
    patterns = [f"{folder}/*.parquet" for folder in folders] or ["*.parquet"]
    try:
        return snapshot(name, "dataset", patterns, key="data.source", revision="refs/convert/parquet")
    except (NotOnHubError, NoNetworkError) as first:
        try:
            return snapshot(name, "dataset", _HUB_DATA, key="data.source")
        except NoNetworkError:
            raise first from None


def _hub_files(folder: Path, data: Data) -> dict[str, list[Path]]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    relative = {p: p.relative_to(folder).as_posix() for p in paths}
    subsets = sorted({r.split("/")[0] for r in relative.values() if r.count("/") >= 2})  # noqa: PLR2004 - subset/split/file
    if data.subset is not None:
        relative = {p: r for p, r in relative.items() if r.startswith(f"{data.subset}/")}
    elif "default" in subsets:
        relative = {p: r for p, r in relative.items() if r.startswith("default/")}
    elif len(subsets) > 1:
        raise DataError(
            f"data.source: {data.source} has the subsets {', '.join(subsets)}; choose one with data.subset."
        )
    found: dict[str, list[Path]] = {}
    for path, name in relative.items():
        words = _IN_PATH.findall(name.lower().rsplit(".", 1)[0])
        if words:
            found.setdefault(_WORDS[words[-1]], []).append(path)
    if "train" not in found:
        held = f"; it has the subsets {', '.join(subsets)}" if subsets else ""
        raise DataError(f"data.source: {data.source} has no train split that can be recognised{held}. "
                        "Download it and give its files, as in --set 'data.source={train: F}'.")  # fmt: skip
    return found


def _renamed(table: Table) -> Table:
    columns = {HUB_NAMES.get(name, name): cells for name, cells in table.columns.items()}
    odd = {HUB_NAMES.get(name, name): found for name, found in table.odd.items()}
    return Table(table.where, columns, table.lines, table.class_names, odd)


def _check_columns(table: Table, data: Data) -> None:
    for key, names in (("text", data.text), ("label", (data.label,)), ("metadata", data.metadata)):
        for name in names:
            if name not in table.columns:
                raise DataError(
                    f"{table.where}: there is no column {name!r}, which data.{key} names. The columns are "
                    f"{', '.join(table.columns)}. {_hint(name, table)}"
                )
    for key, names in (("text", data.text), ("label", (data.label,))):
        for name in names:
            if name in table.odd:
                line, kind = table.odd[name]
                raise DataError(
                    f"{table.where}, line {line}: column {name!r}, which data.{key} names, holds {kind}, not text."
                )
    for name in data.text:
        cells = [cell for cell in table.columns[name] if cell and cell.strip()]
        if not cells:
            raise DataError(f"{table.where}: column {name!r}, which data.text names, is empty in every row.")
        if all(cell in ("true", "false") or _is_number(cell) for cell in cells):
            kind = "numbers" if _is_number(cells[0]) else "truth values"
            raise DataError(
                f"{table.where}: column {name!r}, which data.text names, holds {kind} (the first is {cells[0]}), "
                f"not text. The columns are {', '.join(table.columns)}."
            )


def _check_variety(train: Table, data: Data) -> None:
    read = [train.columns[name] for name in (*data.text, *data.metadata)]
    if len(train) > 1 and all(len(set(cells)) == 1 for cells in read):
        raise DataError(
            f"{train.where}: all {len(train)} rows have the same text, {read[0][0]!r}, so nothing can be learnt from them."
        )


def _hint(name: str, table: Table) -> str:
    if f'"{name}"' in table.columns:
        return "A .tsv file is read without quoting; rename it to .csv if its cells are quoted."
    return "If the first row is data and no header, name the columns with data.columns."


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _split(name: str, table: Table, data: Data, labels: np.ndarray, *, liar: bool) -> Split:
    texts, *more = (tuple(cell or "" for cell in table.columns[column]) for column in data.text)
    metadata = None
    if data.metadata:
        spoken = {column: column.replace("_", " ") if liar else column for column in data.metadata}
        metadata = tuple(
            "; ".join(f"{spoken[c]}: {table.columns[c][i]}" for c in data.metadata if table.columns[c][i])
            for i in range(len(table))
        )
    split = Split(name, ("",) * len(table), texts, more[0] if more else None, labels, metadata)
    return replace(split, ids=row_ids(name, split.segments()))
