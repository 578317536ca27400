"""Whether the columns that the recipe names are there and hold what they should; rows and splits without labels."""

from collections.abc import Mapping
from dataclasses import replace

from alambique.data.liar import HUB_NAMES
from alambique.data.table import A_LIST, Table, listed
from alambique.errors import DataError
from alambique.recipe.sections import Data

_UNLABELLED = {None, "", "-1"}
_NO_CLASS = "-1"  # how the Hub's sets of class numbers mark a row without a label
_HEADED = ("csv", "tsv")


def wanted(data: Data) -> tuple[str, ...]:
    """The columns that the recipe names."""
    return (*data.text, *data.label_columns, *data.metadata)


def with_own_names(table: Table) -> Table:
    """LIAR's columns by one name each, wherever the table comes from."""
    columns = {HUB_NAMES.get(name, name): cells for name, cells in table.columns.items()}
    odd = {HUB_NAMES.get(name, name): place for name, place in table.odd.items()}
    names = tuple(HUB_NAMES.get(name, name) for name in table.names)
    return replace(table, columns=columns, odd=odd, names=names)


def without_labels(tables: Mapping[str, Table], data: Data) -> list[str]:
    """The splits beside train that have no labels: none in the column, or no such column where train has it.

    A split that lacks the column but has another that train does not have is not among them: there the column may have
    another name.
    """
    train = tables["train"]
    known = set(train.all_names)
    unlabelled = []
    for split in ("valid", "test"):
        table = tables.get(split)
        if table is None:
            continue
        labels = set(data.label_columns)
        if labels <= set(table.columns):
            empty = _has_none(table, data.label_columns)
        else:
            empty = labels <= known and set(table.all_names) < known and set(data.text) <= set(table.all_names)
        if empty:
            unlabelled.append(split)
    return unlabelled


def train_without_labels(tables: Mapping[str, Table], data: Data) -> bool:
    """Whether train has no labels: none in the column, or no such column where valid or test has it.

    A train that lacks the column but has another that they lack is not without labels: the column may have another name.
    """
    train = tables["train"]
    labels = set(data.label_columns)
    if labels <= set(train.columns):
        return _has_none(train, data.label_columns)
    labelled = [set(table.all_names) for table in tables.values() if labels <= set(table.all_names)]
    return bool(labelled) and all(set(data.text) <= set(train.all_names) < names for names in labelled)


def _has_none(table: Table, columns: tuple[str, ...]) -> bool:
    return all(cell is None or cell.strip() in _UNLABELLED for column in columns for cell in table.columns[column])


def labelled_rows(table: Table, column: str) -> tuple[Table, int]:
    """The rows whose class number is not −1, which says that they have no label, and how many have it.

    A table that says it of all rows stays as it is. A row without a number, or without the name of a label, may be a fault
    of the file, and is one of the labels' errors.
    """
    if column not in table.class_names:
        return table, 0
    rows = [row for row, cell in enumerate(table.columns[column]) if cell != _NO_CLASS]
    missing = len(table) - len(rows)
    return (table.take(rows), missing) if rows and missing else (table, 0)


def check_columns(table: Table, data: Data, *, labelled: bool = True, lists: bool = False) -> None:
    """Check that the table has the columns of the recipe, with texts where there should be texts.

    Args:
        table: of a split.
        data: the recipe's section.
        labelled: whether it has labels too.
        lists: whether labels may be lists.

    Raises:
        DataError: it has not; the message names the key and the column.
    """
    label = data.label_columns if labelled else ()
    for key, names in (("text", data.text), ("label", label), ("metadata", data.metadata)):
        for name in names:
            if name not in table.columns:
                raise DataError(
                    f"{table.where}: there is no column {name!r}, which data.{key} names. The columns are "
                    f"{listed(table.all_names)}.{_hint(table)}"
                )
    for key, names in (("text", data.text), ("label", label)):
        for name in names:
            if name in table.odd and not (lists and key == "label" and table.odd[name][1] == A_LIST):
                row, kind = table.odd[name]
                raise DataError(
                    f"{table.place(row)}: column {name!r}, which data.{key} names, holds {kind}, not text."
                    f"{_parts(name, table)}"
                )
    for name in data.text:
        cells = [cell for cell in table.columns[name] if cell and cell.strip()]
        if not cells:
            raise DataError(f"{table.where}: column {name!r}, which data.text names, is empty in every row.")
        if all(cell in ("true", "false") or _is_number(cell) for cell in cells):
            kind = "numbers" if _is_number(cells[0]) else "truth values"
            raise DataError(
                f"{table.where}: column {name!r}, which data.text names, holds {kind} (the first is {cells[0]}), "
                f"not text. The columns are {listed(table.all_names)}."
            )


def check_variety(train: Table, data: Data) -> None:
    """Check that the texts of train differ.

    Raises:
        DataError: all are the same.
    """
    read = [train.columns[name] for name in (*data.text, *data.metadata)]
    if len(train) > 1 and all(len(set(cells)) == 1 for cells in read):
        raise DataError(
            f"{train.where}: all {len(train)} rows have the same text, {read[0][0]!r}, so nothing can be learnt from them."
        )


def _hint(table: Table) -> str:
    reading = table.reading
    if reading.form in _HEADED and reading.header:
        return " If the first row is data and no header, name the columns with data.columns."
    if reading.form == "fasttext":
        return " It is a file of fastText's form (__label__x the text), whose columns have these names."
    if reading.form == "documents":
        return " It is a folder with a file per text, whose columns have these names."
    return ""


def _parts(name: str, table: Table) -> str:
    parts = tuple(part for part in table.all_names if part.startswith(f"{name}."))
    return f" Name a field of it: {listed(parts)}." if parts else ""


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
