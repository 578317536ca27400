"""From a file to bytes, and from bytes to text: compression, byte-order marks, encodings, and what is neither."""

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from alambique.errors import DataError

ENDINGS = {".gz": "gzip", ".bz2": "bz2", ".xz": "xz", ".zst": "zstd", ".zip": "zip"}
_MAGIC = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", b"PK\x03\x04": "zip"}
# UTF-32 before UTF-16, whose mark begins as that of UTF-32
_MARKS = {
    codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be",
}  # fmt: skip
# codecs that look for a mark themselves, where there is none
_MARKLESS = {"utf-16": "utf-16-le", "utf-32": "utf-32-le", "utf-8-sig": "utf-8"}
_OLD_EXCEL = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_LFS = b"version https://git-lfs.github.com/spec/"
_TAR = (257, b"ustar")
_PIECE = 2**20
MOST_BYTES = 4 * 2**30  # of a file once it is unpacked; a small archive can hold any number of zeros
DAMAGED = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, zipfile.BadZipFile, RuntimeError,
            NotImplementedError)  # fmt: skip
_SHOWN = 3


@dataclass(frozen=True)
class Content:
    """The bytes of a data file, unpacked.

    Attributes:
        path: the file, for messages.
        name: its name without the ending of the compression, or the name of the file within a zip.
        raw: the bytes.
        compression: what was undone; None if nothing was.
    """

    path: Path
    name: str
    raw: bytes
    compression: str | None = None


def plain_name(name: str) -> str:
    """A file's name without the ending of a compression: ``train.csv.gz`` is ``train.csv``."""
    ending = next((ending for ending in ENDINGS if name.lower().endswith(ending)), "")
    return name[: len(name) - len(ending)] if len(name) > len(ending) else name


def read_content(path: Path) -> Content:
    """Read a file and unpack it, by what it holds and not by its name.

    Raises:
        DataError: it cannot be read or unpacked, or is a workbook, an archive of several files, or a pointer to a file.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}.") from error
    compression = next((name for magic, name in _MAGIC.items() if raw.startswith(magic)), None)
    name = path.name
    if compression is not None:
        name, raw = _unpacked(path, raw, compression)
    if raw.startswith(_OLD_EXCEL):
        raise DataError(_workbook(path))
    if raw.startswith(_LFS):
        raise DataError(
            f"{path}: this is a pointer of Git LFS, not the file itself. Fetch it with `git lfs pull`, or download it again."
        )
    if raw[_TAR[0] :].startswith(_TAR[1]):
        raise DataError(f"{path}: this is a tar archive. Unpack it with `tar -xf` and give the folder.")
    return Content(path, name, raw, compression)


def _workbook(path: Path) -> str:
    return (
        f"{path}: this is a workbook of Excel or another office program. Save the sheet as CSV (UTF-8) and give that."
    )


def _unpacked(path: Path, raw: bytes, compression: str) -> tuple[str, bytes]:
    try:
        if compression == "zip":
            return _from_zip(path, raw)
        with _opened(raw, compression) as stream:
            return plain_name(path.name), _all_of(path, stream)
    except DAMAGED as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: this {compression} file is damaged or cut short ({reason}).") from error


def _opened(raw: bytes, compression: str) -> IO[bytes]:
    packed = io.BytesIO(raw)
    if compression == "gzip":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=packed))
    if compression == "bz2":
        return bz2.BZ2File(packed)
    if compression == "xz":
        return lzma.LZMAFile(packed)
    opened: IO[bytes] = pa.CompressedInputStream(pa.BufferReader(raw), "zstd")
    return opened


def _all_of(path: Path, stream: IO[bytes]) -> bytes:
    pieces, size = [], 0
    while piece := stream.read(_PIECE):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            raise DataError(
                f"{path}: it unpacks to more than {MOST_BYTES // 2**30} GB. Unpack it and split it into several files."
            )
    return b"".join(pieces)


def _from_zip(path: Path, raw: bytes) -> tuple[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        name = sole_member(path, archive)
        with archive.open(name) as stream:
            return plain_name(name.rsplit("/", 1)[-1]), _all_of(path, stream)


def sole_member(path: Path, archive: zipfile.ZipFile) -> str:
    """The name of the only file of an archive.

    Raises:
        DataError: there are several, or none, or it is a workbook.
    """
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    if "[Content_Types].xml" in names or any(name == "mimetype" or name.startswith("xl/") for name in names):
        raise DataError(_workbook(path))
    # what macOS adds beside each file
    names = [n for n in names if not n.startswith("__MACOSX/") and not n.rsplit("/", 1)[-1].startswith(".")]
    if len(names) != 1:
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        held = f"holds {len(names)} files ({shown})" if names else "holds no file"
        raise DataError(f"{path}: this zip archive {held}. Unpack it and give the file or the folder.")
    return names[0]


@dataclass(frozen=True)
class Text:
    """The text of a file, decoded line by line as often as it is asked for, so that memory holds its bytes alone.

    Attributes:
        path: the file, for messages.
        raw: the bytes.
        encoding: a Python codec name.
        start: where the text begins, after a byte-order mark.
        marked: whether there was such a mark.
        compression: of the file.
    """

    path: Path
    raw: bytes
    encoding: str
    start: int = 0
    marked: bool = False
    compression: str | None = None

    def lines(self) -> Iterator[str]:
        r"""The lines, each with its end ``\n``, and with a ``\r`` before it where the file has one.

        No other character ends a line, except ``\r`` in a file that has no ``\n`` at all (old Macs).

        Raises:
            DataError: the bytes are not text in this encoding; the message has the line.
        """
        ending = "\n" if "\n".encode(self.encoding) in self.raw else "\r"
        stream = io.BytesIO(self.raw)
        stream.seek(self.start)
        reader = io.TextIOWrapper(stream, self.encoding, newline=ending)
        try:
            if not self.marked:  # a codec that takes a mark with it has dropped it already
                yield from _without_mark(_same_ends(reader, ending))
            else:
                yield from _same_ends(reader, ending)
        except UnicodeError as error:
            raise DataError(self._not_text(error)) from error

    def all(self) -> str:
        """The whole text."""
        return "".join(self.lines())

    def _not_text(self, error: UnicodeError) -> str:
        try:
            self.raw[self.start :].decode(self.encoding)
        except UnicodeDecodeError as whole:
            place = self.start + whole.start
            line = self.raw.count(b"\n", 0, place) + 1
            shown = f"{self.path}, line {line}: not {self.encoding} text (byte 0x{self.raw[place]:02x})"
            if self.marked:
                return f"{shown}, though the file begins with the mark of {self.encoding}. It may be cut short."
            return f"{shown}. Name the file's own encoding with data.encoding; latin-1 and cp1252 are the usual ones."
        except UnicodeError as whole:
            return f"{self.path}: not {self.encoding} text ({whole}). Name the file's own encoding with data.encoding."
        return f"{self.path}: not {self.encoding} text ({error}). Name the file's own encoding with data.encoding."


def _same_ends(lines: Iterator[str], ending: str) -> Iterator[str]:
    return lines if ending == "\n" else (line[:-1] + "\n" if line.endswith("\r") else line for line in lines)


def _without_mark(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line.removeprefix("\ufeff")
        break
    yield from lines


def decode(content: Content, encoding: str) -> Text:
    """Find out the encoding of a text file: its byte-order mark, else ``encoding``.

    Raises:
        DataError: it is empty, binary, a web page, or text of another encoding.
    """
    path, raw = content.path, content.raw
    mark = next((mark for mark in _MARKS if raw.startswith(mark)), b"")
    codec = _MARKS.get(mark) or codecs.lookup(encoding).name
    if b"\0" in raw and not codec.startswith(("utf-16", "utf-32")):
        raise DataError(_binary(path, raw))
    codec = _MARKLESS.get(codec, codec if mark or codec == "utf-8" else encoding)
    text = Text(path, raw, codec, len(mark), bool(mark), content.compression)
    first = next((line for line in text.lines() if line.strip()), "")
    if not first:
        raise DataError(f"{path}: the file is empty.")
    if first.lstrip().lower().startswith(("<!doctype html", "<html")):
        raise DataError(
            f"{path}: this is a web page, not data. Was a page of the site saved instead of the file, as where one must log "
            "in?"
        )
    return text


def _binary(path: Path, raw: bytes) -> str:
    codec = wide(raw[: 2**16])
    if codec is not None:
        return (
            f"{path}: this looks like {codec} text without the mark that says so. Set data.encoding={codec}, or save the "
            "file as UTF-8."
        )
    return f"{path}: this is a binary file, not text (byte 0 at offset {raw.index(0)})."


def wide(sample: bytes) -> str | None:
    """UTF-16 without a mark, which every second byte of mostly Latin text shows."""
    pairs = len(sample) // 2
    zeros = {"utf-16-be": sample[0::2].count(0), "utf-16-le": sample[1::2].count(0)}
    likely, other = sorted(zeros, key=lambda name: -zeros[name])
    return likely if pairs and zeros[likely] > 0.7 * pairs and zeros[other] < 0.05 * pairs else None
