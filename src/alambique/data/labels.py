"""From the cells of the label column to class indices, by name, in one order for all splits."""

import re
from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np

from alambique.data.files import Table
from alambique.data.liar import GROUPS, ORDERS
from alambique.errors import DataError
from alambique.recipe.sections import Data
from alambique.terminal import is_unsafe

MOST_CLASSES = 1000
_LONGEST = 250  # characters of a label
_SHOWN = 60
_WHOLE = re.compile(r"^(-?\d+)\.0$")  # 1.0 in a CSV file is the 1 of a JSON or Parquet file


@dataclass(frozen=True)
class EncodedLabels:
    """Class names, whether their order means something, and (rows,) int64 indices by split."""

    names: tuple[str, ...]
    ordinal: bool
    labels: dict[str, np.ndarray]


def encode_labels(tables: dict[str, Table], data: Data, *, liar: bool) -> EncodedLabels:
    """Group, order and number the labels of all splits.

    Raises:
        DataError: a label is missing, unknown, or only outside train; or there is one class, or far too many.
    """
    cells = {split: _names(table, data.label) for split, table in tables.items()}
    grouped = _grouped(cells, tables, data, liar=liar)
    train = Counter(grouped["train"])
    for split, names in grouped.items():
        for name, line in zip(names, tables[split].lines, strict=True):
            if name not in train:
                raise DataError(
                    f"{tables[split].where}, line {line}: label {name!r} does not occur in the train split, so nothing "
                    f"can learn it. Train has {_some(sorted(train))}."
                )
    where = tables["train"].where
    for name in train:
        if len(name) > _LONGEST or any(map(is_unsafe, name)) or "\ufffd" in name:
            line = tables["train"].lines[grouped["train"].index(name)]
            what = (
                f"is longer than {_LONGEST} characters"
                if len(name) > _LONGEST
                else "has a character that cannot be shown"
            )
            raise DataError(
                f"{where}, line {line}: label {_short(name)} {what}. Is {data.label!r} the column of labels?"
            )
    if len(train) == 1:
        raise DataError(
            f"{where}: every row has the label {next(iter(train))!r}; a classifier needs two classes or more."
        )
    first = grouped["train"][0]
    if data.columns and train[first] == 1 and tables["train"].lines[0] == 1:
        raise DataError(
            f"{where}: label {first!r} stands in the first row and nowhere else, so that row looks like a header. Leave "
            "data.columns out, which is for files without one."
        )
    if len(train) > min(MOST_CLASSES, max(20, len(grouped["train"]) // 2)):
        raise DataError(
            f"{where}: column {data.label!r}, which data.label names, has {len(train)} different values in "
            f"{len(grouped['train'])} rows. Is it the text column?"
        )
    ordered, ordinal = _ordered(set(train), tables["train"], data, liar=liar)
    index = {name: i for i, name in enumerate(ordered)}
    labels = {split: np.array([index[name] for name in found], dtype=np.int64) for split, found in grouped.items()}
    return EncodedLabels(ordered, ordinal, labels)


def _short(name: str) -> str:
    return repr(name) if len(name) <= _SHOWN else f"{name[:_SHOWN]!r}…"


def _names(table: Table, column: str) -> list[str]:
    class_names = table.class_names.get(column)
    names = []
    for cell, line in zip(table.columns[column], table.lines, strict=True):
        if cell is None or not cell.strip():
            raise DataError(f"{table.where}, line {line}: the label (column {column!r}) is empty.")
        if class_names is None:
            names.append(_WHOLE.sub(r"\1", cell.strip()))
        elif not 0 <= int(cell) < len(class_names):
            raise DataError(f"{table.where}, line {line}: label {cell} is none of 0 to {len(class_names) - 1}.")
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
            raise DataError(
                f"data.label_groups: {groups!r} names a grouping of LIAR's six labels, but {tables['train'].where} is not "
                "LIAR. Give a mapping {old name: new name}, or null."
            )
        groups = GROUPS[groups]
    present = {name for names in cells.values() for name in names}
    for name in groups:
        if own and name not in present:  # LIAR's own groups may name a class that a small sample lacks
            raise DataError(f"data.label_groups names {name!r}, which no row has.{_meant(name, present)}")
    for split, names in cells.items():
        for name, line in zip(names, tables[split].lines, strict=True):
            if name not in groups:
                raise DataError(
                    f"{tables[split].where}, line {line}: label {name!r} is not named by data.label_groups, which has "
                    f"{_some(sorted(groups))}.{_meant(name, set(groups))}"
                )
    return {split: [groups[name] for name in names] for split, names in cells.items()}


def _ordered(present: set[str], train: Table, data: Data, *, liar: bool) -> tuple[tuple[str, ...], bool]:
    order = data.label_order
    if order is None and liar and (data.label_groups is None or isinstance(data.label_groups, str)):
        order = tuple(name for name in ORDERS[data.label_groups or "six"] if name in present)
    if order is not None:
        unknown, missing = [n for n in order if n not in present], sorted(present - set(order))
        if unknown or missing:
            what = f"names {unknown[0]!r}, which train does not have" if unknown else f"does not name {missing[0]!r}"
            raise DataError(f"data.label_order {what}. The labels are {_some(sorted(present))}.")
        return order, True
    if data.label in train.class_names and data.label_groups is None:
        return tuple(name for name in train.class_names[data.label] if name in present), False
    if all(name.removeprefix("-").isdecimal() for name in present):
        return tuple(sorted(present, key=int)), False
    return tuple(sorted(present)), False


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:12])
    return shown if len(names) <= 12 else f"{shown} and {len(names) - 12} more"  # noqa: PLR2004


def _meant(name: str, known: set[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
