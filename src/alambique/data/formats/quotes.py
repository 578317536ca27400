"""Whether the quotes of a tab-separated file are marks or characters.

Such files come in two kinds. Most writers of research data quote nothing, so that a quote is a character like others (LIAR);
pandas, R and spreadsheets quote in the standard way. Reading the first kind as the second merges rows, so a file is taken
to be of the second kind only if every cell that has a quote is quoted in the standard way, and something shows that it is
meant so.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable

_LONGEST_RECORD = 1000  # lines of a cell in quotes


class Quotes:
    """What the quotes of a file show.

    Attributes:
        stray: lines or records with a quote that is not of a cell in standard quotes.
        doubled: lines or records with a quote within such a cell, doubled.
        whole_column: whether a column is in quotes in every row, or the header is in every cell.
    """

    def __init__(self, delimiter: str) -> None:  # noqa: D107
        mark = re.escape(delimiter)
        cell = rf'(?:"[^"]*+(?:""[^"]*+)*+"|[^"{mark}\r\n]*+)'
        self._standard: Callable[[str], object] = re.compile(rf"{cell}(?:{mark}{cell})*+\r?\n?").fullmatch
        self._doubles: Callable[[str], object] = re.compile(
            rf'(?:^|{mark})"(?:[^"]*+"")++[^"]*+"(?=[{mark}\r\n]|$)'
        ).search
        self._delimiter = delimiter
        self.stray = self.doubled = 0
        self.whole_column = False

    def read_lines(self, lines: Iterable[str], skip: int) -> None:
        """Look at each line, which is a row."""
        quoted: Counter[int] = Counter()
        rows = 0
        for number, line in enumerate(lines):
            if number < skip or not line.strip():
                continue
            rows += 1
            if '"' in line:
                self._look(line)
                cells = line.strip("\r\n").split(self._delimiter)
                in_quotes = [place for place, cell in enumerate(cells) if len(cell) > 1 and cell[0] == cell[-1] == '"']
                quoted.update(in_quotes)
                if rows == 1 and len(in_quotes) == len(cells):
                    self.whole_column = True
        if rows > 2 and any(count >= rows - 1 for count in quoted.values()):  # noqa: PLR2004 - the first may be a header
            self.whole_column = True

    def read_records(self, lines: Iterable[str], skip: int) -> None:
        """Look at each record, which is one line or, where a cell in quotes holds line ends, several."""
        record: list[str] = []
        marks = 0
        for number, line in enumerate(lines):
            if number < skip or ('"' not in line and not record):
                continue
            record.append(line)
            marks += line.count('"')
            if marks % 2 == 0 or len(record) > _LONGEST_RECORD:
                self._look("".join(record))
                record, marks = [], 0
        if record:
            self.stray += 1

    def _look(self, record: str) -> None:
        if self._standard(record):
            self.doubled += bool(self._doubles(record))
        else:
            self.stray += 1
            self.doubled += bool(self._doubles(record))
