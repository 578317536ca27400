"""What the input holds, found out before hours are spent: its columns, their types, about how many rows.

Of Parquet the footers are read, of delimited files the beginnings and the line ends, of JSON all records.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from alambique.batch_prediction.columns import AddedColumns, check_text, text_of
from alambique.batch_prediction.json_types import ColumnKinds
from alambique.batch_prediction.readers import Reading, open_parquet, parquet_tables, rows_about
from alambique.batch_prediction.sources import InputFile
from alambique.data.table import listed
from alambique.errors import DataError
from alambique.recipe.sections import Data

_APART = "Files of one output have the same columns: give the others an output folder of their own."


@dataclass(frozen=True)
class Survey:
    """The input as it will be read.

    Attributes:
        files: in the order of their rows.
        data: the recipe's section, with columns of text and metadata by their names in the input.
        schema: of the input's columns.
        rows: about how many there are, for the time that is left.
        reading: how files are read.
        kinds: of the columns of JSON files.
    """

    files: tuple[InputFile, ...]
    data: Data
    schema: pa.Schema
    rows: int
    reading: Reading
    kinds: ColumnKinds

    def tables(self) -> Iterator[pa.Table]:
        """All rows, a thousand at a time: the columns of :attr:`schema`, and that of reasons behind them.

        Raises:
            DataError: a file cannot be read, or a row does not fit; what is wrong far down is found when it is reached.
        """
        whole = self.schema.append(pa.field(self.reading.reasons, pa.string()))
        for file in self.files:
            for table in self._tables_of(file):
                nothing = pa.nulls(table.num_rows, pa.string())
                columns = {self.reading.reasons: nothing, **dict(zip(table.column_names, table.columns, strict=True))}
                if columns.keys() != set(whole.names):
                    raise DataError(
                        f"{file.name}: its columns differ from one row to another ({listed(list(columns))})."
                    )
                yield pa.table([_of_type(columns[field.name], field.type) for field in whole], schema=whole)

    def _tables_of(self, file: InputFile) -> Iterator[pa.Table]:
        if file.form == "parquet":
            return parquet_tables(file)
        return self.reading.json_tables(file, self.kinds) if file.form == "json" else self.reading.text_tables(file)


def survey(files: Sequence[InputFile], data: Data, chosen: Sequence[str], added: AddedColumns) -> Survey:
    """Look at all files.

    Args:
        files: of the input.
        data: the recipe's section.
        chosen: the columns of text, where the user says which (``--text``).
        added: the columns that predictions add.

    Raises:
        DataError: a file cannot be read, lacks the text, or has other columns than the first.
        UserInputError: the predictions would have the name of a column.
    """
    texts = tuple(chosen) or data.text
    reading = Reading(data, (*texts, *data.metadata), added.not_classified)
    kinds = ColumnKinds(texts)
    schemas: dict[str, pa.Schema] = {}
    rows = 0
    for file in files:
        if file.form == "json":
            count, schema = _of_json(file, reading, kinds)
        else:
            count, schema = _of_parquet(file) if file.form == "parquet" else _of_text(file, reading)
        rows += count
        if schema is not None:
            schemas[file.name] = schema
    if not schemas:
        raise DataError(f"{files[0].name}: there is no row to classify.")
    first = next(iter(schemas.values()))
    here = text_of(data, first.names, chosen)
    for name, schema in schemas.items():
        check_text(name, schema, here)
    records = pa.schema([(name, kinds.type_of(name)) for name in kinds.names])  # of which each need not have every one
    typed = {
        file.name: records if file.form == "json" else schemas[file.name] for file in files if file.name in schemas
    }
    whole = _one_schema(typed)
    added.check(whole.names)
    return Survey(tuple(files), here, whole, rows, reading, kinds)


def _of_type(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """A column as it is; one without values, which has no type of its own, with that of the other files."""
    return column if column.type == kind else column.cast(kind)


def _of_parquet(file: InputFile) -> tuple[int, pa.Schema]:
    with open_parquet(file) as opened:
        schema = opened.schema_arrow
        twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
        if twice:
            raise DataError(f"{file.name}: two columns are named {twice[0]!r}.")
        return opened.metadata.num_rows, schema


def _of_text(file: InputFile, reading: Reading) -> tuple[int, pa.Schema]:
    first = next(reading.text_tables(file), None)
    if first is None:
        raise DataError(f"{file.name}: the file has no rows.")
    return rows_about(file), first.schema


def _of_json(file: InputFile, reading: Reading, kinds: ColumnKinds) -> tuple[int, pa.Schema | None]:
    """The names of a file's columns, which have their types when all files are read; None if it has no record."""
    names: dict[str, None] = {}
    count = 0
    for _, record in reading.records(file):
        kinds.add(record)
        names.update(dict.fromkeys(record))
        count += 1
    return count, pa.schema([(name, pa.string()) for name in names]) if count else None


def _one_schema(schemas: dict[str, pa.Schema]) -> pa.Schema:
    """The schema of the first file, in which a column without values has the type that it has in another."""
    (first, schema), *others = schemas.items()
    for name, other in others:
        if set(other.names) != set(schema.names):
            raise DataError(
                f"{name}: its columns ({listed(other.names)}) differ from those of {first} ({listed(schema.names)}). "
                f"{_APART}"
            )
        for place, field in enumerate(schema):
            kind = other.field(field.name).type
            if pa.types.is_null(field.type):
                schema = schema.set(place, field.with_type(kind))
            elif kind != field.type and not pa.types.is_null(kind):
                raise DataError(
                    f"{name}: column {field.name!r} is of type {kind}, and of type {field.type} in {first}. {_APART}"
                )
    return schema
