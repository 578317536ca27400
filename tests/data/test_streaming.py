"""A long file read a part at a time: what is read is what :func:`read_table` reads of it."""

import bz2
import gzip
import json
import lzma

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.data import streaming
from alambique.data.files import read_table
from alambique.data.streaming import stream_table
from alambique.errors import DataError

ROWS = [{"text": f"a lamp, number {n}" + (' "so called"' if n % 7 == 0 else ""), "note": str(n)} for n in range(300)]


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(streaming, "HEAD", 500)
    monkeypatch.setattr(streaming, "ROWS", 64)


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def csv_text(delimiter=","):
    lines = [delimiter.join((quoted(row["text"]), row["note"])) for row in ROWS]
    return "\n".join([delimiter.join(("text", "note")), *lines, ""])


def read(path, wanted=("text",), columns=(), encoding="utf-8"):
    return list(stream_table(path, columns=columns, encoding=encoding, wanted=wanted))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", csv_text()),
        ("t.csv", csv_text(";")),
        ("t.tsv", "text\tnote\n" + "".join(f"{r['text']}\t{r['note']}\n" for r in ROWS)),
        ("t.jsonl", "".join(json.dumps(row) + "\n" for row in ROWS)),
        ("t.json", json.dumps(ROWS)),
        ("t.json", json.dumps({"data": ROWS}, indent=1)),
    ],
)
@pytest.mark.parametrize(
    ("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)]
)
def test_parts_are_those_of_the_whole(tmp_path, name, content, ending, pack):
    path = tmp_path / (name + ending)
    path.write_bytes(pack(content.encode()))
    parts = read(path)
    whole = read_table(path, wanted=("text",))
    assert [len(part) for part in parts] == [64, 64, 64, 64, 44]
    assert [cell for part in parts for cell in part.columns["text"]] == [row["text"] for row in ROWS]
    assert [place for part in parts for place in map(part.place, range(len(part)))] == [
        whole.place(row) for row in range(len(whole))
    ]


def test_parquet_reads_the_wanted_columns(tmp_path):
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "t.parquet", row_group_size=50)
    parts = read(tmp_path / "t.parquet")
    assert {tuple(part.columns) for part in parts} == {("text",)}
    assert [cell for part in parts for cell in part.columns["text"]] == [row["text"] for row in ROWS]
    assert parts[1].place(0) == f"{tmp_path / 't.parquet'}, line {len(parts[0]) + 1}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_text_per_line(tmp_path, encoding):
    path = tmp_path / "texts.txt"
    path.write_text("a lamp\n\n  a café; closed\n" * 100, encoding)
    parts = read(path)
    assert [cell for part in parts for cell in part.columns["text"]] == ["a lamp", "a café; closed"] * 100
    assert parts[0].place(1) == f"{path}, line 3"


def test_wide_characters_are_not_cut(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(csv_text(), "utf-16")
    assert [cell for part in read(path) for cell in part.columns["text"]] == [row["text"] for row in ROWS]


def test_a_txt_file_that_names_the_column_is_a_table(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text("id\ttext\n" + "".join(f"{n}\tlamp {n}\n" for n in range(200)))
    assert [cell for part in read(path) for cell in part.columns["text"]] == [f"lamp {n}" for n in range(200)]


def test_a_file_without_a_header_has_the_names_that_are_given(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_text("".join(f"{n}\tlamp {n}\n" for n in range(200)))
    parts = read(path, columns=("id", "text"))
    assert [cell for part in parts for cell in part.columns["text"]] == [f"lamp {n}" for n in range(200)]


def test_a_fault_far_down_names_its_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text(csv_text() + "one,two,three\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value) == f"{path}, line 302: 3 fields where 2 are expected (text, note)."
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "{nonsense\n")
    with pytest.raises(DataError, match=f"^{path}, line 301: not valid JSON"):
        read(path)


def test_other_bytes_far_down_are_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(csv_text().encode() + "a café,1\n".encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: not utf-8 text (")
    assert str(caught.value).endswith("Name the file's own encoding with data.encoding.")
    assert sum(map(len, read(path, encoding="latin-1"))) == len(ROWS) + 1


def test_a_file_cut_short_is_named(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(csv_text().encode())[:-200])
    with pytest.raises(DataError, match=f"^{path}: .*(cut short|cannot be read)"):
        read(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError) as caught:
        read(tmp_path / "none.csv")
    assert str(caught.value) == f"{tmp_path / 'none.csv'}: there is no such file."
