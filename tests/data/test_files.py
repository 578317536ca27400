"""Reading one file: what is a row, what is a cell, and exactly where it is wrong."""

import bz2
import datetime as dt
import gzip
import io
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from alambique.data.files import as_text, join, kind_of, read_table
from alambique.errors import DataError

# fake rows of LIAR's shape: 14 columns, the second a label
LIAR_ROWS = [
    ["1.json", "true", 'They sell "fresh" bread', "food", "ann", "baker", "Ohio", "red", "1", "2", "3", "4", "5", "talk"],
    ["2.json", "pants-fire", "The lake is made of soup", "water", "bob", "", "", "none", "0", "0", "0", "0", "1", ""],
]  # fmt: skip
LIAR_COLUMNS = ["id", "label", "statement", "subject", "speaker", "job", "state", "party", "barely_true_counts",
                "false_counts", "half_true_counts", "mostly_true_counts", "pants_on_fire_counts", "context"]  # fmt: skip


@pytest.fixture
def file(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def message(path, **how):
    with pytest.raises(DataError) as caught:
        read_table(path, **how)
    return str(caught.value)


# ---- TSV


def test_tsv_has_no_quoting(file):
    table = read_table(file("a.tsv", 'text\tlabel\n"open\tx\nclose"\ty\n"both"\tx\nmid"dle\t"\n'))
    assert table.columns == {"text": ['"open', 'close"', '"both"', 'mid"dle'], "label": ["x", "y", "x", '"']}
    assert table.lines == [2, 3, 4, 5]
    assert len(table) == 4


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x90", "\ufeff"])
@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_other_line_ends_and_marks_stay_inside_their_cell(file, mark, suffix):
    text = f"one{mark}two"
    content = {
        "tsv": f"text\tlabel\n{text}\tx\n{text}{text}\ty\n",
        "csv": f"text,label\n{text},x\n{text}{text},y\n",
        "jsonl": "".join(
            json.dumps({"text": cell, "label": label}, ensure_ascii=False) + "\n"
            for cell, label in ((text, "x"), (text + text, "y"))
        ),
    }[suffix]
    table = read_table(file(f"a.{suffix}", content))
    assert table.columns == {"text": [text, text + text], "label": ["x", "y"]}
    assert table.lines == ([1, 2] if suffix == "jsonl" else [2, 3])


def test_tsv_keeps_blanks_empty_cells_and_skips_blank_lines(file):
    table = read_table(file("a.TSV", "text\tlabel\r\n a \tx\r\n\r\n\ty\r\nb\t\r\n"))
    assert table.columns == {"text": [" a ", "", "b"], "label": ["x", "y", ""]}
    assert table.lines == [2, 4, 5]


def test_tsv_without_a_last_line_end(file):
    assert read_table(file("a.tsv", "text\tlabel\na\tx")).columns == {"text": ["a"], "label": ["x"]}


def test_cells_stay_text(file):
    table = read_table(file("a.tsv", "text\tlabel\ntrue\t1\nNA\t01\nnull\t1.0\n"))
    assert table.columns == {"text": ["true", "NA", "null"], "label": ["1", "01", "1.0"]}


def test_headers_lose_blanks_around_them(file):
    assert list(read_table(file("a.csv", "text , label\na,x\n")).columns) == ["text", "label"]


# ---- CSV


def test_csv_quoting(file):
    content = 'text,label\n"a, b",x\n"say ""hi""",y\n"two\nlines\r\nand a third",x\nplain,"y"\n'
    table = read_table(file("a.csv", content))
    assert table.columns == {
        "text": ["a, b", 'say "hi"', "two\nlines\r\nand a third", "plain"],
        "label": ["x", "y", "x", "y"],
    }
    assert table.lines == [2, 3, 4, 7]


def test_csv_line_numbers_after_embedded_line_ends(file):
    path = file("a.csv", 'text,label\n"1\n2\n3",x\n\nplain,y\nragged\n')
    assert message(path) == f"{path}, line 7: 1 fields where 2 are expected (text, label)."


def test_csv_with_an_unclosed_quote(file):
    path = file("a.csv", 'text,label\n"a\nb",x\n"never closed,y\nc,x\n')
    assert message(path) == f"{path}, line 4: not valid CSV (unexpected end of data). Is a quote not closed?"


def test_csv_with_text_after_a_quote(file):
    path = file("a.csv", 'text,label\na,x\n"b" c,y\n')
    assert message(path) == f"{path}, line 3: not valid CSV (',' expected after '\"'). Is a quote not closed?"


def test_csv_with_a_long_cell(file):
    long = "word " * 40_000  # more than the csv module's own limit of 131,072
    assert read_table(file("a.csv", f"text,label\n{long},x\n")).columns["text"] == [long]


# ---- JSON


@pytest.mark.parametrize("suffix", ["jsonl", "ndjson", "json"])
def test_json_lines(file, suffix):
    content = '{"text": "a", "label": true}\n\n{"label": 3, "text": "é", "extra": null}\n{"text": "c", "label": 3.0}\n'
    table = read_table(file(f"a.{suffix}", content))
    assert table.columns == {"text": ["a", "é", "c"], "label": ["true", "3", "3"], "extra": [None, None, None]}
    assert table.lines == [1, 3, 4]


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_json_array(file, suffix):
    content = '\n [\n{"text": "a",\n "label": "x"},\n{"text": "b", "label": false}]\n'
    table = read_table(file(f"a.{suffix}", content))
    assert table.columns == {"text": ["a", "b"], "label": ["x", "false"]}
    assert table.lines == [1, 2]


def test_a_bad_json_line(file):
    path = file("a.jsonl", '{"text": "a", "label": "x"}\n\n{"text": "b", "label": }\n')
    assert message(path) == f"{path}, line 3: not valid JSON (Expecting value: line 1 column 24 (char 23))."


def test_a_bad_json_array(file):
    path = file("a.json", '[{"text": "a"},\n{"text" "b"}]')
    assert message(path) == f"{path}: not valid JSON (Expecting ':' delimiter: line 2 column 9 (char 24))."


@pytest.mark.parametrize("row", ["3", '"text"', "null", "true"])
def test_a_json_row_that_is_no_object(file, row):
    path = file("a.jsonl", '{"text": "a", "label": "x"}\n' + row)
    assert message(path) == f'{path}, line 2: each row must be an object, as in {{"text": …, "label": …}}.'


@pytest.mark.parametrize(("content", "line"), [("[" * 100_000, ""), ('{"a": ' * 100_000, ", line 1")])
def test_json_nested_too_deeply(file, content, line):
    path = file("a.jsonl", content)
    assert message(path) == f"{path}{line}: not valid JSON (nested too deeply)."


def test_an_empty_json_array(file):
    path = file("a.json", "[]")
    assert message(path) == f"{path}: the file has no rows."


# ---- Parquet


def test_parquet_with_plain_columns(tmp_path):
    path = tmp_path / "a.parquet"
    rows = {
        "text": ["a\u2028b", None, '"c"'],
        "label": [2, 10, None],
        "flag": [True, False, True],
        "x": [1.0, 2.5, None],
    }
    Dataset.from_dict(rows).to_parquet(path)
    table = read_table(path)
    assert table.columns == {
        "text": ["a\u2028b", None, '"c"'],
        "label": ["2", "10", None],
        "flag": ["true", "false", "true"],
        "x": ["1", "2.5", None],
    }
    assert table.lines == [1, 2, 3]
    assert table.class_names == {}


def test_parquet_with_class_names(tmp_path):
    path = tmp_path / "a.parquet"
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "true", "2"])})
    Dataset.from_dict({"text": ["a", "b"], "label": [2, 0]}, features=features).to_parquet(path)
    table = read_table(path)
    assert table.columns == {"text": ["a", "b"], "label": ["2", "0"]}
    assert table.class_names == {"label": ["no", "true", "2"]}


def test_parquet_of_other_writers(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {
        "text": pa.array(["a", "b"], pa.large_string()),
        "label": pa.array(["x", "y"]).dictionary_encode(),  # a pandas category
        "day": pa.array([dt.date(2026, 1, 2), None]),
    }
    pq.write_table(pa.table(columns), path)
    assert read_table(path).columns == {"text": ["a", "b"], "label": ["x", "y"], "day": ["2026-01-02", None]}


def test_a_parquet_file_that_is_none(file):
    path = file("a.parquet", "text,label\na,x\n")
    said = message(path)
    assert said.startswith(f"{path}: not a readable Parquet file (")
    assert "magic bytes" in said
    assert "\n" not in said


def test_parquet_without_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())}), path)
    assert message(path) == f"{path}: the file has no rows."


# ---- encodings


@pytest.mark.parametrize("suffix", ["tsv", "csv"])
def test_a_byte_order_mark_is_no_part_of_the_header(file, suffix):
    sep = {"tsv": "\t", "csv": ","}[suffix]
    assert read_table(file(f"a.{suffix}", f"\ufefftext{sep}label\n\ufeffa{sep}x\n")).columns == {
        "text": ["\ufeffa"],
        "label": ["x"],
    }


def test_a_byte_order_mark_before_json(file):
    assert read_table(file("a.jsonl", '\ufeff{"text": "a"}\n')).columns == {"text": ["a"]}


def test_a_byte_order_mark_before_csv_quotes(file):
    assert read_table(file("a.csv", '\ufeff"text","label"\n"a, b",x\n')).columns == {"text": ["a, b"], "label": ["x"]}


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "ISO8859-1"])
def test_another_encoding(file, encoding):
    path = file("a.csv", "text,label\ncafé,x\n".encode("latin-1"))
    assert read_table(path, encoding=encoding).columns["text"] == ["café"]


@pytest.mark.parametrize("encoding", ["utf-16", "UTF_16", "u16", "utf-32", "utf-16-le"])
def test_wide_encodings_hold_zero_bytes(file, encoding):
    path = file("a.csv", "text,label\ncafé,x\n".encode(encoding))
    assert read_table(path, encoding=encoding).columns == {"text": ["café"], "label": ["x"]}


def test_the_wrong_encoding_names_the_line(file):
    path = file("a.csv", b"text,label\nfine,x\nalso fine,y\ncaf\xe9 noir,x\n")
    assert message(path) == (
        f"{path}, line 4: not utf-8 text (byte 0xe9). Name the file's own encoding with data.encoding; latin-1 and "
        "cp1252 are the usual ones."
    )


def test_ascii_that_is_none(file):
    path = file("a.tsv", "text\tlabel\ncafé\tx\n")
    assert message(path, encoding="ascii") == (
        f"{path}, line 2: not ascii text (byte 0xc3). Name the file's own encoding with data.encoding; latin-1 and "
        "cp1252 are the usual ones."
    )


# ---- files that are no tables


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_a_binary_file(file, suffix):
    path = file(f"a.{suffix}", b"\x89PNG\r\n\x1a\n\x00\x00")
    assert message(path) == f"{path}: this is a binary file, not text (byte 0 at offset 8)."


@pytest.mark.parametrize("suffix", ["tsv", "csv", "json", "jsonl"])
@pytest.mark.parametrize("content", ["", "\n\n", " \r\n", "\ufeff"])
def test_an_empty_file(file, suffix, content):
    path = file(f"a.{suffix}", content)
    assert message(path) == f"{path}: the file is empty."


@pytest.mark.parametrize(
    ("suffix", "header"), [("tsv", "text\tlabel\n"), ("csv", "text,label"), ("csv", "text,label\n\n")]
)
def test_a_header_alone(file, suffix, header):
    path = file(f"a.{suffix}", header)
    assert message(path) == f"{path}: the file has no rows."


@pytest.mark.parametrize(("row", "fields"), [("b", 1), ("b\tx\ty", 3), ("b\tx\t", 3)])
def test_a_ragged_row(file, row, fields):
    path = file("a.tsv", f"text\tlabel\na\tx\n{row}\n")
    assert message(path) == f"{path}, line 3: {fields} fields where 2 are expected (text, label)."


def test_two_columns_of_one_name(file):
    path = file("a.csv", "text,label,text\na,x,b\n")
    assert message(path) == (
        f"{path}: two columns are named 'text'. If the file has no header row, name its columns with data.columns."
    )


@pytest.mark.parametrize(("name", "ending"), [("a.xlsx", ".xlsx"), ("a.xlsx.gz", ".xlsx"), ("a.pkl", ".pkl")])
def test_an_unknown_suffix(file, name, ending):
    path = file(name, "text,label\na,x\n")
    assert message(path) == (
        f"{path}: a data file ends in .tsv, .tab, .txt, .csv, .jsonl, .ndjson, .json, .parquet, .arrow, .feather, also "
        f"compressed (.gz, .bz2, .xz, .zst, .zip); this one ends in {ending}."
    )


@pytest.mark.parametrize("name", ["gone.csv", "gone.parquet"])
def test_a_missing_file(tmp_path, name):
    assert message(tmp_path / name) == f"{tmp_path / name}: there is no such file."


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "a.csv").mkdir()
    assert message(tmp_path / "a.csv") == f"{tmp_path / 'a.csv'}: there is no such file."


# ---- files without a header


def test_named_columns_of_a_file_without_a_header(file):
    table = read_table(file("a.csv", "a,x\nb,y\n"), columns=("text", "label"))
    assert table.columns == {"text": ["a", "b"], "label": ["x", "y"]}
    assert table.lines == [1, 2]


def test_named_columns_that_do_not_fit(file):
    path = file("a.tsv", "a\tx\t1\nb\ty\t2\n")
    assert message(path, columns=("text", "label")) == (f"{path}, line 1: 3 fields where 2 are expected (text, label).")


def test_named_columns_do_not_touch_json(file):
    assert read_table(file("a.jsonl", '{"text": "a"}\n'), columns=("x", "y")).columns == {"text": ["a"]}


@pytest.mark.parametrize(("suffix", "sep"), [("tsv", "\t"), ("csv", ",")])
def test_liar_without_a_header_is_recognised(file, suffix, sep):
    rows = LIAR_ROWS if suffix == "tsv" else [[cell.replace('"', "") for cell in row] for row in LIAR_ROWS]
    table = read_table(file(f"a.{suffix}", "".join(sep.join(row) + "\n" for row in rows)))
    assert list(table.columns) == LIAR_COLUMNS
    assert [list(row) for row in zip(*table.columns.values(), strict=True)] == rows
    assert table.lines == [1, 2]


def test_fourteen_columns_with_another_second_cell_are_a_header(file):
    header = [f"c{i}" for i in range(14)]
    table = read_table(file("a.tsv", "".join("\t".join(row) + "\n" for row in [header, *LIAR_ROWS])))
    assert list(table.columns) == header
    assert table.lines == [2, 3]


def test_a_ragged_row_of_liar(file):
    path = file("a.tsv", "".join("\t".join(row) + "\n" for row in [LIAR_ROWS[0], LIAR_ROWS[1][:13]]))
    assert message(path) == f"{path}, line 2: 13 fields where 14 are expected ({', '.join(LIAR_COLUMNS)})."


# ---- cells and shards


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), ("", ""), (" a ", " a "), (True, "true"), (False, "false"), (0, "0"), (-1, "-1"), (3.0, "3"),
     (2.5, "2.5"), (float("inf"), "inf"), (["a"], "['a']")],
)  # fmt: skip
def test_as_text(value, text):
    assert as_text(value) == text


def test_join_puts_shards_one_after_the_other(file):
    tables = [read_table(file("a.csv", "text,label\na,x\n")), read_table(file("b.csv", "label,text\ny,b\nz,c\n"))]
    table = join(tables)
    assert table.columns == {"text": ["a", "b", "c"], "label": ["x", "y", "z"]}
    assert table.lines == [2, 2, 3]


def test_join_refuses_other_columns(file):
    first, second = file("a.csv", "text,label\na,x\n"), file("b.csv", "text,verdict\nb,y\n")
    with pytest.raises(DataError) as caught:
        join([read_table(first), read_table(second)])
    assert str(caught.value) == (
        f"{second}: its columns (text, verdict) differ from those of {first} (text, label), with which it makes one split."
    )


def test_blank_headers_get_names(file):
    table = read_table(file("a.csv", "v1,v2,,\nham,one cup,,\nspam,two cups,x,\n"))
    assert table.columns["v2"] == ["one cup", "two cups"]
    assert table.columns["column_3"] == ["", "x"]


@pytest.mark.parametrize("tail", [",\n", "  \n", "\n\n", ',""\n'])
def test_rows_of_blank_cells_are_left_out(file, tail):
    assert read_table(file("a.csv", "text,label\na,x\n" + tail)).columns == {"text": ["a"], "label": ["x"]}


@pytest.mark.parametrize(
    "text", ["text;label\na, b;x\n", "text\tlabel\na, b\tx\n", 'text, label\n"a, b", x\n', 'text,label\r"a, b",x\r']
)
def test_csv_of_other_spreadsheets(file, text):
    assert read_table(file("a.csv", text)).columns == {"text": ["a, b"], "label": ["x"]}


def test_a_byte_order_mark_goes_whatever_the_encoding(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("\ufefftext,label\na,x\n".encode("utf-16-le"))
    assert list(read_table(path, encoding="utf-16-le").columns) == ["text", "label"]


# ---- files whose name says little, or not what they hold

ROWS = [{"text": f"lamp {i}", "label": "good" if i % 2 else "bad"} for i in range(20)]
CSV = "text,label\n" + "".join(f"{row['text']},{row['label']}\n" for row in ROWS)
TSV = CSV.replace(",", "\t")
JSONL = "".join(json.dumps(row) + "\n" for row in ROWS)


def zipped(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def parquet_bytes():
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream)
    return stream.getvalue()


SAME_ROWS = {
    "csv-as-tsv": ("train.tsv", CSV),
    "quoted-csv-as-tsv": ("train.tsv", "".join('"' + line.replace("\t", '"\t"') + '"\n' for line in TSV.splitlines())),
    "pipes": ("train.csv", CSV.replace(",", "|")),
    "semicolons-as-tsv": ("train.tab", CSV.replace(",", ";")),
    "utf-16": ("train.tsv", TSV.encode("utf-16")),
    "utf-16-big-endian": ("train.csv", ("\ufeff" + CSV).encode("utf-16-be")),
    "utf-32": ("train.tsv", TSV.encode("utf-32")),
    "old-mac": ("train.csv", CSV.replace("\n", "\r")),
    "windows": ("train.csv", ("\ufeff" + CSV).replace("\n", "\r\n")),
    "gzip-as-tsv": ("train.tsv", gzip.compress(TSV.encode())),
    "gzip": ("train.tsv.gz", gzip.compress(TSV.encode())),
    "gzip-of-utf-16": ("train.csv.gz", gzip.compress(CSV.encode("utf-16"))),
    "zip-as-csv": ("train.csv", zipped("train.csv", CSV)),
    "zip-that-says-nothing": ("download.zip", zipped("rows.jsonl", JSONL)),
    "bz2": ("train.jsonl.bz2", bz2.compress(JSONL.encode())),
    "json-below-a-key": ("train.json", json.dumps({"data": ROWS}, indent=2)),
    "json-utf-16": ("train.jsonl", JSONL.encode("utf-16")),
    "jsonl-as-csv": ("train.csv", JSONL),
    "json-list-as-txt": ("train.txt", json.dumps(ROWS)),
    "json-without-an-ending": ("train", JSONL),
    "parquet-as-csv": ("train.csv", parquet_bytes()),
    "parquet-without-an-ending": ("train", parquet_bytes()),
    "gzip-of-parquet": ("train.parquet.gz", gzip.compress(parquet_bytes())),
    "fasttext": ("train.txt", "".join(f"__label__{row['label']} {row['text']}\n" for row in ROWS)),
    "fasttext-as-csv": ("train.csv", "".join(f"__label__{row['label']} {row['text']}\n" for row in ROWS)),
    "fasttext-ending": ("train.ft.txt.bz2", bz2.compress("".join(f"__label__{row['label']} {row['text']}\n"
                                                                 for row in ROWS).encode())),
}  # fmt: skip


@pytest.mark.parametrize("wanted", [(), ("text", "label")])
@pytest.mark.parametrize("name", SAME_ROWS)
def test_the_same_rows(file, name, wanted):
    table = read_table(file(*SAME_ROWS[name]), wanted=wanted)
    assert [dict(zip(table.columns, cells, strict=True)) for cells in zip(*table.columns.values(), strict=True)] == ROWS


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.csv", "csv"), ("a.TAB", "tsv"), ("a.csv.gz", "csv"), ("a.jsonl.zst", "json"), ("a.txt", "text"), ("a", None),
     ("a.feather", "arrow"), ("a.zip", None), ("a.parquet", "parquet")],
)  # fmt: skip
def test_what_a_name_says(name, kind):
    assert kind_of(name) == kind


def test_a_file_of_texts_that_begin_with_a_bracket_is_no_json(file):
    table = read_table(file("a.csv", 'text,label\n{a lamp},x\n"[""b""]",y\n'))
    assert table.columns == {"text": ["{a lamp}", '["b"]'], "label": ["x", "y"]}
    named = read_table(file("b.csv", "{a lamp},x\n[b],y\n"), columns=("text", "label"))
    assert named.columns["text"] == ["{a lamp}", "[b]"]


def test_labels_of_fasttext_in_named_columns_stay_cells(file):
    table = read_table(file("a.csv", "__label__x,one\n__label__y,two\n"), columns=("label", "text"))
    assert table.columns == {"label": ["__label__x", "__label__y"], "text": ["one", "two"]}
