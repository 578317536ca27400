"""Whether the labels of data that nobody has described are sets: lists, parted text, or several columns of 0 and 1."""

import ast
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from alambique.data.column_names import label_name, text_name
from alambique.data.labels import FEW_CLASSES
from alambique.data.table import A_LIST, Table

SEPARATORS = ("|", ";", ",", "/")
_TRUTHS = frozenset({"0", "1", "-1", "true", "false", "True", "False"})
_ONE_LABEL = frozenset({"label", "labels", "target", "targets", "class", "category", "y", "gold", "answer"})
_SAMPLE = 5000  # cells of a column that are looked at
_LONGEST = 40  # characters of a label, in the mean
_PARTED = 0.05  # of the filled cells that have a separator
_FEWEST = 2  # columns of 0 and 1


@dataclass(frozen=True)
class LabelSets:
    """Where sets of labels stand.

    Attributes:
        columns: the column of labels, or those of 0 and 1.
        keys: of the recipe's section ``data``, beside the label, that read them.
        other_labels: columns that may be the labels too.
    """

    columns: tuple[str, ...]
    keys: Mapping[str, Any]
    other_labels: tuple[str, ...] = ()

    @property
    def label(self) -> str | tuple[str, ...]:
        """The value of ``data.label``."""
        return self.columns if "task" in self.keys and len(self.columns) > 1 else self.columns[0]


def find_label_sets(tables: Mapping[str, Table]) -> LabelSets | None:
    """Look for lists, then parted text, then columns of 0 and 1; None where a row seems to have one label.

    A column of numbers or names that is called as labels are speaks against columns of 0 and 1 beside it.
    """
    train = tables["train"]
    lists = [name for name in train.columns if _is_of_lists(train, name)]
    if lists:
        best, *others = sorted(lists, key=lambda name: -label_name(name))
        return LabelSets((best,), {} if best in train.odd else {"task": "multi_label"}, tuple(others))
    for name in sorted(train.columns, key=lambda name: -label_name(name)):
        separator = _separator(train, name) if label_name(name) > 0 else None
        if separator is not None:
            return LabelSets((name,), {"label_separator": separator})
    flags = tuple(name for name in train.columns if _is_a_flag(tables, name))
    if len(flags) < _FEWEST or any(name.casefold() in _ONE_LABEL for name in flags):
        return None
    named = [name for name in train.columns if name not in flags and label_name(name) > 0 and _repeats(train, name)]
    return None if named else LabelSets(flags, {"task": "multi_label"})


def _filled(table: Table, name: str) -> list[str]:
    cells = [cell.strip() for cell in table.columns[name] if cell and cell.strip()]
    return cells[:: max(1, len(cells) // _SAMPLE)]


def _is_of_lists(train: Table, name: str) -> bool:
    """Whether the cells are lists whose members repeat; in a text file, as Python or JSON writes them."""
    if name in train.odd and train.odd[name][1] != A_LIST:
        return False
    cells = _filled(train, name)
    if not cells or not all(cell.startswith("[") and cell.endswith("]") for cell in cells):
        return False
    try:
        members = [member for cell in cells for member in ast.literal_eval(cell)]
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return False
    return all(isinstance(member, (str, int)) for member in members) and _are_labels(map(str, members))


def _separator(train: Table, name: str) -> str | None:
    """What parts the labels of a cell: the parts are fewer than the cells are different, and repeat."""
    if name in train.odd or text_name(name) > 0:
        return None
    cells = _filled(train, name)
    whole, best = len(set(cells)), None
    for separator in SEPARATORS:
        parted = sum(separator in cell for cell in cells)
        parts = {part.strip() for cell in cells for part in cell.split(separator) if part.strip()}
        members = [part.strip() for cell in cells for part in cell.split(separator)]
        if parted < max(2, _PARTED * len(cells)) or len(parts) >= whole or not _are_labels(members):
            continue
        if best is None or len(parts) < best[0]:
            best = (len(parts), separator)
    return None if best is None else best[1]


def _are_labels(members: Iterable[str]) -> bool:
    counts = Counter(member for member in members if member)
    total = sum(counts.values())
    if not 1 < len(counts) <= max(FEW_CLASSES, total // 3):
        return False
    return sum(len(name) * n for name, n in counts.items()) / total <= _LONGEST and len(counts) <= total / 2


def _is_a_flag(tables: Mapping[str, Table], name: str) -> bool:
    having: Sequence[Table] = [table for table in tables.values() if name in table.columns and name not in table.odd]
    values = {cell for table in having for cell in _filled(table, name)}
    return len(values - {"-1"}) > 1 and values <= _TRUTHS and label_name(name) >= 0


def _repeats(train: Table, name: str) -> bool:
    if name in train.odd:
        return False
    cells = _filled(train, name)
    return 1 < len(set(cells)) <= max(FEW_CLASSES, len(cells) // 2)
