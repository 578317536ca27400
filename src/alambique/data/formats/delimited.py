"""Delimited files (CSV, TSV and their kin): from text to a table."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from alambique.data import liar
from alambique.data.formats.content import Text
from alambique.data.formats.dialect import Chooser, Fit, Row, RowError
from alambique.data.table import Reading, Table, narrowed, some_rows
from alambique.errors import DataError

_CHUNK = 4096  # rows that are turned into columns at once
ROW_NAMES = "row_names"


def read_delimited(
    text: Text, *, usual: str | None, columns: tuple[str, ...] = (), wanted: tuple[str, ...] = ()
) -> Table:
    """Read a delimited file; the delimiter, and whether cells are in quotes, follow from all of its rows.

    Args:
        text: the file.
        usual: the delimiter that the ending of its name stands for; None where it stands for none.
        columns: the names of its columns, where it has no header row.
        wanted: the columns that will be used; all by default.

    Raises:
        DataError: a row does not fit, or a quote is not closed.
    """
    fit = Chooser(text, columns, wanted, usual).choose()
    path = text.path
    try:
        return narrowed(some_rows(_read(text, fit, columns)), wanted)
    except RowError as error:
        raise DataError(f"{path}, line {error.line}: not valid CSV ({error}). Is a quote not closed?") from error


def stream_delimited(
    head: Text, lines: Iterable[str], *, usual: str | None, columns: tuple[str, ...], wanted: tuple[str, ...], rows: int
) -> Iterator[Table]:
    """Read all columns of a delimited file, so many rows at a time.

    Args:
        head: its beginning, which decides the delimiter and whether cells are in quotes.
        lines: all of it.
        usual: as for :func:`read_delimited`, like ``columns`` and ``wanted``.
        columns: names of the columns, where it has no header row.
        wanted: the columns that will be used; they help to tell the delimiter.
        rows: of a table.

    Raises:
        DataError: a row does not fit, or a quote is not closed.
    """
    path, fit = head.path, Chooser(head, columns, wanted, usual).choose()
    try:
        names, headless, body = _begun(path, fit, columns, lines)
        while True:
            numbers, cells = _columns(path, islice(body, rows), names, len(names) if headless else fit.fields)
            if not numbers:
                return
            known = names if len(cells) == len(names) else (ROW_NAMES, *names) if any(cells[-1]) else (*names, "")
            yield Table(str(path), dict(zip(known, cells, strict=False)), numbers, reading=Reading("csv"))
    except RowError as error:
        raise DataError(f"{path}, line {error.line}: not valid CSV ({error}). Is a quote not closed?") from error


def _begun(
    path: Path, fit: Fit, columns: tuple[str, ...], lines: Iterable[str]
) -> tuple[tuple[str, ...], bool, Iterator[Row]]:
    """The names of the columns, whether the file has no header row, and the rows of data."""
    rows = fit.dialect.rows(lines)
    first_line, first = next(rows, (0, []))
    if not first:
        raise DataError(f"{path}: the file has no rows.")
    if columns and [cell.strip() for cell in first] == list(columns):
        raise DataError(
            f"{path}: the first row is a header with these very names. Leave data.columns out, which is for files "
            "without one."
        )
    headless = bool(columns) or liar.is_liar_row(first)
    body = _with_first((first_line, first), rows) if headless else rows
    return columns or (liar.COLUMNS if headless else _header(path, first)), headless, body


def _read(text: Text, fit: Fit, columns: tuple[str, ...]) -> Table:
    path, dialect = text.path, fit.dialect
    names, headless, body = _begun(path, fit, columns, text.lines())
    lines, cells = _columns(path, body, names, len(names) if headless else fit.fields)
    notes = []
    if len(cells) > len(names):  # never with data.columns, which say how many there are
        if any(cells[-1]):
            names = (ROW_NAMES if ROW_NAMES not in names else f"column_{len(cells)}", *names)
            notes.append(
                f"{path.name}: its rows have one field more than its header; the first was read as the name of the row, as "
                "R writes it."
            )
        else:
            names = (*names, f"column_{len(cells)}")  # each row ends in a delimiter
    tabs = dialect.delimiter == "\t"
    if tabs and dialect.quoted:
        notes.append(f"{path.name}: cells in quotes were read with standard quoting, which its rows show.")
    if dialect.odd_quotes:
        notes.append(
            f"{path.name}: {dialect.odd_quotes} rows have cells in standard quotes, but others have stray quotes, so all "
            "quotes were kept as they are."
        )
    reading = Reading(
        "tsv" if tabs else "csv", text.encoding, text.compression, dialect.delimiter, dialect.quoted, not headless,
        tuple(notes),
    )  # fmt: skip
    return Table(str(path), dict(zip(names, cells, strict=False)), lines, reading=reading)


def _with_first(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _header(path: Path, first: list[str]) -> tuple[str, ...]:
    names = tuple(name.strip() or f"column_{place}" for place, name in enumerate(first, start=1))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{path}: two columns are named {twice[0]!r}. If the file has no header row, name its columns "
            "with data.columns."
        )
    return names


def _columns(
    path: Path, rows: Iterator[Row], names: tuple[str, ...], fields: int
) -> tuple[list[int], list[list[str | None]]]:
    """The rows of so many ``fields`` turned into columns, and their lines; blank rows are left out."""
    lines: list[int] = []
    cells: list[list[str | None]] = []
    chunk: list[list[str]] = []
    for number, row in rows:
        if not any(map(str.strip, row)):
            continue
        if len(row) != fields:
            raise DataError(
                f"{path}, line {number}: {len(row)} fields where {fields} are expected ({', '.join(names)})."
            )
        lines.append(number)
        chunk.append(row)
        if len(chunk) == _CHUNK:
            _extend(cells, chunk)
            chunk = []
    if chunk:
        _extend(cells, chunk)
    return lines, cells


def _extend(cells: list[list[str | None]], chunk: list[list[str]]) -> None:
    if not cells:
        cells += [[] for _ in chunk[0]]
    for column, more in zip(cells, zip(*chunk, strict=True), strict=True):
        column.extend(more)
