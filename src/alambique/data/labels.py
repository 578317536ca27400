"""From the cells of the label column to class indices, by name, in one order for all splits."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from alambique.data.files import Table
from alambique.data.liar import GROUPS, ORDERS
from alambique.data.spelling import look_alikes, shown
from alambique.errors import DataError
from alambique.recipe.sections import Data
from alambique.terminal import is_unsafe

MOST_CLASSES = 10_000  # the memory of logits and of the head; data sets of products have some thousands
FEW_CLASSES = 20  # so many may stand once each
_LONGEST = 250  # characters of a label
_SHOWN = 60
_HEADER_WORDS = 3  # per cell of a header
_WHOLE = re.compile(r"^(-?\d+)(?:\.0)?$")
_TYPED = frozenset({"json", "parquet", "arrow"})  # these files say what is text


@dataclass(frozen=True)
class EncodedLabels:
    """Class names, whether their order means something, and (rows,) int64 indices by split."""

    names: tuple[str, ...]
    ordinal: bool
    labels: dict[str, np.ndarray]


def encode_labels(tables: dict[str, Table], data: Data, *, liar: bool) -> EncodedLabels:
    """Group, order and number the labels of all splits.

    Args:
        tables: by split, those with labels. Where train is not among them, the labels are those of the others, and of
            ``data.label_order``.
        data: the recipe's section.
        liar: whether the rows are LIAR's.

    Raises:
        DataError: a label is missing, unknown, or only outside train; or there is one class, or far too many.
    """
    column = label_column(data)
    cells = _cells(tables, column)
    grouped = _grouped(cells, tables, data, liar=liar)
    deciding = ("train",) if "train" in tables else tuple(tables)  # the splits whose labels are the labels
    first, known = tables[deciding[0]], Counter(name for split in deciding for name in grouped[split])
    for split, names in grouped.items():
        for row, name in enumerate(names):
            check_known(name, tables[split].place(row), known)
    for split in deciding:
        for name in Counter(grouped[split]):
            check_label_name(name, tables[split].place(grouped[split].index(name)), column)
    _check_several(known, first)
    _check_header(grouped, deciding[0], first, data)
    check_number(known, sum(map(len, grouped.values())), first, column)
    ordered, ordinal = _ordered(set(known), first, data, liar=liar, learnt="train" in tables)
    index = {name: i for i, name in enumerate(ordered)}
    labels = {split: np.array([index[name] for name in found], dtype=np.int64) for split, found in grouped.items()}
    return EncodedLabels(ordered, ordinal, labels)


def check_known(name: str, place: str, train: Mapping[str, int]) -> None:
    """Refuse a label that train does not have.

    Args:
        name: of the label.
        place: of its row, for the message.
        train: rows of train by label.

    Raises:
        DataError: train lacks it.
    """
    if name not in train:
        raise DataError(
            f"{place}: label {name!r} does not occur in the train split, so nothing can learn it. Train has "
            f"{_some(sorted(train))}.{_look_alike(name, train)}"
        )


def _look_alike(name: str, known: Iterable[str]) -> str:
    for other in known:
        for group in look_alikes((name, other)):
            return (
                f" {shown(name)} and {shown(other)} differ by {group.difference} alone: to make them one label, name "
                "every label in data.label_groups."
            )
    return ""


def check_label_name(name: str, place: str, column: str) -> None:
    """Refuse what cannot be the name of a label.

    Args:
        name: of the label.
        place: of its row, for the message.
        column: of labels.

    Raises:
        DataError: it is very long, or cannot be shown.
    """
    if len(name) > _LONGEST or any(map(is_unsafe, name)) or "\ufffd" in name:
        fault = (
            f"is longer than {_LONGEST} characters" if len(name) > _LONGEST else "has a character that cannot be shown"
        )
        raise DataError(f"{place}: label {_short(name)} {fault}. Is {column!r} the column of labels?")


def _check_several(counts: Mapping[str, int], train: Table) -> None:
    if len(counts) == 1:
        raise DataError(
            f"{train.where}: every row has the label {next(iter(counts))!r}; a classifier needs two classes or more."
        )


def _check_header(grouped: Mapping[str, list[str]], split: str, train: Table, data: Data) -> None:
    """Refuse a first row that looks like a header: its label is nowhere else, and its texts are of a few words."""
    first = grouped[split][0]
    alone = sum(names.count(first) for names in grouped.values()) == 1
    texts = [train.columns[name] for name in data.text]
    brief = all(_words(cells[0]) <= _HEADER_WORDS for cells in texts)
    longer = any(sorted(map(_words, cells))[len(cells) // 2] > _HEADER_WORDS for cells in texts)
    if data.columns and train.lines[0] == 1 and alone and (brief or not longer):
        raise DataError(
            f"{train.where}: label {first!r} stands in the first row and nowhere else, so that row looks like a header. "
            "Leave data.columns out, which is for files without one."
        )


def _words(cell: str | None) -> int:
    return len((cell or "").split())


def check_number(counts: Mapping[str, int], rows: int, train: Table, column: str) -> None:
    """Refuse values that hardly repeat, as those of a text column; valid and test count, which few-shot train rows need.

    Args:
        counts: of each label.
        rows: of all splits.
        train: for the message.
        column: of labels.

    Raises:
        DataError: there are too many labels.
    """
    different = len(counts)
    if different > max(FEW_CLASSES, rows // 2):
        raise DataError(
            f"{train.where}: column {column!r}, which data.label names, has {different} different values in "
            f"{sum(counts.values())} rows. Is it the text column?"
        )
    if different > MOST_CLASSES:
        raise DataError(
            f"{train.where}: column {column!r}, which data.label names, has {different:,} different values; a "
            f"classifier can have {MOST_CLASSES:,}. Is it the column of labels? data.label_groups can merge them."
        )


def _short(name: str) -> str:
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}…"


def _cells(tables: Mapping[str, Table], column: str) -> dict[str, list[str]]:
    """Label of each row, by split; ``1.0`` in text files is ``1`` if all labels of these files are whole numbers.

    What a JSON or Parquet file says is text stays as it is.
    """
    cells = {split: _names(table, column) for split, table in tables.items()}
    untyped = [split for split, table in tables.items() if table.reading.form not in _TYPED]
    whole = all(_WHOLE.match(name) for split in untyped for name in cells[split])
    long = any(_WHOLE.sub(r"\1", name) != name for split in cells if split not in untyped for name in cells[split])
    if whole and not long:
        for split in untyped:
            cells[split] = [_WHOLE.sub(r"\1", name) for name in cells[split]]
    return cells


def _names(table: Table, column: str) -> list[str]:
    class_names = table.class_names.get(column)
    names = []
    for row, cell in enumerate(table.columns[column]):
        if cell is None or not cell.strip():
            raise DataError(f"{table.place(row)}: the label (column {column!r}) is empty.")
        if class_names is None:
            names.append(cell.strip())
        elif not 0 <= int(cell) < len(class_names):
            raise DataError(f"{table.place(row)}: label {cell} is none of 0 to {len(class_names) - 1}.")
        else:
            names.append(class_names[int(cell)])
    return names


def _grouped(cells: dict[str, list[str]], tables: dict[str, Table], data: Data, *, liar: bool) -> dict[str, list[str]]:
    groups = data.label_groups
    if groups is None:
        return cells
    own = not isinstance(groups, str)
    if isinstance(groups, str):
        if not liar:
            where = next(iter(tables.values())).where
            raise DataError(
                f"data.label_groups: {groups!r} names a grouping of LIAR's six labels, but {where} is not LIAR. Give a "
                "mapping {old name: new name}, or null."
            )
        groups = GROUPS[groups]
    present = {name for names in cells.values() for name in names}
    for name in groups:
        if own and name not in present:  # LIAR's own groups may name a class that a small sample lacks
            raise DataError(f"data.label_groups names {name!r}, which no row has.{_meant(name, present)}")
    for split, names in cells.items():
        for row, name in enumerate(names):
            if name not in groups:
                raise DataError(
                    f"{tables[split].place(row)}: label {name!r} is not named by data.label_groups, which has "
                    f"{_some(sorted(groups))}.{_meant(name, set(groups))}"
                )
    return {split: [groups[name] for name in names] for split, names in cells.items()}


def _ordered(
    present: set[str], train: Table, data: Data, *, liar: bool, learnt: bool = True
) -> tuple[tuple[str, ...], bool]:
    """Labels in order, and whether the order means something; ``learnt``: each must be in train, to be learnt."""
    order = data.label_order
    if order is None and liar and (data.label_groups is None or isinstance(data.label_groups, str)):
        order = tuple(name for name in ORDERS[data.label_groups or "six"] if name in present)
    if order is not None:
        unknown, missing = [n for n in order if learnt and n not in present], sorted(present - set(order))
        if unknown or missing:
            what = f"names {unknown[0]!r}, which train does not have" if unknown else f"does not name {missing[0]!r}"
            meant = _meant(unknown[0], present) if unknown else ""
            raise DataError(f"data.label_order {what}.{meant} The labels are {_some(sorted(present))}.")
        return order, True
    column = label_column(data)
    if column in train.class_names and data.label_groups is None:
        return tuple(name for name in train.class_names[column] if name in present), False
    return in_plain_order(present), False


def in_plain_order(names: Collection[str]) -> tuple[str, ...]:
    """Labels without an order of their own: whole numbers by size, others by letters."""
    if all(name.removeprefix("-").isdecimal() for name in names):
        return tuple(sorted(names, key=lambda name: (int(name), name)))
    return tuple(sorted(names))


def label_column(data: Data) -> str:
    """The column of labels, where a row has one.

    Raises:
        ValueError: ``data.label`` names several.
    """
    if not isinstance(data.label, str):
        raise ValueError("data.label names several columns")  # noqa: TRY004 - a value, which the recipe has checked
    return data.label


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"  # noqa: PLR2004


def _meant(name: str, known: set[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
