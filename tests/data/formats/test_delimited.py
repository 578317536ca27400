"""Delimited files as tables: names, cells, lines, and how they were read."""

from pathlib import Path

import pytest

from alambique.data.formats.content import Text
from alambique.data.formats.delimited import read_delimited
from alambique.data.table import Reading
from alambique.errors import DataError


def read(held, usual=",", **known):
    return read_delimited(Text(Path("here/a.csv"), held.encode(), "utf-8"), usual=usual, **known)


def message(held, usual=",", **known):
    with pytest.raises(DataError) as caught:
        read(held, usual, **known)
    return str(caught.value)


def test_a_csv_file():
    table = read('text,label\n"a, ""b""",x\n\nc,y\n')
    assert table.where == "here/a.csv"
    assert table.columns == {"text": ['a, "b"', "c"], "label": ["x", "y"]}
    assert table.lines == [2, 4]
    assert table.reading == Reading("csv", "utf-8", delimiter=",", header=True)


def test_a_tsv_file_whose_rows_show_standard_quoting():
    table = read('text\tlabel\n"say ""no"""\tx\n"two\nlines"\ty\nc\tz\n', usual="\t")
    assert table.columns == {"text": ['say "no"', "two\nlines", "c"], "label": ["x", "y", "z"]}
    assert table.lines == [2, 3, 5]
    note = "a.csv: cells in quotes were read with standard quoting, which its rows show."
    assert table.reading == Reading("tsv", "utf-8", delimiter="\t", header=True, notes=(note,))


def test_a_tsv_file_with_stray_quotes_keeps_them_all():
    table = read('text\tlabel\n"say ""no"""\tx\n5" wide\ty\n', usual="\t")
    assert table.columns["text"] == ['"say ""no"""', '5" wide']
    assert not table.reading.quoting
    assert table.reading.notes == (
        "a.csv: 1 rows have cells in standard quotes, but others have stray quotes, so all quotes were kept as they are.",
    )


def test_quotes_that_may_be_of_the_text_stay_without_a_word():
    table = read('text\tlabel\n"all of it"\tx\nb\ty\n', usual="\t")
    assert table.columns["text"] == ['"all of it"', "b"]
    assert table.reading == Reading("tsv", "utf-8", delimiter="\t", quoting=False, header=True)


def test_names_of_rows_by_r():
    table = read('"text","label"\n"1","a","x"\n"2","b","y"\n')
    assert table.columns == {"row_names": ["1", "2"], "text": ["a", "b"], "label": ["x", "y"]}
    assert table.reading.notes == (
        "a.csv: its rows have one field more than its header; the first was read as the name of the row, as R writes it.",
    )


def test_rows_that_end_in_a_delimiter_have_no_names():
    table = read("text,label\na,x,\nb,y,\n")
    assert table.columns == {"text": ["a", "b"], "label": ["x", "y"], "column_3": ["", ""]}
    assert table.reading.notes == ()


def test_pandas_names_its_index_nothing():
    assert read(",text,label\n0,a,x\n1,b,y\n").columns == {
        "column_1": ["0", "1"],
        "text": ["a", "b"],
        "label": ["x", "y"],
    }


def test_blank_names_at_the_end_of_a_header():
    assert read("text,label,,\na,x\nb,y\n").columns == {"text": ["a", "b"], "label": ["x", "y"]}


def test_named_columns():
    table = read("a;x\nb;y\n", columns=("text", "label"))
    assert table.columns == {"text": ["a", "b"], "label": ["x", "y"]}
    assert table.lines == [1, 2]
    assert not table.reading.header
    assert table.reading.delimiter == ";"


def test_only_wanted_columns_are_held():
    table = read("id,text,label\n1,a,x\n2,b,y\n", wanted=("text", "label"))
    assert table.columns == {"text": ["a", "b"], "label": ["x", "y"]}
    assert table.all_names == ("id", "text", "label")
    assert list(read("id,text,label\n1,a,x\n", wanted=("text", "verdict")).columns) == ["id", "text", "label"]


def test_more_rows_than_are_turned_into_columns_at_once():
    table = read("text,label\n" + "".join(f"text {i},{i % 2}\n" for i in range(4096 * 2 + 1)))
    assert table.columns["text"] == [f"text {i}" for i in range(8193)]
    assert table.columns["label"] == [str(i % 2) for i in range(8193)]
    assert table.lines == list(range(2, 8195))


def test_a_row_of_another_length():
    assert message("text,label\na,x\nb, c,y\n") == ("here/a.csv, line 3: 3 fields where 2 are expected (text, label).")


def test_a_quote_that_is_not_closed():
    assert message('text,label\na,x\n"b,y\nc,z\n') == (
        "here/a.csv, line 3: not valid CSV (unexpected end of data). Is a quote not closed?"
    )


def test_two_columns_of_one_name():
    assert message("text,label,text\na,x,b\n") == (
        "here/a.csv: two columns are named 'text'. If the file has no header row, name its columns with data.columns."
    )


def test_a_header_that_data_columns_repeats():
    assert message("text,label\na,x\n", columns=("text", "label")) == (
        "here/a.csv: the first row is a header with these very names. Leave data.columns out, which is for files without "
        "one."
    )


@pytest.mark.parametrize("held", ["text,label\n", "text,label", "text,label\n\n,\n"])
def test_no_rows(held):
    assert message(held) == "here/a.csv: the file has no rows."
