"""From a file of the input to tables of its rows, a thousand at a time, with all of its columns.

Each table ends in a column of reasons: why a row cannot be classified, where its reader knows, and null elsewhere.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alambique.batch_prediction.columns import kind_of_value
from alambique.batch_prediction.json_types import ColumnKinds, as_column
from alambique.batch_prediction.sources import InputFile
from alambique.data.formats.delimited import stream_delimited
from alambique.data.formats.records import parse_json
from alambique.data.streaming import count_line_ends, open_text, usual_delimiter
from alambique.errors import DataError, first_line
from alambique.recipe.sections import Data

ROWS = 1024  # of a table
_BUFFER = 2**20  # bytes of a column of Parquet that are read at once
_UNREADABLE = (pa.ArrowException, OSError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Reading:
    """How the files are read.

    Attributes:
        data: the recipe's section, for its encoding and names of columns.
        wanted: the columns that the model reads.
        reasons: the name of the column of reasons.
    """

    data: Data
    wanted: tuple[str, ...]
    reasons: str

    def text_tables(self, file: InputFile) -> Iterator[pa.Table]:
        """The rows of a delimited file; all columns are text, and a cell that is empty is an empty text."""
        with file.on_this_machine() as path:
            stream = open_text(path, self.data.encoding)
            if stream is None:
                raise DataError(f"{file.name}: the file is empty.")
            for table in stream_delimited(
                stream.head, stream.lines(), usual=usual_delimiter(path.name), columns=self._names(stream.head.lines()),
                wanted=self.wanted, rows=ROWS,
            ):  # fmt: skip
                names = [name or f"column_{place}" for place, name in enumerate(table.columns, start=1)]
                yield pa.table([pa.array(cells, pa.string()) for cells in table.columns.values()], names=names)

    def _names(self, lines: Iterator[str]) -> tuple[str, ...]:
        """The recipe's names for the columns of a file without a header; none where the first line names them itself."""
        first = next((line for line in lines if line.strip()), "")
        return () if all(name in first for name in self.data.columns) else self.data.columns

    def records(self, file: InputFile) -> Iterator[tuple[int, dict[str, Any]]]:
        """The objects of a JSON file, one per line or in one list, with the number of each.

        Raises:
            DataError: a line is not an object, or not JSON.
        """
        with file.on_this_machine() as path:
            stream = open_text(path, self.data.encoding)
            if stream is None:
                return
            for number, record in _parsed(file.name, stream.lines()):
                if not isinstance(record, dict):
                    raise DataError(
                        f'{file.name}, line {number}: each row must be an object, as in {{"text": …}}, not '
                        f"{'text' if isinstance(record, str) else kind_of_value(record)}."
                    )
                yield number, record

    def json_tables(self, file: InputFile, kinds: ColumnKinds) -> Iterator[pa.Table]:
        """The rows of a JSON file, with columns of these kinds."""
        numbered = self.records(file)
        while part := [record for _, record in islice(numbered, ROWS)]:
            columns = {name: [record.get(name) for record in part] for name in kinds.names}
            arrays = {name: as_column(values, kinds.type_of(name)) for name, values in columns.items()}
            reasons = [_reason(record, kinds.texts) for record in part]
            yield pa.table(arrays | {self.reasons: pa.array(reasons, pa.string())})


def _reason(record: dict[str, Any], texts: Iterable[str]) -> str | None:
    """Why a record's text cannot be read, if it is not text; what is absent shows in the column itself."""
    values = ((name, record.get(name)) for name in texts)
    return next(
        (f"{n} is {kind_of_value(v)}, not text" for n, v in values if v is not None and not isinstance(v, str)), None
    )


def _parsed(where: str, lines: Iterator[str]) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if number == 1 and line.lstrip().startswith("["):
            yield from enumerate(_list(where, line + "".join(lines)), start=1)
            return
        try:
            yield number, parse_json(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{where}, line {number}: not valid JSON ({first_line(error)}).") from error


def _list(where: str, text: str) -> list[Any]:
    """The records of a file that is one list, which is read whole."""
    try:
        return list(parse_json(text))
    except (ValueError, RecursionError, TypeError) as error:
        raise DataError(f"{where}: not valid JSON ({first_line(error)}).") from error


@contextmanager
def open_parquet(file: InputFile) -> Iterator[pq.ParquetFile]:
    """A Parquet file, read in place also where it lies elsewhere.

    Raises:
        DataError: it is not one, or is damaged.
    """
    with file.for_arrow() as source:
        try:
            with pq.ParquetFile(source, buffer_size=_BUFFER, pre_buffer=False) as opened:
                yield opened
        except _UNREADABLE as error:
            raise DataError(f"{file.name}: not a readable Parquet file ({first_line(error)}).") from error


def parquet_tables(file: InputFile) -> Iterator[pa.Table]:
    """The rows of a Parquet file, with their types."""
    with open_parquet(file) as opened:
        for batch in opened.iter_batches(batch_size=ROWS, use_threads=False):
            yield pa.Table.from_batches([batch])


def rows_about(file: InputFile) -> int:
    """About how many rows a delimited file has, by its line ends."""
    with file.on_this_machine() as path:
        return count_line_ends(Path(path))
