"""How a delimited file is written: its delimiter, its quotes, its blanks; decided by all of its rows.

A delimiter fits if the rows have one number of fields under it.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice

from alambique.data import liar
from alambique.data.formats.content import Text
from alambique.data.formats.quotes import Quotes

DELIMITERS = ("\t", "|", ";", ",")  # the rarer in prose first: of several that fit, the earlier wins
_LONGEST_CELL = 10_000_000
_SAMPLE = 1000  # rows from which habits are read, such as a blank after each delimiter
_SEP_LINE = re.compile(r'^"?sep=([^\w\s"]|\t)"?[\t;,|]*\r?\n?$', re.IGNORECASE)

Row = tuple[int, list[str]]


class RowError(Exception):
    """A row that the csv module cannot read; ``line`` is where it begins."""

    def __init__(self, line: int, reason: str) -> None:  # noqa: D107
        super().__init__(reason)
        self.line = line


@dataclass(frozen=True)
class Dialect:
    """How to read a delimited file.

    Attributes:
        delimiter: between cells.
        quoted: whether cells may be in quotes, in the standard way (RFC 4180); else a quote is a character like others.
        blank_after: whether blanks after a delimiter belong to it, as in ``text, label``.
        skip: lines to skip at the start (the ``sep=;`` of Excel).
        odd_quotes: lines with cells in quotes of a file that was read without quoting, since others have stray quotes.
    """

    delimiter: str
    quoted: bool = True
    blank_after: bool = False
    skip: int = 0
    odd_quotes: int = 0

    def rows(self, lines: Iterable[str]) -> Iterator[Row]:
        """The rows of all but blank lines, each with the number of its first line.

        Raises:
            RowError: quotes are not closed, or are followed by text.
        """
        lines = islice(lines, self.skip, None)
        if not self.quoted:
            for number, line in enumerate(lines, start=self.skip + 1):
                if line.strip():
                    yield number, line.removesuffix("\n").rstrip("\r").split(self.delimiter)
            return
        csv.field_size_limit(_LONGEST_CELL)
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=self.blank_after)
        number = self.skip + 1
        try:
            for row in reader:
                if row:
                    yield number, row
                number = self.skip + reader.line_num + 1
        except csv.Error as error:
            raise RowError(number, str(error)) from error


@dataclass(frozen=True)
class Fit:
    """How well a dialect fits a file: ``share`` of the rows have as many ``fields`` as the header or data.columns."""

    dialect: Dialect
    fields: int
    share: float
    hits: int = 0
    prose: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether every row fits, in two columns or more."""
        return self.share == 1 and self.fields > 1

    @property
    def rank(self) -> tuple[float, ...]:
        """Sorts the dialects that fit: the names that are asked for, hardly any blanks after the delimiter, many fields."""
        return -self.hits, round(self.prose, 1), -self.fields


@dataclass(frozen=True)
class Chooser:
    """Chooses the dialect of a file.

    Attributes:
        text: the file.
        columns: the names of its columns, where it has no header row.
        wanted: names of columns that the header should have.
        usual: the delimiter that the ending of the file's name stands for, if any.
    """

    text: Text
    columns: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    usual: str | None = None

    def choose(self) -> Fit:
        """The dialect under which the rows have one number of fields; else the one under which most rows have."""
        first = next(self.text.lines(), "")
        said = _SEP_LINE.match(first)
        delimiters = (said[1],) if said else self._present() or DELIMITERS
        fits = [self._of(delimiter, skip=1 if said else 0) for delimiter in delimiters]
        whole = [fit for fit in fits if fit.whole]
        if whole:
            named = [fit for fit in whole if fit.dialect.delimiter == self.usual and fit.hits == len(self.wanted) > 0]
            return (named or sorted(whole, key=lambda fit: fit.rank))[0]
        usual = [fit for fit in fits if fit.dialect.delimiter == self.usual]
        return max([*usual, *fits], key=lambda fit: (fit.share if fit.fields > 1 else 0, fit.hits))

    def _present(self) -> tuple[str, ...]:
        """The delimiters that the file has at all, and the usual one, so that long files are read no more than needed."""
        raw, encoding = self.text.raw, self.text.encoding
        return tuple(d for d in DELIMITERS if d == self.usual or d.encode(encoding) in raw)

    def _of(self, delimiter: str, skip: int) -> Fit:
        plain = Dialect(delimiter, skip=skip)
        if delimiter in "\t|":
            return self._fit(self._quoting(plain))
        fit = self._fit(plain)
        if self._blank_quote(delimiter) or fit.prose == 1:
            blank = self._fit(replace(plain, blank_after=True))
            if fit.prose == 1 or blank.share > fit.share or (blank.whole and self._quotes_in_cells(plain)):
                # a comma and a blank may be prose, but not before a quote that closes the cell
                return replace(blank, prose=fit.prose if fit.whole else 0.0)
        return fit

    def _fit(self, dialect: Dialect) -> Fit:
        """Read rows until it is clear that they do not fit, and no fewer than a sample."""
        rows = dialect.rows(self.text.lines())
        header: list[str] = []
        expected = len(self.columns)
        lengths: Counter[int] = Counter()
        blank = seen = 0
        try:
            for _, row in rows:
                if not header:
                    header = row
                    blank += _led_by_blanks(row)
                    if not self.columns and not liar.is_liar_row(row):
                        continue
                    expected = expected or len(row)
                if len(row) < 2 and not row[0].strip():  # noqa: PLR2004 - a line of blanks
                    continue
                lengths[len(row)] += 1
                seen += 1
                if seen <= _SAMPLE:
                    blank += _led_by_blanks(row)
                elif len(lengths) > 1:
                    break
        except RowError:
            lengths[0] += 1  # never the number of a row's fields
        fields, share = _fields(header, expected, lengths)
        hits = len({name.strip() for name in header} & set(self.wanted)) if not self.columns else 0
        prose = blank / (min(seen, _SAMPLE) + (not self.columns)) if seen else 0.0
        return Fit(dialect, fields, share, hits, prose)

    @cached_property
    def _has_quotes(self) -> bool:
        return b'"' in self.text.raw  # of every encoding that is in use for text, or of a part of its units

    def _blank_quote(self, delimiter: str) -> bool:
        mark = f'{delimiter} "'
        return self._has_quotes and any(mark in line for line in self.text.lines())

    def _quotes_in_cells(self, dialect: Dialect) -> bool:
        """Whether cells are left that are in quotes after a blank."""
        return any(cell.startswith(' "') and cell.endswith('"') for _, row in dialect.rows(self.text.lines())
                   for cell in row)  # fmt: skip

    def _quoting(self, dialect: Dialect) -> Dialect:
        raw = replace(dialect, quoted=False)
        if not self._has_quotes:
            return raw
        fit = self._fit(raw)
        if fit.fields == 1 or not fit.share:  # not the delimiter of this file
            return raw
        quotes = Quotes(dialect.delimiter)
        if fit.whole:
            quotes.read_lines(self.text.lines(), dialect.skip)
            standard = quotes.stray == 0 and (quotes.doubled or quotes.whole_column or self.usual == ",")
            return dialect if standard else replace(raw, odd_quotes=quotes.doubled)
        quotes.read_records(self.text.lines(), dialect.skip)
        return dialect if quotes.stray == 0 and self._fit(dialect).whole else raw


def _led_by_blanks(row: list[str]) -> bool:
    """Whether each cell after the first begins with a blank; an empty one may not."""
    filled = [cell for cell in row[1:] if cell]
    return bool(filled) and all(cell.startswith(" ") for cell in filled)


def _fields(header: list[str], expected: int, lengths: Counter[int]) -> tuple[int, float]:
    """Number of fields of a row and the share of the rows that have it.

    It is that of the header, or one more where R wrote the names of rows without a name above them, or fewer where the
    header ends in blank cells.
    """
    total = sum(lengths.values())
    if expected:
        return expected, lengths[expected] / total if total else 0.0
    allowed = {len(header)}
    if len(header) > 1:
        allowed.add(len(header) + 1)
    filled = len(header)
    while filled > 1 and not header[filled - 1].strip():
        filled -= 1
        allowed.add(filled)
    if not total:
        return len(header), 1.0
    best = max(allowed, key=lambda fields: (lengths[fields], fields == len(header)))
    return best, lengths[best] / total
