"""fastText's form of labelled text: ``__label__bad the text``, a line each."""

from alambique.data.formats.content import Text
from alambique.data.table import Reading, Table, some_rows
from alambique.errors import DataError

PREFIX = "__label__"
COLUMNS = ("text", "label")


def is_fasttext(text: Text) -> bool:
    """Whether most lines begin with a label of fastText, the first among them."""
    lines = labelled = 0
    for line in text.lines():
        if line.strip():
            lines += 1
            labelled += line.lstrip().startswith(PREFIX)
            if not labelled:
                return False
    return 2 * labelled > lines


def read_fasttext(text: Text) -> Table:
    """Read the columns ``text`` and ``label``; the label of a line without one is None.

    Raises:
        DataError: a line has several labels.
    """
    texts: list[str | None] = []
    labels: list[str | None] = []
    lines = []
    for number, line in enumerate(text.lines(), start=1):
        if not line.strip():
            continue
        label, rest = _parts(line)
        more = [word for word in rest.split() if word.startswith(PREFIX)] if PREFIX in rest else []
        if more and label is not None:
            names = ", ".join(word.removeprefix(PREFIX) for word in (PREFIX + label, *more))
            raise DataError(
                f"{text.path}, line {number}: a row must have one label, and this one has {1 + len(more)} ({names})."
            )
        texts.append(rest)
        labels.append(label)
        lines.append(number)
    reading = Reading("fasttext", text.encoding, text.compression, quoting=False)
    return some_rows(Table(str(text.path), dict(zip(COLUMNS, (texts, labels), strict=True)), lines, reading=reading))


def _parts(line: str) -> tuple[str | None, str]:
    line = line.strip()
    if not line.startswith(PREFIX):
        return None, line
    label, *rest = line.split(maxsplit=1)
    return label.removeprefix(PREFIX), rest[0] if rest else ""
