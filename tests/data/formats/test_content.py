"""From a file to bytes, and from bytes to text."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pyarrow as pa
import pytest

from alambique.data.formats import content
from alambique.data.formats.content import decode, plain_name, read_content
from alambique.errors import DataError

ROWS = "text,label\na,x\n"


@pytest.fixture
def file(tmp_path):
    def write(name, held):
        path = tmp_path / name
        path.write_bytes(held if isinstance(held, bytes) else held.encode())
        return path

    return write


def text_of(path, encoding="utf-8"):
    return decode(read_content(path), encoding)


def message(path, encoding="utf-8"):
    with pytest.raises(DataError) as caught:
        text_of(path, encoding).all()
    return str(caught.value)


def zstd(held):
    stream = pa.BufferOutputStream()
    with pa.CompressedOutputStream(stream, "zstd") as packed:
        packed.write(held)
    return stream.getvalue().to_pybytes()


def zipped(*names, held=ROWS):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, held)
    return stream.getvalue()


PACKERS = {"gzip": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zstd": zstd}


# ---- compression


@pytest.mark.parametrize("kind", PACKERS)
@pytest.mark.parametrize("name", ["train.csv", "train.csv.gz"])
def test_what_a_file_holds_tells_its_compression(file, kind, name):
    read = read_content(file(name, PACKERS[kind](ROWS.encode())))
    assert (read.name, read.raw, read.compression) == ("train.csv", ROWS.encode(), kind)


def test_a_file_that_is_not_packed(file):
    read = read_content(file("train.csv", ROWS))
    assert (read.name, read.raw, read.compression) == ("train.csv", ROWS.encode(), None)


@pytest.mark.parametrize("others", [(), ("__MACOSX/._rows.tsv", ".DS_Store", "data/._rows.tsv")])
def test_the_only_file_of_a_zip(file, others):
    read = read_content(file("download.zip", zipped("data/rows.tsv", *others)))
    assert (read.name, read.raw, read.compression) == ("rows.tsv", ROWS.encode(), "zip")


@pytest.mark.parametrize(
    ("name", "plain"),
    [("train.csv.gz", "train.csv"), ("train.tsv.BZ2", "train.tsv"), ("a.csv.zip", "a.csv"), ("train.zst", "train"),
     ("train.csv", "train.csv"), (".gz", ".gz")],
)  # fmt: skip
def test_names_without_the_ending_of_a_compression(name, plain):
    assert plain_name(name) == plain


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("gzip", "Compressed file ended before the end-of-stream marker was reached"),
     ("bz2", "Compressed file ended before the end-of-stream marker was reached"),
     ("xz", "Compressed file ended before the end-of-stream marker was reached")],
)  # fmt: skip
def test_a_packed_file_that_was_cut(file, kind, reason):
    path = file("train.csv.gz", PACKERS[kind](ROWS.encode())[:-5])
    assert message(path) == f"{path}: this {kind} file is damaged or cut short ({reason})."


def test_a_zip_that_was_cut(file):
    path = file("train.csv.zip", zipped("train.csv")[:-5])
    assert message(path) == f"{path}: this zip file is damaged or cut short (File is not a zip file)."


@pytest.mark.parametrize(
    ("names", "held"),
    [((), "holds no file"), (("a.csv", "b.csv"), "holds 2 files (a.csv, b.csv)"),
     (("a.csv", "b.csv", "c.csv", "d.csv"), "holds 4 files (a.csv, b.csv, c.csv, …)")],
)  # fmt: skip
def test_a_zip_of_several_files_or_none(file, names, held):
    raw = zipped(*names)
    path = file("train.zip", raw if names else zipped(".DS_Store"))
    assert message(path) == f"{path}: this zip archive {held}. Unpack it and give the file or the folder."


def test_a_packed_file_that_would_fill_memory(file, monkeypatch):
    monkeypatch.setattr(content, "MOST_BYTES", 2 * 2**20)
    path = file("train.csv.gz", gzip.compress(bytes(2 * 2**20 + 1)))
    assert message(path) == f"{path}: it unpacks to more than 0 GB. Unpack it and split it into several files."
    assert len(read_content(file("train.csv.gz", gzip.compress(bytes(2 * 2**20)))).raw) == 2 * 2**20


@pytest.mark.parametrize(
    "held",
    [zipped("[Content_Types].xml", "xl/workbook.xml"), zipped("mimetype", "content.xml"),
     b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)],
    ids=["xlsx", "ods", "xls"],
)  # fmt: skip
def test_a_workbook(file, held):
    path = file("train.csv", held)
    assert message(path) == (
        f"{path}: this is a workbook of Excel or another office program. Save the sheet as CSV (UTF-8) and give that."
    )


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_tar_archive(file, pack):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("train.csv"))
    path = file("train.csv.gz", pack(stream.getvalue()))
    assert message(path) == f"{path}: this is a tar archive. Unpack it with `tar -xf` and give the folder."


def test_a_pointer_of_git_lfs(file):
    path = file("train.parquet", "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 1234\n")
    assert message(path) == (
        f"{path}: this is a pointer of Git LFS, not the file itself. Fetch it with `git lfs pull`, or download it again."
    )


# ---- encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("said", ["utf-8", "latin-1", "utf-16"])
def test_a_mark_says_the_encoding_whatever_the_recipe_says(file, encoding, said):
    text = text_of(file("a.csv", ("\ufeff" + "café,x\n\ufeffb,y\n").encode(encoding)), said)
    assert (text.encoding, text.marked) == (encoding, True)
    assert list(text.lines()) == ["café,x\n", "\ufeffb,y\n"]


@pytest.mark.parametrize(("said", "codec"), [("utf-16", "utf-16-le"), ("UTF_32", "utf-32-le"), ("utf-8-sig", "utf-8")])
def test_encodings_that_look_for_a_mark_do_without_one(file, said, codec):
    text = text_of(file("a.csv", "é,x\n".encode(codec)), said)
    assert (text.encoding, text.marked, text.all()) == (codec, False, "é,x\n")


@pytest.mark.parametrize(
    ("held", "lines"),
    [("a\nb\n", ["a\n", "b\n"]), ("a\nb", ["a\n", "b"]), ("a\r\nb\r\n", ["a\r\n", "b\r\n"]),
     ("a\rb\r", ["a\n", "b\n"]), ("a\rb", ["a\n", "b"]), ("a\r\nb\rc\n", ["a\r\n", "b\rc\n"]), ("a", ["a"]),
     ("a\u2028b\x85c\x0b\n", ["a\u2028b\x85c\x0b\n"])],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be"])
def test_what_ends_a_line(file, held, lines, encoding):
    text = text_of(file("a.csv", held.encode(encoding)), encoding)
    assert list(text.lines()) == lines
    assert list(text.lines()) == lines  # as often as they are asked for
    assert text.all() == "".join(lines)


def test_bytes_of_another_encoding(file):
    path = file("a.csv", b"text,label\ncaf\xe9,x\n")
    assert message(path) == (
        f"{path}, line 2: not utf-8 text (byte 0xe9). Name the file's own encoding with data.encoding; latin-1 and cp1252 "
        "are the usual ones."
    )
    assert text_of(path, "latin-1").all() == "text,label\ncafé,x\n"


def test_a_marked_file_that_was_cut(file):
    path = file("a.csv", "\ufefftext\nrow\n".encode("utf-16-le")[:-1])
    assert message(path) == (
        f"{path}, line 2: not utf-16-le text (byte 0x0a), though the file begins with the mark of utf-16-le. It may be cut "
        "short."
    )


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_without_a_mark_is_named(file, encoding):
    path = file("a.csv", ("text,label\n" + "a lamp,bad\n" * 20).encode(encoding))
    assert message(path) == (
        f"{path}: this looks like {encoding} text without the mark that says so. Set data.encoding={encoding}, or save the "
        "file as UTF-8."
    )


# ---- no text


@pytest.mark.parametrize("held", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"ab\0" + bytes(20)])
def test_a_binary_file(file, held):
    path = file("a.csv", held)
    assert message(path) == f"{path}: this is a binary file, not text (byte 0 at offset {held.index(0)})."


@pytest.mark.parametrize("held", ["", " \n\t\r\n", "\ufeff\n"])
def test_an_empty_file(file, held):
    path = file("a.csv", held)
    assert message(path) == f"{path}: the file is empty."


@pytest.mark.parametrize("held", ["<!DOCTYPE html>\n<p>Sign in", "\n <HTML lang=en>\n"])
def test_a_web_page(file, held):
    path = file("a.csv", held)
    assert message(path) == (
        f"{path}: this is a web page, not data. Was a page of the site saved instead of the file, as where one must log in?"
    )


def test_a_file_that_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(DataError) as caught:
        read_content(tmp_path / "a.csv")
    assert str(caught.value) == f"{tmp_path / 'a.csv'}: cannot be read: Is a directory."
