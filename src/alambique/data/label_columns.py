"""Which columns of a table hold a value for each label, and those values."""

import ast
import json
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alambique.data.table import Table, listed
from alambique.errors import closest

LOGITS, PROBABILITIES = "logits", "probabilities"
_KINDS = {"logit": LOGITS, "prob": PROBABILITIES}  # what a name with these letters in it says of its values
_LABEL, _SCORE = ("label", "name", "class"), ("score", "probability", "logit", "value")


class NoValuesError(ValueError):
    """No columns hold values for all labels, or values of a row cannot be read; the text says why."""


@dataclass(frozen=True)
class LabelColumns:
    """Columns of values, one for each label, or one column with a list or mapping of them in each cell.

    Attributes:
        table: that they are of.
        labels: of the data, in its order.
        names: of the columns, in the order of the labels, or the name of the one column.
        kind: ``logits`` or ``probabilities``, where the names say it; None where they do not.
    """

    table: Table
    labels: tuple[str, ...]
    names: tuple[str, ...]
    kind: str | None

    @property
    def is_one(self) -> bool:
        """Whether a single column holds all values."""
        return len(self.names) == 1

    def values(self, row: int) -> tuple[np.ndarray, bool]:
        """The values of a row, (C,) float64 in the order of the labels; and whether that order was taken as it stood.

        Raises:
            NoValuesError: one is missing or is not a finite number, or the labels are others.
        """
        if self.is_one:
            return self._of_cell(self.table.columns[self.names[0]][row])
        cells = (self.table.columns[name][row] for name in self.names)
        return np.array([_number(cell, name) for cell, name in zip(cells, self.names, strict=True)]), False

    def _of_cell(self, cell: str | None) -> tuple[np.ndarray, bool]:
        parsed = _parsed(cell)
        pairs = _named(parsed)
        if pairs is None:
            if not isinstance(parsed, list):
                raise NoValuesError(f"{self.names[0]} is {_short(cell)}, not a list or a mapping of values")
            if len(parsed) != len(self.labels):
                raise NoValuesError(f"{self.names[0]} has {len(parsed)} values for {len(self.labels)} labels")
            return np.array([_number(value, name) for value, name in zip(parsed, self.labels, strict=True)]), True
        order = order_of([name for name, _ in pairs], self.labels)
        if order is None or len(pairs) != len(self.labels):
            raise NoValuesError(
                f"{self.names[0]} has values for {listed([name for name, _ in pairs])}; the labels are "
                f"{listed(self.labels)}"
            )
        return np.array([_number(pairs[place][1], name) for place, name in zip(order, self.labels, strict=True)]), False


def find_label_columns(table: Table, labels: tuple[str, ...], taken: Collection[str]) -> LabelColumns:
    """Find the columns that are named by the labels, perhaps with the same words before each, or the one column of all.

    Args:
        table: the file.
        labels: of the data.
        taken: columns that hold something else: ids, texts, the label.

    Raises:
        NoValuesError: there are none.
    """
    names = [name for name in table.columns if name not in taken]
    for prefix in _prefixes(names, labels):
        group = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
        order = order_of(list(group), labels)
        if order is not None:
            if prefix.endswith(".") and len(group) > len(labels):
                more = [name for place, name in enumerate(group.values()) if place not in order]
                raise NoValuesError(f"column {more[0]} is not of a label; the labels are {listed(labels)}")
            chosen = list(group.values())
            return LabelColumns(table, labels, tuple(chosen[place] for place in order), _kind(prefix))
    for name in names:
        if _is_of_values(table.columns[name]):
            return LabelColumns(table, labels, (name,), _kind(name))
    absent = next((label for label in labels if order_of(names, (label,)) is None), labels[0])
    raise NoValuesError(
        f"no column holds the values of {absent}{closest(absent, names) or '.'} It needs a column for each label "
        f"({listed(labels)}), or one column with a list or mapping of their values. Its columns are "
        f"{listed(table.all_names)}"
    )


def order_of(names: Sequence[str], labels: tuple[str, ...]) -> list[int] | None:
    """For each label the place of its name; case, spaces, hyphens and underscores do not matter where that is clear.

    Returns:
        None if a label has no name or more than one.
    """
    exact = {name: place for place, name in enumerate(names)}
    if len(exact) == len(names) and all(label in exact for label in labels):
        return [exact[label] for label in labels]
    folded: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        folded.setdefault(_folded(name), []).append(place)
    places = [folded.get(_folded(label), []) for label in labels]
    if len({_folded(label) for label in labels}) < len(labels) or any(len(each) != 1 for each in places):
        return None
    return [place for (place,) in places]


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "-", name.casefold())


def _prefixes(names: Sequence[str], labels: tuple[str, ...]) -> list[str]:
    """What may stand before the labels in the names of columns: nothing first, then words that speak of probabilities."""
    first = labels[0]
    before = {name[: -len(first)] for name in names if _folded(name).endswith(_folded(first)) and name != first}
    return ["", *sorted((p for p in before if p), key=lambda prefix: (_kind(prefix) != PROBABILITIES, prefix))]


def _kind(name: str) -> str | None:
    return next((kind for word, kind in _KINDS.items() if word in name.casefold()), None)


def _is_of_values(cells: Sequence[str | None]) -> bool:
    first = next((cell for cell in cells if cell), None)
    if first is None or not first.lstrip().startswith(("[", "{")):
        return False
    try:
        return isinstance(_parsed(first), (list, dict))
    except NoValuesError:
        return False


def _parsed(cell: str | None) -> Any:
    """A cell with JSON or, as Python prints a list of mappings, a literal; nothing else is evaluated."""
    if not cell:
        return cell
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise NoValuesError(f"{_short(cell)} is not a list or a mapping of values")


def _named(parsed: Any) -> list[tuple[str, Any]] | None:
    """Names and values of a mapping, or of a list of mappings such as ``{"label": "good", "score": 0.9}``."""
    if isinstance(parsed, dict):
        return [(str(name), value) for name, value in parsed.items()]
    if not (isinstance(parsed, list) and parsed and all(isinstance(entry, dict) for entry in parsed)):
        return None
    pairs = []
    for entry in parsed:
        name, value = (next((entry[key] for key in keys if key in entry), None) for keys in (_LABEL, _SCORE))
        if name is None or value is None:
            raise NoValuesError(f"{_short(str(entry))} has no label and score")
        pairs.append((str(name), value))
    return pairs


def _number(value: Any, name: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if value is None or value == "":
        raise NoValuesError(f"{name} is empty")
    if not math.isfinite(number):
        raise NoValuesError(f"{name} is {_short(value)}, not a finite number")
    return number


def _short(value: Any) -> str:
    text = str(value)
    return "empty" if value in (None, "") else repr(text if len(text) <= 40 else f"{text[:40]}…")  # noqa: PLR2004
