import bz2
import gzip
import json
import lzma
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.batch_prediction import readers
from alambique.batch_prediction.json_types import ColumnKinds
from alambique.batch_prediction.readers import Reading, parquet_tables, rows_about
from alambique.batch_prediction.sources import InputFile
from alambique.data import streaming
from alambique.errors import DataError
from alambique.recipe.recipe import Recipe

CSV = 'text,n\n"a, b",1\n"two\nlines",\nc,3\n'
ROWS = [{"text": "a, b", "n": "1"}, {"text": "two\nlines", "n": ""}, {"text": "c", "n": "3"}]


def reading(**keys):
    data = Recipe.from_dict({"data": {"source": "x.csv", "label": "label", "text": "text", **keys}}).data
    return Reading(data, ("text",), "why")


def file(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return InputFile(str(path), str(path))


def all_rows(tables):
    return [row for table in tables for row in table.to_pylist()]


@pytest.fixture(params=["whole", "streamed"])
def size(request, monkeypatch):
    """Files are read the same whether they are longer than their head or not."""
    if request.param == "streamed":
        monkeypatch.setattr(streaming, "HEAD", 12)


@pytest.mark.usefixtures("size")
@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress, "zstd", "zip"])
def test_delimited_files_keep_all_columns_as_text(tmp_path, pack):
    raw = CSV.encode()
    if pack == "zip":
        with zipfile.ZipFile(tmp_path / "x", "w") as archive:
            archive.writestr("in.csv", raw)
        raw = (tmp_path / "x").read_bytes()
    elif pack == "zstd":
        raw = pa.Codec("zstd").compress(raw, asbytes=True)
    else:
        raw = pack(raw)
    given = file(tmp_path / "in.csv.gz", raw)
    assert all_rows(reading().text_tables(given)) == ROWS
    assert rows_about(given) == 5


def test_tabs_are_not_quoted_and_names_of_columns_come_from_the_recipe(tmp_path):
    given = file(tmp_path / "in.tsv", 'x\t"a\nb\tc"\n')
    named = reading(columns=["id", "text"])
    assert all_rows(named.text_tables(given)) == [{"id": "x", "text": '"a'}, {"id": "b", "text": 'c"'}]
    headed = file(tmp_path / "h.tsv", "id\ttext\nx\ty\n")
    assert all_rows(named.text_tables(headed)) == [{"id": "x", "text": "y"}]


@pytest.mark.usefixtures("size")
def test_a_row_that_does_not_fit_is_named(tmp_path):
    given = file(tmp_path / "in.csv", "text,n\na,1\nb,2,3\n")
    with pytest.raises(DataError) as refused:
        all_rows(reading().text_tables(given))
    assert str(refused.value) == f"{given.name}, line 3: 3 fields where 2 are expected (text, n)."


def test_an_empty_file_and_one_in_utf_16(tmp_path, monkeypatch):
    with pytest.raises(DataError) as refused:
        all_rows(reading().text_tables(file(tmp_path / "in.csv", "")))
    assert str(refused.value) == f"{tmp_path}/in.csv: the file is empty."
    wide = file(tmp_path / "w.csv", CSV.encode("utf-16"))
    assert all_rows(reading().text_tables(wide)) == ROWS
    monkeypatch.setattr(streaming, "HEAD", 12)
    with pytest.raises(DataError) as refused:
        all_rows(reading().text_tables(wide))
    assert str(refused.value) == (
        f"{tmp_path}/w.csv: a file of this size is read in UTF-8, not UTF-16 or UTF-32. Save it as UTF-8."
    )


@pytest.mark.usefixtures("size")
def test_records_by_line_and_in_a_list(tmp_path):
    records = [{"text": "a", "n": 1}, {"text": 7}, {"n": 2, "text": None}, {}, {"text": {"x": 1}}]
    lines = file(tmp_path / "l.jsonl", "".join(json.dumps(record) + "\n\n" for record in records))
    whole = file(tmp_path / "w.json", json.dumps(records, indent=1))
    for given in (lines, whole):
        kinds = ColumnKinds(("text",))
        for _, record in reading().records(given):
            kinds.add(record)
        assert all_rows(reading().json_tables(given, kinds)) == [
            {"text": "a", "n": 1, "why": None},
            {"text": "7", "n": None, "why": "text is a number, not text"},
            {"text": None, "n": 2, "why": None},
            {"text": None, "n": None, "why": None},
            {"text": '{"x": 1}', "n": None, "why": "text is an object, not text"},
        ]
    assert [number for number, _ in reading().records(lines)] == [1, 3, 5, 7, 9]
    assert list(reading().records(file(tmp_path / "e.jsonl", "\n"))) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a"}\n[1]\n', ', line 2: each row must be an object, as in {"text": …}, not a list.'),
        ('{"text": "a"}\n"b"\n', ', line 2: each row must be an object, as in {"text": …}, not text.'),
        ('{"text": "a"}\n{"text": \n', ", line 2: not valid JSON (Expecting value: line 2 column 1 (char 10))."),
        ('{"text": "a"}\n{"text": "b", "text": "c"}\n', ", line 2: not valid JSON (the key 'text' stands twice)."),
        ("[1, 2\n", ": not valid JSON (Expecting ',' delimiter: line 2 column 1 (char 6))."),
    ],
)
def test_what_is_no_record_is_named(tmp_path, content, message):
    given = file(tmp_path / "in.jsonl", content)
    with pytest.raises(DataError) as refused:
        list(reading().records(given))
    assert str(refused.value) == f"{given.name}{message}"


def test_parquet_keeps_types_and_is_read_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "ROWS", 2)
    table = pa.table(
        {"text": ["a", "b", "c"], "at": pa.array([0, 1, None], pa.timestamp("us")), "v": [[1.5], [], None]}
    )
    pq.write_table(table, tmp_path / "in.parquet", row_group_size=2)
    parts = list(parquet_tables(InputFile("in", str(tmp_path / "in.parquet"))))
    assert [part.num_rows for part in parts] == [2, 1]
    assert pa.concat_tables(parts) == table


def test_a_damaged_parquet_file_is_named(tmp_path):
    given = file(tmp_path / "in.parquet", b"PAR1 and nothing more")
    with pytest.raises(DataError) as refused:
        list(parquet_tables(given))
    assert str(refused.value).startswith(f"{given.name}: not a readable Parquet file (")
