"""Types for the columns of JSON records: one that all values of a column fit, so that nothing is changed."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from alambique.data.table import as_text

_TEXT, _TRUTH, _WHOLE, _FRACTION, _OTHER = "text", "truth", "whole", "fraction", "other"
_LONGEST = 2**63  # whole numbers from here on do not fit an int64
_EXACT = 2**53  # whole numbers up to here are exact among fractions
_TYPES = {
    frozenset({_TRUTH}): pa.bool_(), frozenset({_WHOLE}): pa.int64(), frozenset({_FRACTION}): pa.float64(),
    frozenset({_WHOLE, _FRACTION}): pa.float64(),
}  # fmt: skip


@dataclass
class ColumnKinds:
    """Which kinds of values each column has, over all records.

    Attributes:
        texts: columns that are text whatever they hold, since the model reads them.
        kinds: by column, in the order in which they appear.
        largest: by column, the greatest magnitude of its whole numbers.
    """

    texts: tuple[str, ...] = ()
    kinds: dict[str, set[str]] = field(default_factory=dict)
    largest: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The columns."""
        return list(self.kinds)

    def add(self, record: dict[str, Any]) -> None:
        """Note the kinds of one record's values."""
        for name, value in record.items():
            kinds = self.kinds.setdefault(name, set())
            if value is None:
                continue
            kind = _kind(value)
            kinds.add(kind)
            if kind == _WHOLE:
                self.largest[name] = max(self.largest.get(name, 0), abs(value))

    def type_of(self, name: str) -> pa.DataType:
        """The type that a column is stored in: text where its values are of several kinds, or objects or lists."""
        kinds, largest = frozenset(self.kinds[name]), self.largest.get(name, 0)
        if name in self.texts or largest >= _LONGEST or (_FRACTION in kinds and largest > _EXACT):
            return pa.string()
        return _TYPES.get(kinds, pa.string())


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return _TEXT
    if isinstance(value, bool):
        return _TRUTH
    if isinstance(value, int):
        return _WHOLE
    return _FRACTION if isinstance(value, float) else _OTHER


def as_column(values: Iterable[Any], kind: pa.DataType) -> pa.Array:
    """Values as a column; in one of text, what is not text is stored as its JSON.

    Args:
        values: of the column, None where there is none.
        kind: as :meth:`ColumnKinds.type_of` gives it.
    """
    if kind != pa.string():
        return pa.array(values, kind)
    return pa.array([_as_json(value) for value in values], kind)


def _as_json(value: Any) -> str | None:
    if value is None:
        return None
    return as_text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
