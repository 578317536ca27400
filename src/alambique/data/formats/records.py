"""JSON: a record per line, a list of records, records below a key, or columns as pandas writes them."""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from alambique.data.formats.content import Text
from alambique.data.table import Reading, Table, from_values
from alambique.errors import DataError

_CHUNK = 4096  # records that are turned into columns at once
_DEEPEST = 4  # keys above the records
_LIST_ROW = 'each row must be an object, as in {"text": …, "label": …}'
Numbered = Iterator[tuple[int, Any]]
Values = dict[str, list[Any]]


def read_json(text: Text, *, columns: tuple[str, ...] = (), wanted: tuple[str, ...] = ()) -> Table:
    """Read a JSON file in any of these forms.

    Args:
        text: the file.
        columns: names for the values of rows that are lists.
        wanted: the columns that will be used; all by default.

    Raises:
        DataError: it is not JSON, its rows are not records, or it is not clear where they are.
    """
    path = text.path
    values, lines, lone = _columns_of(path, _rows(text), columns)
    notes: tuple[str, ...] = ()
    if lone is not None and not (wanted and _holds(lone, wanted)):
        below, values, lines = _of_object(path, lone, columns, wanted)
        notes = (f"{path.name}: the rows are the records below {below}.",) if below else ()
    return from_values(path, values, lines, Reading("json", text.encoding, text.compression, notes=notes), wanted)


def _holds(record: dict[str, Any], wanted: Collection[str]) -> bool:
    """Whether an object is itself a row: its values under the wanted names are not lists or objects."""
    return all(name in record and not isinstance(record[name], (dict, list)) for name in wanted)


def _problem(error: Exception) -> str:
    """Describe an error of the JSON parser; its words for deep nesting differ between versions of Python."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _rows(text: Text) -> Numbered:
    path = text.path
    first = next(line for line in text.lines() if line.strip())
    if first.lstrip().startswith("[") and not _is_row(first, text):
        try:
            yield from enumerate(parse_json(text.all()), start=1)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}: not valid JSON ({_problem(error)}).") from error
        return
    number = 0
    for number, line in enumerate(text.lines(), start=1):
        if line.strip():
            try:
                row = parse_json(line.rstrip("\r\n"))
            except (ValueError, RecursionError) as error:
                objects = _objects(text) if line == first and line.lstrip().startswith("{") else None
                if objects is None:
                    raise DataError(f"{path}, line {number}: not valid JSON ({_problem(error)}).") from error
                yield from objects
                return
            yield number, row


def _is_row(first: str, text: Text) -> bool:
    """Whether a list is the first of several lines, each of which is one, and not the list of all rows."""
    try:
        parse_json(first)
    except (ValueError, RecursionError):
        return False
    return sum(1 for line in text.lines() if line.strip()) > 1


def parse_json(text: str) -> Any:
    """JSON in which no key of an object stands twice, or else a ValueError says so."""
    return json.loads(text, object_pairs_hook=_once_each)


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return record


def _objects(text: Text) -> list[tuple[int, Any]] | None:
    """Objects that stand one after the other, each over several lines; None if this is not such a file."""
    whole, place = text.all(), 0
    decoder = json.JSONDecoder(object_pairs_hook=_once_each)
    objects: list[tuple[int, Any]] = []
    line, counted = 1, 0
    while True:
        place += len(whole[place:]) - len(whole[place:].lstrip()) if whole[place : place + 1].isspace() else 0
        if place >= len(whole):
            return objects
        line += whole.count("\n", counted, place)
        counted = place
        try:
            value, place = decoder.raw_decode(whole, place)
        except (ValueError, RecursionError):
            return None
        objects.append((line, value))


def _columns_of(
    path: Path, rows: Numbered, columns: tuple[str, ...]
) -> tuple[Values, list[int], dict[str, Any] | None]:
    """The values of all rows by column, the line of each row, and the row itself where there is no other."""
    values: Values = {}
    lines: list[int] = []
    chunk: list[dict[str, Any]] = []
    lone: dict[str, Any] | None = None
    for number, row in rows:
        record = _record(path, number, row, columns)
        lone = record if not lines else None
        lines.append(number)
        chunk.append(record)
        if len(chunk) == _CHUNK:
            _extend(values, chunk, len(lines) - len(chunk))
            chunk = []
    _extend(values, chunk, len(lines) - len(chunk))
    return values, lines, lone


def _record(path: Path, number: int, row: Any, columns: tuple[str, ...]) -> dict[str, Any]:
    if isinstance(row, dict):
        return row
    if isinstance(row, list) and columns:
        if len(row) != len(columns):
            raise DataError(
                f"{path}, line {number}: {len(row)} values where {len(columns)} are expected ({', '.join(columns)})."
            )
        return dict(zip(columns, row, strict=True))
    named = "; or name the values of lists with data.columns" if isinstance(row, list) else ""
    raise DataError(f"{path}, line {number}: {_LIST_ROW}{named}.")


def _extend(values: Values, chunk: list[dict[str, Any]], before: int) -> None:
    for record in chunk:
        for name in record:
            if name not in values:
                values[name] = [None] * before
    for name, column in values.items():
        column.extend(record.get(name) for record in chunk)


def _of_object(
    path: Path, document: dict[str, Any], columns: tuple[str, ...], wanted: tuple[str, ...]
) -> tuple[str | None, Values, list[int]]:
    """The rows that one object holds, and the key above them if they are below one."""
    split = _split(path, document)
    if split is None:
        split = _by_columns(path, document, wanted)
    if split is not None:
        return None, split, list(range(1, 1 + len(next(iter(split.values()), []))))
    below, records = _below(path, document, wanted)
    if below is None:
        records = [document]
    values, lines, _ = _columns_of(path, iter(enumerate(records, start=1)), columns)
    return below, values, lines


def _split(path: Path, document: dict[str, Any]) -> Values | None:
    """The form of ``df.to_json(orient="split")``: names, and rows that are lists."""
    names, rows = document.get("columns"), document.get("data")
    if not (isinstance(names, list) and isinstance(rows, list) and names and all(isinstance(n, str) for n in names)):
        return None
    if not rows or not all(isinstance(row, list) and len(row) == len(names) for row in rows):
        return None
    _unique(path, names)
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _unique(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: two columns are named {twice[0]!r}.")


def _by_columns(path: Path, document: dict[str, Any], wanted: tuple[str, ...]) -> Values | None:
    """Columns of lists, or the forms of ``df.to_json()``: objects of values by row, or (``orient="index"``) by column."""
    parts = list(document.values())
    if parts and all(isinstance(part, list) for part in parts) and not any(map(_is_records, parts)):
        longest = max(map(len, parts))
        short = next((name for name, part in document.items() if len(part) < longest), None)
        if short is not None and (not wanted or set(wanted) <= set(document)):
            raise DataError(
                f"{path}: column {short!r} has {len(document[short])} values, and another column has {longest}."
            )
        return None if short is not None else document
    if not parts or not all(isinstance(part, dict) and part for part in parts):
        return None
    keys = list(parts[0])
    if any(isinstance(value, (dict, list)) for part in parts for value in part.values()) and not wanted:
        return None
    if _by_row(document, keys, wanted):
        names = list(dict.fromkeys(name for part in parts for name in part))
        return {name: [part.get(name) for part in parts] for name in names}
    if any(part.keys() != parts[0].keys() for part in parts):
        return None
    return {name: [part[key] for key in keys] for name, part in document.items()}


def _by_row(document: dict[str, Any], keys: list[str], wanted: tuple[str, ...]) -> bool:
    """Whether the outer keys are those of rows; by the names that are wanted, else because they are numbers."""
    if wanted:
        return not set(wanted) <= set(document) and set(wanted) <= set(keys)
    return all(key.isdecimal() for key in document) and not all(key.isdecimal() for key in keys)


def _is_records(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(row, dict) for row in value)


def _below(path: Path, document: dict[str, Any], wanted: tuple[str, ...]) -> tuple[str | None, list[Any]]:
    """The only list of records, at the least depth that has one, with the keys above it."""
    level: list[tuple[str, Any]] = list(document.items())
    for _ in range(_DEEPEST):
        lists = {key: value for key, value in level if _is_records(value)}
        having = {key: value for key, value in lists.items() if wanted and set(wanted) <= set(value[0])}
        if len(lists) > 1 and len(having) != 1:
            raise DataError(
                f"{path}: there are records below each of the keys {', '.join(lists)}. Write those of each split to a file "
                "of their own."
            )
        if lists:
            return next(iter((having or lists).items()))
        level = [(f"{key}.{name}", part) for key, value in level if isinstance(value, dict)
                 for name, part in value.items()]  # fmt: skip
    return None, []
