"""Parquet files, Arrow files, and folders that ``Dataset.save_to_disk`` of ``datasets`` wrote."""

import io
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Features, List, load_from_disk

from alambique.data.formats.content import Content
from alambique.data.table import Reading, Table, from_values, narrowed, some_rows
from alambique.errors import DataError

STATE, INFO = "state.json", "dataset_info.json"  # what save_to_disk writes beside the Arrow files of a data set
_PARQUET, _FILE = b"PAR1", b"ARROW1"
# the last: dates that Python cannot hold
_UNREADABLE = (pa.ArrowException, OSError, ValueError, OverflowError, KeyError, TypeError)


def is_parquet(raw: bytes) -> bool:
    """Whether bytes begin and end as a Parquet file does."""
    return raw.startswith(_PARQUET) and raw.endswith(_PARQUET)


def is_arrow(raw: bytes) -> bool:
    """Whether bytes begin as an Arrow (Feather) file does; a stream has no such mark."""
    return raw.startswith(_FILE)


def is_saved(path: Path) -> bool:
    """Whether a folder holds a data set that ``save_to_disk`` wrote."""
    return (path / STATE).is_file() and (path / INFO).is_file()


def read_parquet(content: Content, wanted: Collection[str] = ()) -> Table:
    """Read a Parquet file; of one with further columns (embeddings, images), the ``wanted`` alone are decoded.

    Raises:
        DataError: it is not a readable Parquet file.
    """
    path, source = content.path, content.path if content.compression is None else io.BytesIO(content.raw)
    try:
        schema = pq.read_schema(source)
        _once_each(path, schema.names)
        table = pq.read_table(source, columns=_needed(schema, wanted))
        return _table(path, table, schema, wanted, Reading("parquet", compression=content.compression))
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}).") from error


def stream_parquet(path: Path, wanted: Collection[str], rows: int) -> Iterator[Table]:
    """Read a Parquet file so many rows at a time.

    Raises:
        DataError: it is not a readable Parquet file.
    """
    done = 0
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            _once_each(path, schema.names)
            for batch in file.iter_batches(batch_size=rows, columns=_needed(schema, wanted)):
                table = _table(path, pa.Table.from_batches([batch]), schema, wanted, Reading("parquet"))
                yield replace(table, lines=[done + line for line in table.lines])
                done += len(table)
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0]}).") from error


def read_arrow(content: Content, wanted: Collection[str] = ()) -> Table:
    """Read an Arrow file or stream, such as a Feather file or one of ``datasets``' own.

    Raises:
        DataError: it is not a readable Arrow file.
    """
    path, raw = content.path, pa.BufferReader(content.raw)
    try:
        opened = pa.ipc.open_file(raw) if is_arrow(content.raw) else pa.ipc.open_stream(raw)
        _once_each(path, opened.schema.names)
        table = opened.read_all()
        return _table(path, table, table.schema, wanted, Reading("arrow", compression=content.compression))
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable Arrow file ({str(error).splitlines()[0]}).") from error


def read_saved(path: Path, wanted: Collection[str] = ()) -> Table:
    """Read the folder of one data set that ``save_to_disk`` wrote.

    Raises:
        DataError: files of it are missing or damaged.
    """
    try:
        saved = load_from_disk(str(path))
        return _table(path, saved.data.table, saved.features.arrow_schema, wanted, Reading("arrow"))
    except _UNREADABLE as error:
        raise DataError(f"{path}: not a readable data set of save_to_disk ({str(error).splitlines()[0]}).") from error


def _once_each(path: Path, names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: two columns are named {twice[0]!r}.")


def _needed(schema: Any, wanted: Collection[str]) -> list[str] | None:
    """The columns at the top that hold the ``wanted`` ones; None for all, where one of these is not there."""
    top = {name: _top(name, schema.names) for name in wanted}
    return [name for name in schema.names if name in top.values()] if wanted and all(top.values()) else None


def _top(name: str, names: Collection[str]) -> str | None:
    parts = name.split(".")
    return next((top for i in range(len(parts), 0, -1) if (top := ".".join(parts[:i])) in names), None)


def _table(path: Path, table: Any, schema: Any, wanted: Collection[str], reading: Reading) -> Table:
    features = Features.from_arrow_schema(schema)
    # of numbers of classes, or of lists of them
    kinds = {name: feature.feature if isinstance(feature, List) else feature for name, feature in features.items()}
    class_names = {name: list(kind.names) for name, kind in kinds.items() if isinstance(kind, ClassLabel)}
    lines = list(range(1, table.num_rows + 1))
    values, ready = {}, {}
    for name in table.column_names:
        column = _decoded(table[name])
        cells = _cells(column)
        if cells is None:
            values[name] = column.to_pylist()
        else:
            ready[name] = cells
    odd: dict[str, tuple[int, str]] = {}
    columns = dict.fromkeys(table.column_names)
    if values:
        parsed = from_values(path, values, lines, reading)
        odd = parsed.odd
        parts = parsed.columns
        columns = dict.fromkeys(part for name in columns for part in (name, *_parts_of(name, values, parts)))
        ready |= parts
    cells_of = {name: ready[name] for name in columns}
    others = () if set(schema.names) == set(table.column_names) else (n for n in schema.names if n not in columns)
    every = tuple(dict.fromkeys((*cells_of, *others)))
    result = Table(str(path), cells_of, lines, class_names, odd, every, reading)
    return narrowed(some_rows(result), wanted)


def _parts_of(name: str, values: Collection[str], parts: Collection[str]) -> list[str]:
    return [part for part in parts if name in values and part.startswith(f"{name}.")]


def _decoded(column: Any) -> Any:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _cells(column: Any) -> list[str | None] | None:
    """Texts, whole numbers and truth values as text; None for other types, which need a look at each value."""
    kind, types = column.type, pa.types
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return column.to_pylist()
    if types.is_integer(kind) or types.is_boolean(kind):
        return column.cast(pa.string()).to_pylist()
    return None
