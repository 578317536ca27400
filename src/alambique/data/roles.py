"""Which column holds the text and which the label, by what they hold and by what they are called."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from alambique.data.column_names import is_known, label_name, partner, text_name
from alambique.data.label_set_roles import LabelSets
from alambique.data.labels import FEW_CLASSES, MOST_CLASSES
from alambique.data.table import Table
from alambique.errors import DataError

_SAMPLE = 5000  # cells of a column that are looked at closely
_CLOSE = 1.0  # of a score, within which another column may be meant
_WORDS_OF_TEXT = 4
_LONG_LABEL = 60  # characters in the mean
_NUMBER = re.compile(r"[-+]?[\d.,]+(?:[eE][-+]?\d+)?%?")
_WHOLE = re.compile(r"[-+]?\d+(?:\.0)?")
_ADDRESS = re.compile(r"https?://\S+|www\.\S+|\S+@\S+\.\S+|[\w.-]*[/\\]\S*|[0-9a-f-]{20,}")
_DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ]\d.*)?")
_MOSTLY = 0.9


@dataclass(frozen=True)
class Column:
    """The cells of a column, of all splits that have it."""

    name: str
    cells: tuple[str, ...]  # those that are not empty
    rows: int

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each value occurs."""
        return Counter(self.cells)

    @cached_property
    def _sample(self) -> tuple[str, ...]:
        return self.cells[:: max(1, len(self.cells) // _SAMPLE)]

    def share(self, pattern: re.Pattern[str]) -> float:
        """The share of the cells that are of a form."""
        return sum(pattern.fullmatch(cell[:200]) is not None for cell in self._sample) / max(1, len(self._sample))

    @cached_property
    def words(self) -> float:
        """Words of a cell in the median; a character of Chinese or Japanese counts as one."""
        counted = sorted(_words(cell[:2000]) for cell in self._sample)
        return counted[len(counted) // 2] if counted else 0

    @cached_property
    def characters(self) -> float:
        """Characters of a cell in the mean; of long cells so many as tell them apart from short ones."""
        return sum(min(len(cell), 1000) for cell in self._sample) / max(1, len(self._sample))


@dataclass(frozen=True)
class Roles:
    """The columns that were chosen, and what else may be meant.

    Attributes:
        text: the columns of text, one or two.
        label: the column of labels.
        other_texts: columns that may be the text too.
        other_labels: columns that may be the labels too.
    """

    text: tuple[str, ...]
    label: str
    other_texts: tuple[str, ...] = ()
    other_labels: tuple[str, ...] = ()


def is_header(names: tuple[str, ...], table: Table) -> bool:
    """Whether the first row of a delimited file, which was read as a header, is one.

    It is if a name is a usual one, unless the column has it as a value too. It is not if it looks like the rows below it: a
    number above numbers, a value of the column, a sentence above sentences.
    """
    columns = columns_of({"train": table}, names)
    if any(is_known(column.name) and column.name not in column.counts for column in columns):
        return True
    return not any(map(_is_a_row, columns))


def _is_a_row(column: Column) -> bool:
    name, repeats = column.name, len(column.counts) <= len(column.cells) / 2
    numbers = _NUMBER.fullmatch(name) is not None and column.share(_NUMBER) >= _MOSTLY
    return numbers or (repeats and name in column.counts) or min(_words(name), column.words) >= _WORDS_OF_TEXT


def columns_of(tables: Mapping[str, Table], names: tuple[str, ...]) -> list[Column]:
    """Columns by name, those that hold lists or objects left out; class numbers are replaced by the names of classes."""
    columns = []
    for name in names:
        having = [table for table in tables.values() if name in table.columns]
        if any(name in table.odd for table in having):
            continue
        cells = [cell.strip() for table in having for cell in table.columns[name] if cell and cell.strip()]
        columns.append(Column(name, tuple(cells), sum(map(len, having))))
    return columns


def choose_roles(tables: Mapping[str, Table], sets: LabelSets | None = None) -> Roles:
    """Choose the columns of text and the column of labels.

    Args:
        tables: by split.
        sets: where labels are sets, which are then not looked for.

    Raises:
        DataError: no column can be one of them.
    """
    train = tables["train"]
    columns = [c for c in columns_of(tables, train.all_names) if sets is None or c.name not in sets.columns]
    texts = _ranked({c.name: _text_score(c) for c in columns})
    if not texts:
        raise DataError(f"{train.where}: no column looks like text. The columns are {_listed(train)}.")
    text = _text_columns(texts, train.all_names)
    if sets is not None:
        others = tuple(_near(texts, texts[text[0]] if len(text) == 1 else math.inf, {*text}))
        return Roles(text, sets.columns[0], others, sets.other_labels)
    labels = _ranked({c.name: _label_score(c, train) for c in columns if c.name not in text})
    if not labels:
        raise DataError(
            f"{train.where}: no column looks like labels, whose values repeat. The columns are {_listed(train)}; "
            f"{' and '.join(text)} would be the text."
        )
    chosen = _by_name(labels, {column.name: column for column in columns}, tables)
    return Roles(
        text,
        chosen,
        tuple(_near(texts, texts[text[0]] if len(text) == 1 else math.inf, {*text, chosen})),
        tuple(_near(labels, max(labels.values()), {chosen})),
    )


def _text_score(column: Column) -> float | None:
    """How well a column would do as the text; None if it cannot be."""
    if not column.cells or column.share(_NUMBER) >= _MOSTLY or set(column.counts) <= {"true", "false"}:
        return None
    different = len(column.counts) / len(column.cells)
    if max(column.share(_ADDRESS), column.share(_DATE)) >= _MOSTLY or len(column.counts) == 1:
        return None
    prose = min(column.words, 20) / 10 + (column.words >= _WORDS_OF_TEXT)
    return text_name(column.name) * 1.5 + different + prose + len(column.cells) / max(1, column.rows) - 1


def _label_score(column: Column, train: Table) -> float | None:
    """How well a column would do as the labels; None if it cannot be."""
    kinds, filled = len(column.counts), len(column.cells)
    if not 1 < kinds <= min(MOST_CLASSES, max(FEW_CLASSES, column.rows // 2)) or column.characters > _LONG_LABEL:
        return None
    name = label_name(column.name)
    if name <= 0 and kinds > filled / 2:
        return None  # nothing repeats, and nothing says that it should
    entropy = -sum(n / filled * math.log(n / filled) for n in column.counts.values()) / math.log(kinds)
    fraction = column.share(_NUMBER) - column.share(_WHOLE)
    few = 1 - min(1.0, math.log(kinds) / math.log(MOST_CLASSES))
    score = 2.0 * name + few + (1 - kinds / filled) + 0.5 * min(1.0, 2 * entropy) - 3 * fraction
    if column.share(_DATE) >= _MOSTLY:
        return None
    missing = 1 - sum(cell is not None and bool(cell.strip()) for cell in train.columns[column.name]) / len(train)
    return score - (column.words > _WORDS_OF_TEXT) - 4 * missing


def _ranked(scores: Mapping[str, float | None]) -> dict[str, float]:
    """Names and scores, the best first."""
    possible = {name: score for name, score in scores.items() if score is not None}
    return dict(sorted(possible.items(), key=lambda item: -item[1]))


def _text_columns(texts: Mapping[str, float], names: tuple[str, ...]) -> tuple[str, ...]:
    best = next(iter(texts))
    other = partner(best, tuple(texts))
    return (best,) if other is None else tuple(name for name in names if name in (best, other))


def _by_name(labels: Mapping[str, float], columns: Mapping[str, Column], tables: Mapping[str, Table]) -> str:
    """The best column; where it holds numbers and another one has the names of the same classes, that one."""
    best = next(iter(labels))
    if columns[best].share(_WHOLE) < 1 or any(best in table.class_names for table in tables.values()):
        return best
    for other in labels:
        named = columns[other].share(_WHOLE) == 0 and len(columns[other].cells) == len(columns[best].cells)
        if named and len(columns[other].counts) == len(columns[best].counts):
            pairs = set(zip(columns[best].cells, columns[other].cells, strict=True))
            if len(pairs) == len(columns[best].counts):
                return other
    return best


def _near(scores: Mapping[str, float], best: float, without: set[str]) -> list[str]:
    return [name for name, score in scores.items() if name not in without and score > best - _CLOSE]


def _words(cell: str) -> int:
    return len(re.findall(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+", cell))


def _listed(table: Table) -> str:
    names = table.all_names
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")  # noqa: PLR2004
