"""The cells of a data file as text, and how the file was read."""

import datetime as dt
import math
from bisect import bisect_left
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

from alambique.errors import DataError

A_LIST = "a list"  # a kind of cell that is not text
_ODD = ((dict, "an object"), (list, A_LIST), (bytes, "bytes"), (dt.date | dt.time, "a date or time"))
_DEEPEST = 6  # objects within objects that get dotted names
_SHOWN = 40  # names of columns in a message
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
        odd: name → row and kind of its first cell that is not text, a number or a truth value.
        names: all columns of the file, where ``columns`` holds only those that were asked for.
        reading: how the file was read.
        parts: of several files, the first row of each and the file.
    """

    where: str
    columns: dict[str, list[str | None]]
    lines: list[int]
    class_names: dict[str, list[str]] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    reading: Reading = field(default_factory=lambda: Reading("embedded"))
    parts: tuple[tuple[int, str], ...] = ()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lines)

    @property
    def all_names(self) -> tuple[str, ...]:
        """The names of all columns of the file."""
        return self.names or tuple(self.columns)

    def place(self, row: int) -> str:
        """The file and the line of a row, for messages."""
        where = next((name for start, name in reversed(self.parts) if start <= row), self.where)
        return f"{where}, line {self.lines[row]}"

    def take(self, rows: Sequence[int]) -> "Table":
        """The rows at these positions, which rise."""
        columns = {name: [cells[row] for row in rows] for name, cells in self.columns.items()}
        now = {row: place for place, row in enumerate(rows)}
        odd = {name: (now[row], kind) for name, (row, kind) in self.odd.items() if row in now}
        parts = tuple((bisect_left(rows, start), name) for start, name in self.parts)
        return replace(self, columns=columns, lines=[self.lines[row] for row in rows], odd=odd, parts=parts)

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
    odd = {}
    for name, column in values.items():
        first = next(((row, kind) for row, value in enumerate(column) if (kind := _kind(value))), None)
        if first is not None:
            odd[name] = first
    cells = {name: [as_text(value) for value in column] for name, column in values.items()}
    return some_rows(Table(str(path), cells, lines, {}, odd, names, reading))


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
        DataError: the shards differ in the columns that are asked for, or number their classes differently.
    """
    first = tables[0]
    if len(tables) == 1:
        return first
    for other in tables[1:]:
        if set(other.columns) != set(first.columns):
            raise DataError(
                f"{other.where}: its columns ({listed(other.all_names)}) differ from those of {first.where} "
                f"({listed(first.all_names)}), with which it makes one split."
            )
        if other.class_names != first.class_names:
            raise DataError(f"{other.where}: its names of classes differ from those of {first.where}.")
    starts = list(accumulate((len(table) for table in tables[:-1]), initial=0))
    cells = {name: [cell for table in tables for cell in table.columns[name]] for name in first.columns}
    odd = {name: (start + row, kind) for start, table in reversed(list(zip(starts, tables, strict=True)))
           for name, (row, kind) in table.odd.items()}  # fmt: skip
    notes = dict.fromkeys(note for table in tables for note in table.reading.notes)
    return replace(
        first, columns=cells, lines=[line for table in tables for line in table.lines], odd=odd,
        reading=replace(first.reading, notes=tuple(notes)),
        parts=tuple((start, table.where) for start, table in zip(starts, tables, strict=True)),
    )  # fmt: skip


def listed(names: Sequence[str]) -> str:
    """The names in a message; of very many, the first."""
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
