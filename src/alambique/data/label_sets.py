"""From cells to sets of labels, for rows that have any number of them: lists, parted text, or columns of 0 and 1."""

import ast
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from alambique.data.labels import EncodedLabels, check_known, check_label_name, check_number, in_plain_order
from alambique.data.table import A_LIST, Table, as_text
from alambique.errors import DataError
from alambique.recipe.sections import Data

_TRUTH = {"0": 0, "1": 1, "false": 0, "true": 1, "0.0": 0, "1.0": 1}
_NOT_JUDGED = "-1"  # in all columns of a row that nobody labelled
_SEPARATORS = (",", ";", "|", "/", "\t", " ")  # that a message may propose
_SHOWN = 60


def has_several(tables: Mapping[str, Table], data: Data) -> bool:
    """Whether rows have any number of labels: by ``data.task`` or, where it is ``auto``, by the form of the labels."""
    if data.task != "auto":
        return data.task == "multi_label"
    if not isinstance(data.label, str) or data.label_separator is not None:
        return True
    return any(
        data.label in table.odd and table.odd[data.label][1] == A_LIST and _all_lists(table.columns[data.label])
        for table in tables.values()
    )


def judged_rows(table: Table, data: Data) -> tuple[Table, int]:
    """The rows that do not have −1 in every column of 0 and 1, which says that nobody labelled them; how many have it."""
    if isinstance(data.label, str):
        return table, 0
    columns = [table.columns[name] for name in data.label]
    rows = [row for row in range(len(table)) if any(cells[row] != _NOT_JUDGED for cells in columns)]
    missing = len(table) - len(rows)
    return (table.take(rows), missing) if rows and missing else (table, 0)


def encode_label_sets(tables: Mapping[str, Table], data: Data) -> EncodedLabels:
    """Number the labels of all splits; a row may have none.

    Args:
        tables: by split, those with labels. Where train is not among them, the labels are those of the others.
        data: the recipe's section.

    Returns:
        The names, in no order that means something, and by split (rows, L) int64, 1 where the row has the label.

    Raises:
        DataError: a cell cannot be read, a label is only outside train, no row has one, or there are far too many.
    """
    return _of_one_column(tables, data.label, data) if isinstance(data.label, str) else _of_columns(tables, data.label)


def _of_columns(tables: Mapping[str, Table], names: tuple[str, ...]) -> EncodedLabels:
    labels = {split: np.stack([_truths(table, name) for name in names], axis=1) for split, table in tables.items()}
    learnt = [split for split in tables if split == "train"] or list(tables)
    for name, rows in zip(names, sum(labels[split].sum(0) for split in learnt), strict=True):
        if not rows:
            raise DataError(
                f"{tables[learnt[0]].where}: column {name!r}, which data.label names, is 0 in every row of train, so "
                "nothing can learn it. Leave it out of data.label, or give train rows that have it."
            )
    return EncodedLabels(names, ordinal=False, labels=labels)


def _truths(table: Table, name: str) -> np.ndarray:
    truths = []
    for row, cell in enumerate(table.columns[name]):
        truth = _TRUTH.get((cell or "").strip().casefold())
        if truth is None:
            holds = f"holds {_short(cell)}" if cell and cell.strip() else "is empty"
            raise DataError(
                f"{table.place(row)}: column {name!r}, which data.label names, {holds}; a column of several must hold "
                "0 or 1 (or true or false)."
            )
        truths.append(truth)
    return np.array(truths, dtype=np.int64)


def _of_one_column(tables: Mapping[str, Table], column: str, data: Data) -> EncodedLabels:
    if data.label_separator is not None:
        _check_separator(tables, column, data.label_separator)
    sets = {split: _sets(table, column, data.label_separator) for split, table in tables.items()}
    learnt = [split for split in tables if split == "train"] or list(tables)
    known = Counter(name for split in learnt for names in sets[split] for name in names)
    first = tables[learnt[0]]
    if not known:
        raise DataError(f"{first.where}: no row has a label in column {column!r}, which data.label names.")
    for split, rows in sets.items():
        for row, own in enumerate(rows):
            for name in own:
                check_label_name(name, tables[split].place(row), column)
                check_known(name, tables[split].place(row), known)
    check_number(known, sum(map(len, sets.values())), first, column)
    ordered = first.class_names.get(column)
    names = tuple(n for n in ordered if n in known) if ordered is not None else in_plain_order(known)
    index = {name: i for i, name in enumerate(names)}
    return EncodedLabels(names, ordinal=False, labels={split: _indicators(rows, index) for split, rows in sets.items()})


def _indicators(rows: Sequence[Sequence[str]], index: Mapping[str, int]) -> np.ndarray:
    labels = np.zeros((len(rows), len(index)), dtype=np.int64)
    for row, names in enumerate(rows):
        labels[row, [index[name] for name in names]] = 1
    return labels


def _sets(table: Table, column: str, separator: str | None) -> list[list[str]]:
    """The labels of each row, each once."""
    lists = column in table.odd or (separator is None and _all_lists(table.columns[column]))
    class_names = table.class_names.get(column)
    sets = []
    for row, cell in enumerate(table.columns[column]):
        if cell is None or not cell.strip():
            names: list[str] = []
        elif lists:
            names = _listed(cell, table.place(row), column)
        else:
            names = [cell] if separator is None else cell.split(separator)
        if class_names is not None:
            names = [_class_name(name, class_names, table.place(row)) for name in names]
        sets.append(list(dict.fromkeys(name.strip() for name in names if name.strip())))
    return sets


def _all_lists(cells: Sequence[str | None]) -> bool:
    """Whether the cells of a text file are lists as Python or JSON writes them, as pandas does."""
    filled = [cell.strip() for cell in cells if cell and cell.strip()]
    return bool(filled) and all(cell.startswith("[") and cell.endswith("]") for cell in filled)


def _listed(cell: str, place: str, column: str) -> list[str]:
    """The labels of a list, which stands in a table as Python writes it; nothing but literals is evaluated."""
    try:
        parsed = ast.literal_eval(cell)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        parsed = None
    if not isinstance(parsed, list):
        raise DataError(
            f"{place}: column {column!r}, which data.label names, holds {_short(cell)}, where other rows have a list of "
            "labels."
        )
    strange = next((each for each in parsed if isinstance(each, (list, dict, tuple, set, bytes))), None)
    if strange is not None:
        raise DataError(f"{place}: a label of column {column!r} is {_short(str(strange))}, not text or a number.")
    return [as_text(each) or "" for each in parsed]


def _class_name(cell: str, names: Sequence[str], place: str) -> str:
    if not cell.isdecimal() or int(cell) >= len(names):
        raise DataError(f"{place}: label {cell} is none of 0 to {len(names) - 1}.")
    return names[int(cell)]


def _check_separator(tables: Mapping[str, Table], column: str, separator: str) -> None:
    cells = [cell for table in tables.values() for cell in table.columns[column] if cell and cell.strip()]
    if not cells or any(separator in cell for cell in cells):
        return
    other = max(_SEPARATORS, key=lambda each: sum(each in cell for cell in cells))
    count = sum(other in cell for cell in cells)
    meant = f" {other!r} stands in {count} of {len(cells)}." if count else ""
    raise DataError(
        f"{next(iter(tables.values())).where}: data.label_separator is {separator!r}, which stands in no cell of column "
        f"{column!r} (the first is {_short(cells[0])}).{meant}"
    )


def _short(cell: str | None) -> str:
    text = cell or ""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}…"
