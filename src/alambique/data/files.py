"""Read one data file into columns of text, and say exactly where it is wrong."""

import codecs
import csv
import datetime as dt
import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features

from alambique.data import liar
from alambique.errors import DataError

SUFFIXES = {
    ".tsv": "tsv", ".tab": "tsv", ".txt": "text", ".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet",
}  # fmt: skip
_LONGEST_CELL = 10_000_000
_ODD = ((dict, "an object"), (list, "a list"), (bytes, "bytes"), (dt.date | dt.time, "a date or time"))


@dataclass(frozen=True)
class Table:
    """The cells of one file (or several of one split) as text.

    Attributes:
        where: the file, for messages.
        columns: name → cells; an absent cell is None.
        lines: the line (or row) number of each row.
        class_names: name → class names, for a column of class numbers that carries them (the Hub's Parquet files).
        odd: name → line and kind of its first cell that is not text, a number or a truth value.
    """

    where: str
    columns: dict[str, list[str | None]]
    lines: list[int]
    class_names: dict[str, list[str]] = field(default_factory=dict)
    odd: dict[str, tuple[int, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lines)


def read_table(path: Path, *, columns: tuple[str, ...] = (), encoding: str = "utf-8") -> Table:
    """Read a TSV (no quoting), CSV (standard quoting), JSON Lines or Parquet file.

    A ``.txt`` file, or one without a suffix, is TSV if its first line has a tab, else CSV. Rows of blank cells are left out.

    Args:
        path: the file; its suffix decides how it is read.
        columns: the names of the columns of a TSV or CSV file without a header row.
        encoding: of a text file.

    Raises:
        DataError: the file is missing, empty, binary, in another encoding, or a row does not fit.
    """
    kind = SUFFIXES.get(path.suffix.lower())
    if kind is None and path.suffix:
        raise DataError(f"{path}: a data file ends in {', '.join(SUFFIXES)}; this one ends in {path.suffix}.")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    if kind == "parquet":
        return _read_parquet(path)
    text = _decode(path, encoding)
    if not text.strip():
        raise DataError(f"{path}: the file is empty.")
    if kind == "json":
        return _from_records(path, _json_rows(path, text))
    if "\n" not in text:
        text = text.replace("\r", "\n")  # line ends of old Macs
    first = text.split("\n", 1)[0]
    tabs = kind == "tsv" or (kind in (None, "text") and "\t" in first)
    rows = _tsv_rows(text) if tabs else _csv_rows(path, text, _delimiter(first))
    return _from_rows(path, ((number, row) for number, row in rows if any(map(str.strip, row))), columns)


def _decode(path: Path, encoding: str) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    codec = codecs.lookup(encoding).name
    utf8, wide = codec == "utf-8", codec.startswith(("utf-16", "utf-32"))
    if b"\0" in raw and not wide:
        raise DataError(f"{path}: this is a binary file, not text (byte 0 at offset {raw.index(0)}).")
    try:
        return raw.decode("utf-8" if utf8 else encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not {encoding} text (byte 0x{raw[error.start]:02x}). "
            "Name the file's own encoding with data.encoding; latin-1 and cp1252 are the usual ones."
        ) from error


def _tsv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    # by hand: no quoting and no other line ends, which a default reader would honour and so merge LIAR's rows
    for number, line in enumerate(text.split("\n"), start=1):
        yield number, line.rstrip("\r").split("\t")


def _delimiter(first: str) -> str:
    """A comma, unless the first line has none: spreadsheets of much of the world write semicolons, some write tabs."""
    return "," if "," in first else next((mark for mark in ";\t" if mark in first), ",")


def _csv_rows(path: Path, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(re.split(r"(?<=\n)", text), delimiter=delimiter, skipinitialspace=True, strict=True)
    number = 1
    try:
        for row in reader:
            yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path}, line {number}: not valid CSV ({error}). Is a quote not closed?") from error


def _from_rows(path: Path, rows: Iterator[tuple[int, list[str]]], columns: tuple[str, ...]) -> Table:
    first_line, first = next(rows, (0, []))
    if not first:
        raise DataError(f"{path}: the file has no rows.")
    names = columns
    body: Iterable[tuple[int, list[str]]] = rows
    if columns and [cell.strip() for cell in first] == list(columns):
        raise DataError(
            f"{path}: the first row is a header with these very names. Leave data.columns out, which is for files "
            "without one."
        )
    if columns or liar.is_liar_row(first):
        names = columns or liar.COLUMNS
        body = chain([(first_line, first)], rows)
    else:
        names = tuple(name.strip() or f"column_{place}" for place, name in enumerate(first, start=1))
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise DataError(
                f"{path}: two columns are named {twice[0]!r}. If the file has no header row, name its columns "
                "with data.columns."
            )
    cells: dict[str, list[str | None]] = {name: [] for name in names}
    lines = []
    for number, row in body:
        if len(row) != len(names):
            raise DataError(
                f"{path}, line {number}: {len(row)} fields where {len(names)} are expected ({', '.join(names)})."
            )
        lines.append(number)
        for name, cell in zip(names, row, strict=True):
            cells[name].append(cell)
    return _some_rows(Table(str(path), cells, lines))


def _json_problem(error: Exception) -> str:
    """Describe an error of the JSON parser; its words for deep nesting differ between versions of Python."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _json_rows(path: Path, text: str) -> Iterator[tuple[int, Any]]:
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text, object_pairs_hook=_once_each)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: not valid JSON ({_json_problem(error)}).") from error
        yield from enumerate(rows, start=1)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            try:
                yield number, json.loads(line, object_pairs_hook=_once_each)
            except (ValueError, RecursionError) as error:
                raise DataError(f"{path}, line {number}: not valid JSON ({_json_problem(error)}).") from error


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return record


def _from_records(path: Path, records: Iterator[tuple[int, Any]]) -> Table:
    rows, lines = [], []
    for number, record in records:
        if not isinstance(record, dict):
            raise DataError(f'{path}, line {number}: each row must be an object, as in {{"text": …, "label": …}}.')
        rows.append(record)
        lines.append(number)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return _of_values(path, {name: [row.get(name) for row in rows] for name in names}, lines)


def _read_parquet(path: Path) -> Table:
    try:
        table = pq.read_table(path)
        features = Features.from_arrow_schema(table.schema)
        values = {name: table[name].to_pylist() for name in table.column_names}
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:  # the last: dates that Python cannot hold
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}).") from error
    names = {name: list(feature.names) for name, feature in features.items() if isinstance(feature, ClassLabel)}
    return _of_values(path, values, list(range(1, table.num_rows + 1)), names)


def _of_values(
    path: Path, values: dict[str, list[Any]], lines: list[int], class_names: dict[str, list[str]] | None = None
) -> Table:
    odd = {}
    for name, column in values.items():
        found = next(((line, kind) for line, value in zip(lines, column, strict=True) if (kind := _kind(value))), None)
        if found is not None:
            odd[name] = found
    cells = {name: [as_text(value) for value in column] for name, column in values.items()}
    return _some_rows(Table(str(path), cells, lines, class_names or {}, odd))


def _kind(value: Any) -> str | None:
    """What a cell is that is not text, a number or a truth value."""
    if isinstance(value, float) and math.isinf(value):
        return "an infinite number"
    return next((kind for types, kind in _ODD if isinstance(value, types)), None)


def _some_rows(table: Table) -> Table:
    if not len(table):
        raise DataError(f"{table.where}: the file has no rows.")
    return table


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
    for other in tables[1:]:
        if set(other.columns) != set(first.columns):
            raise DataError(f"{other.where}: its columns differ from those of {first.where}.")
    cells = {name: [cell for table in tables for cell in table.columns[name]] for name in first.columns}
    odd = {name: found for table in reversed(tables) for name, found in table.odd.items()}
    return Table(first.where, cells, [line for table in tables for line in table.lines], first.class_names, odd)
