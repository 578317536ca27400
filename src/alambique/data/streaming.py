"""Read a data file a few thousand rows at a time, so that memory does not grow with the file."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa

from alambique.data.files import join, kind_of, read_table
from alambique.data.formats.arrow import stream_parquet
from alambique.data.formats.content import DAMAGED, Content, Text, decode, plain_name, sole_member
from alambique.data.formats.delimited import stream_delimited
from alambique.data.formats.fasttext import is_fasttext
from alambique.data.formats.records import read_json
from alambique.data.table import Reading, Table, narrowed
from alambique.errors import DataError

HEAD = 2**22  # bytes that decide how a longer file is read; a shorter one is read at once, as any other
ROWS = 8192
_USUAL = {"tsv": "\t", "csv": ","}
_OPEN: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_ZIP, _ZSTD = b"PK\x03\x04", b"\x28\xb5\x2f\xfd"
_WHOLE = (_ZIP, _ZSTD, b"ARROW1")  # which stream_table reads whole


def stream_table(path: Path, *, columns: tuple[str, ...], encoding: str, wanted: tuple[str, ...]) -> Iterator[Table]:
    """Read a data file as :func:`~alambique.data.files.read_table` does, :data:`ROWS` rows at a time.

    Parquet, JSON Lines, delimited files and plain text are streamed, also compressed by gzip, bz2 or xz; the first
    :data:`HEAD` bytes decide how a long text file is read. A ``.txt`` file whose first line does not name the wanted column
    has a text per line. Other forms are read whole.

    Args:
        path: the file.
        columns: the names of the columns of a file without a header row.
        encoding: of a text file without a byte-order mark.
        wanted: the columns that will be used.

    Raises:
        DataError: as ``read_table`` does; what is wrong far down is found when it is reached.
    """
    magic = b""
    if path.is_file():
        with path.open("rb") as file:
            magic = file.read(8)
    kind = kind_of(path.name)
    if magic.startswith(b"PAR1"):
        yield from stream_parquet(path, wanted, ROWS)
    elif not magic or magic.startswith(_WHOLE) or kind in ("parquet", "arrow"):
        yield from _parts(read_table(path, columns=columns, encoding=encoding, wanted=wanted))
    else:
        yield from _stream_text(path, kind, columns, encoding, wanted)


def _stream_text(
    path: Path, kind: str | None, columns: tuple[str, ...], encoding: str, wanted: tuple[str, ...]
) -> Iterator[Table]:
    raw = _head(path)
    ended = _whole_lines(raw)
    head = decode(Content(path, plain_name(path.name), ended or raw), encoding)
    first = next(line for line in head.lines() if line.strip()).strip()
    if kind == "text" and not columns and not is_fasttext(head) and len(wanted) == 1 and not _names(first, wanted[0]):
        numbered = ((number, line.strip()) for number, line in enumerate(_lines(path, head), start=1))
        yield from _plain(path, ((number, line) for number, line in numbered if line), wanted[0])
    elif len(raw) < HEAD or not ended or is_fasttext(head) or first.startswith("[") or first == "{" or _is_wide(raw):
        yield from _parts(read_table(path, columns=columns, encoding=encoding, wanted=wanted))
    elif first.startswith('{"') and first.endswith("}"):
        yield from _records(path, head, columns, wanted)
    else:
        lines, usual = _lines(path, head), usual_delimiter(path.name)
        for table in stream_delimited(head, lines, usual=usual, columns=columns, wanted=wanted, rows=ROWS):
            yield narrowed(table, wanted)


@dataclass(frozen=True)
class TextStream:
    """A text file that is read line by line.

    Attributes:
        path: the file.
        head: its first :data:`HEAD` bytes, to the end of a line.
        whole: whether that is all of it.
    """

    path: Path
    head: Text
    whole: bool

    def lines(self) -> Iterator[str]:
        """All lines, each with its end; memory holds a few of them at a time.

        Raises:
            DataError: the file is damaged, or is not text in the encoding of its head.
        """
        return self.head.lines() if self.whole else _lines(self.path, self.head)


def open_text(path: Path, encoding: str) -> TextStream | None:
    """Open a text file, also one that is compressed; None if it has nothing but blanks.

    Args:
        path: the file.
        encoding: of one without a byte-order mark.

    Raises:
        DataError: it cannot be read, is not text, or is long and in an encoding of two or four bytes per character.
    """
    raw = _head(path)
    if len(raw) < HEAD and not raw.strip():
        return None
    if len(raw) == HEAD and _is_wide(raw):
        raise DataError(f"{path}: a file of this size is read in UTF-8, not UTF-16 or UTF-32. Save it as UTF-8.")
    head = decode(Content(path, plain_name(path.name), _whole_lines(raw) or raw), encoding)
    return TextStream(path, head, len(raw) < HEAD)


def usual_delimiter(name: str) -> str | None:
    """The delimiter that the ending of a file's name stands for; None where it stands for none."""
    return _USUAL.get(kind_of(name) or "")


def count_line_ends(path: Path) -> int:
    """How many line feeds a text file has, unpacked: about its number of rows.

    Raises:
        DataError: it cannot be read.
    """
    with _reading(path), closing(open_unpacked(path)) as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(2**20), b""))


def _whole_lines(raw: bytes) -> bytes:
    """A file's head without the line that it may have cut."""
    return raw[: raw.rfind(b"\n") + 1] if len(raw) == HEAD else raw


def _is_wide(raw: bytes) -> bool:
    """Whether a mark says UTF-16 or UTF-32, whose characters a cut at a byte could split."""
    return raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE))


def _names(line: str, column: str) -> bool:
    return any(column in (cell.strip().strip('"') for cell in line.split(delimiter)) for delimiter in "\t,;|")


def _plain(path: Path, lines: Iterator[tuple[int, str]], column: str) -> Iterator[Table]:
    while part := list(islice(lines, ROWS)):
        yield Table(str(path), {column: [line for _, line in part]}, [number for number, _ in part],
                    reading=Reading("text"))  # fmt: skip


def _records(path: Path, head: Text, columns: tuple[str, ...], wanted: tuple[str, ...]) -> Iterator[Table]:
    """JSON Lines. The lines before a part are given as blank ones, so that messages name the right line."""
    lines = _lines(path, head)
    for start in count(0, ROWS):
        part = "".join(islice(lines, ROWS))
        if not part:
            return
        if part.strip():
            text = Text(path, b"\n" * start + part.encode(), "utf-8")
            yield read_json(text, columns=columns, wanted=wanted)


def _parts(table: Table) -> Iterator[Table]:
    for start in range(0, len(table), ROWS):
        yield join([table.take(range(start, min(start + ROWS, len(table))))])


def open_unpacked(path: Path) -> IO[bytes]:
    """Open a file to be read from its start on, unpacked by what it holds and not by its name."""
    with path.open("rb") as file:
        magic = file.read(8)
    if magic.startswith(_ZIP):
        with zipfile.ZipFile(path) as archive:  # the member stays open
            return archive.open(sole_member(path, archive))
    if magic.startswith(_ZSTD):
        return cast("IO[bytes]", pa.CompressedInputStream(pa.OSFile(str(path)), "zstd"))
    unpack = next((unpack for start, unpack in _OPEN.items() if magic.startswith(start)), None)
    return path.open("rb") if unpack is None else cast("IO[bytes]", unpack(path))


def _head(path: Path) -> bytes:
    try:
        with closing(open_unpacked(path)) as stream:
            return bytes(stream.read(HEAD))
    except DAMAGED as error:
        raise DataError(f"{path}: cannot be read: {error}.") from error


def _lines(path: Path, head: Text) -> Iterator[str]:
    """All lines of a file, decoded as its head is."""
    codec = codecs.lookup(head.encoding).name
    try:
        with _reading(path), closing(open_unpacked(path)) as stream:
            stream.read(head.start)
            yield from io.TextIOWrapper(cast("IO[bytes]", io.BufferedReader(stream)), head.encoding, newline="\n")
    except UnicodeError as error:
        raise DataError(
            f"{path}: not {codec} text ({error}). Name the file's own encoding with data.encoding."
        ) from error


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise DataError(f"{path}: this file is damaged or cut short ({error}).") from error
