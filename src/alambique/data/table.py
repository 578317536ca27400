"""The cells of a data file as text, and how the file was read."""

import datetime as dt
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from alambique.errors import DataError

_ODD = ((dict, "an object"), (list, "a list"), (bytes, "bytes"), (dt.date | dt.time, "a date or time"))
_DEEPEST = 6  # objects within objects that get dotted names
_MOST_PARTS = 200  # an object with more keys than that holds values by key, not fields


@dataclass(frozen=True)
class Reading:
    """How a file was read, for whoever wants to repeat it or write a recipe for it.

    Attributes:
        form: csv, tsv, json, parquet, arrow, fasttext, documents (a file per text), or embedded.
        encoding: of a text file, a Python codec name; None for the others.
        compression: gzip, bz2, xz, zstd or zip; None if there is none.
        delimiter: between the cells of a delimited file.
        quoting: whether cells in quotes were read in the standard way (RFC 4180); False: quotes are part of the cells.
        header: whether the first row gave the names of the columns.
        notes: what the user should know about it: a guess, or something that was left out.
    """

    form: str
    encoding: str | None = None
    compression: str | None = None
    delimiter: str | None = None
    quoting: bool = True
    header: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """The cells of one file (or several of one split) as text.

    Attributes:
        where: the file, for messages.
        columns: name → cells; an absent cell is None.
        lines: the line (or row) number of each row.
        class_names: name → class names, for a column of class numbers that carries them (the Hub's Parquet files).
        odd: name → line and kind of its first cell that is not text, a number or a truth value.
        names: all columns of the file, where ``columns`` holds only those that were asked for.
        gaps: columns of numbers with a fraction in which a cell is missing (NaN): whole numbers that a program turned into
            these to mark the gap.
        reading: how the file was read.
    """

    where: str
    columns: dict[str, list[str | None]]
    lines: list[int]
    class_names: dict[str, list[str]] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    gaps: frozenset[str] = frozenset()
    reading: Reading = field(default_factory=lambda: Reading("embedded"))

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lines)

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of all columns of the file."""
        return self.names or tuple(self.columns)

    def take(self, rows: Sequence[int]) -> "Table":
        """The rows at these positions."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        return replace(self, columns=columns, lines=[self.lines[row] for row in rows])

    def with_notes(self, notes: Iterable[str]) -> "Table":
        """The same with further notes on how it was read."""
        return replace(self, reading=replace(self.reading, notes=(*self.reading.notes, *notes)))


def narrowed(table: Table, wanted: Collection[str]) -> Table:
    """Keep the ``wanted`` columns alone where all of them are there; else, for messages and other names, all columns."""
    if not wanted or not set(wanted) <= set(table.columns):
        return table
    columns = {name: cells for name, cells in table.columns.items() if name in wanted}
    return replace(table, columns=columns, names=table.all_names)


def some_rows(table: Table) -> Table:
    """The table, which must have rows.

    Raises:
        DataError: it has none.
    """
    if not len(table):
        raise DataError(f"{table.where}: the file has no rows.")
    return table


def from_values(
    path: Path, values: dict[str, list[Any]], lines: list[int], reading: Reading, wanted: Collection[str] = ()
) -> Table:
    """A table of parsed values; a field of an object is a column of its own, with a dotted name (``review.text``).

    Args:
        path: the file.
        values: name → values, None where there is none.
        lines: line of each row.
        reading: how the file was read.
        wanted: the columns that will be used; all by default.
    """
    if not set(wanted) <= set(values) or not wanted:
        values = with_parts(values)
    names = tuple(values)
    if wanted and set(wanted) <= set(values):
        values = {name: values[name] for name in names if name in wanted}
    odd, gaps = {}, set()
    for name, column in values.items():
        first = next(((line, kind) for line, value in zip(lines, column, strict=True) if (kind := _kind(value))), None)
        if first is not None:
            odd[name] = first
        if any(isinstance(value, float) and math.isnan(value) for value in column):
            gaps.add(name)
    cells = {name: [as_text(value) for value in column] for name, column in values.items()}
    return some_rows(Table(str(path), cells, lines, {}, odd, names, frozenset(gaps), reading))


def with_parts(values: dict[str, list[Any]], depth: int = 0) -> dict[str, list[Any]]:
    """Add a column for each field of the objects among the values, after the column of the objects themselves."""
    result: dict[str, list[Any]] = {}
    for name, column in values.items():
        result[name] = column
        objects = [value for value in column if isinstance(value, dict)]
        keys = list(dict.fromkeys(key for value in objects for key in value))
        if keys and depth < _DEEPEST and len(keys) <= _MOST_PARTS:
            parts = {
                f"{name}.{key}": [value.get(key) if isinstance(value, dict) else None for value in column]
                for key in keys
            }
            result |= {part: cells for part, cells in with_parts(parts, depth + 1).items() if part not in values}
    return result


def _kind(value: Any) -> str | None:
    """What a cell is that is not text, a number or a truth value."""
    if isinstance(value, str):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "an infinite number"
    return next((kind for types, kind in _ODD if isinstance(value, types)), None)


def as_text(value: Any) -> str | None:
    """A cell as the user wrote it: true stays ``true``, 3 and 3.0 are ``3``; an absent cell stays None."""
    if isinstance(value, str):  # JSON may hold half a character, which no file of ours could
        return value if value.isprintable() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if value is None or (isinstance(value, float) and math.isnan(value)):  # as pandas writes that there is nothing
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def join(tables: list[Table]) -> Table:
    """The shards of one split, one after the other.

    Raises:
        DataError: the shards have different columns.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    for other in tables[1:]:
        if set(other.all_names) != set(first.all_names):
            raise DataError(f"{other.where}: its columns differ from those of {first.where}.")
    cells = {name: [cell for table in tables for cell in table.columns[name]] for name in first.columns}
    odd = {name: place for table in reversed(tables) for name, place in table.odd.items()}
    notes = dict.fromkeys(note for table in tables for note in table.reading.notes)
    return replace(
        first, columns=cells, lines=[line for table in tables for line in table.lines], odd=odd,
        gaps=frozenset().union(*(table.gaps for table in tables)), reading=replace(first.reading, notes=tuple(notes)),
    )  # fmt: skip
