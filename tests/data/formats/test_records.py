"""The forms of JSON: where the rows are, what a row is, and what is not clear."""

import json
from pathlib import Path

import pandas as pd
import pytest

from alambique.data.formats.content import Text
from alambique.data.formats.records import read_json
from alambique.errors import DataError

ROWS = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}, {"text": "c", "label": "x"}]
COLUMNS = {"text": ["a", "b", "c"], "label": ["x", "y", "x"]}
WANTED = ("text", "label")


def read(held, **known):
    raw = held if isinstance(held, str) else json.dumps(held)
    return read_json(Text(Path("here/a.json"), raw.encode(), "utf-8"), **known)


def message(held, **known):
    with pytest.raises(DataError) as caught:
        read(held, **known)
    return str(caught.value)


@pytest.mark.parametrize("wanted", [(), WANTED])
@pytest.mark.parametrize(
    ("held", "lines"),
    [
        ("".join(json.dumps(row) + "\n" for row in ROWS), [1, 2, 3]),
        ("\n".join(json.dumps(row) + "\n" for row in ROWS), [1, 3, 5]),
        (json.dumps(ROWS), [1, 2, 3]),
        (json.dumps(ROWS, indent=1), [1, 2, 3]),
        ("\n".join(json.dumps(row, indent=1) for row in ROWS), [1, 5, 9]),  # objects over several lines
        (json.dumps(COLUMNS), [1, 2, 3]),
        (json.dumps({"text": dict(enumerate("abc")), "label": dict(enumerate("xyx"))}), [1, 2, 3]),  # pandas' default
        (json.dumps({"columns": ["text", "label"], "index": [0, 1, 2],
                     "data": [["a", "x"], ["b", "y"], ["c", "x"]]}), [1, 2, 3]),  # orient="split"
        (json.dumps({str(i): row for i, row in enumerate(ROWS)}), [1, 2, 3]),  # orient="index"
    ],
    ids=["lines", "blank lines", "list", "indented", "objects", "columns", "pandas", "split", "index"],
)  # fmt: skip
def test_forms_of_the_same_rows(held, lines, wanted):
    table = read(held, wanted=wanted)
    assert table.columns == COLUMNS
    assert table.lines == lines
    assert table.reading.form == "json"
    assert table.reading.notes == ()


@pytest.mark.parametrize("orient", ["records", "columns", "index", "split"])
def test_what_pandas_writes(orient):
    frame = pd.DataFrame({"text": ["a", "b"], "label": [1, 0], "n": [0.5, None]}, index=[4, 2])
    columns = read(frame.to_json(orient=orient), wanted=WANTED).columns
    assert columns == {"text": ["a", "b"], "label": ["1", "0"]}


def test_what_pandas_writes_as_a_table():
    frame = pd.DataFrame({"text": ["a", "b"], "label": ["x", "y"]})
    table = read(frame.to_json(orient="table"), wanted=WANTED)
    assert table.columns == {"text": ["a", "b"], "label": ["x", "y"]}
    assert table.reading.notes == ("a.json: the rows are the records below data.",)


@pytest.mark.parametrize(
    ("held", "below"),
    [({"version": "1", "data": ROWS}, "data"), ({"meta": {"n": [1, 2]}, "body": {"rows": ROWS, "n": 3}}, "body.rows")],
)
def test_records_below_a_key(held, below):
    table = read(json.dumps(held, indent=2))
    assert table.columns == COLUMNS
    assert table.reading.notes == (f"a.json: the rows are the records below {below}.",)


def test_of_two_lists_of_records_the_one_with_the_wanted_names():
    held = {"authors": [{"name": "ann"}], "rows": ROWS}
    assert read(held, wanted=WANTED).columns == COLUMNS
    assert message(held) == (
        "here/a.json: there are records below each of the keys authors, rows. Write those of each split to a file of their "
        "own."
    )


def test_one_row_is_a_row():
    assert read('{"text": "a", "label": "x"}', wanted=WANTED).columns == {"text": ["a"], "label": ["x"]}
    table = read('{"text": "a", "label": "x", "spans": [{"from": 1}]}', wanted=WANTED)
    assert table.columns == {"text": ["a"], "label": ["x"]}


def test_fields_of_objects_have_dotted_names():
    held = '{"review": {"text": "a", "by": {"name": "ann"}}, "label": 1}\n{"review": {"text": "b"}, "label": 0}\n'
    assert read(held, wanted=("review.text", "label")).columns == {"review.text": ["a", "b"], "label": ["1", "0"]}
    table = read(held)
    assert table.all_names == ("review", "review.text", "review.by", "review.by.name", "label")
    assert table.columns["review.by.name"] == ["ann", None]
    assert table.odd == {"review": (0, "an object"), "review.by": (0, "an object")}


def test_a_key_with_a_dot_in_it_comes_first():
    held = '{"review.text": "own", "review": {"text": "nested"}, "label": "x"}\n'
    assert read(held, wanted=("review.text", "label")).columns["review.text"] == ["own"]
    assert read(held).columns["review.text"] == ["own"]


def test_rows_that_are_lists():
    held = '["a", "x"]\n["b", "y"]\n'
    assert read(held, columns=WANTED).columns == {"text": ["a", "b"], "label": ["x", "y"]}
    assert read('[["a", "x"], ["b", "y"]]', columns=WANTED).columns == {"text": ["a", "b"], "label": ["x", "y"]}
    assert message(held) == (
        'here/a.json, line 1: each row must be an object, as in {"text": …, "label": …}; or name the values of lists with '
        "data.columns."
    )
    assert message('["a", "x"]\n["b"]\n', columns=WANTED) == (
        "here/a.json, line 2: 1 values where 2 are expected (text, label)."
    )


def test_keys_that_not_every_row_has():
    held = '{"text": "a"}\n{"label": "y", "text": "b"}\n'
    assert read(held).columns == {"text": ["a", "b"], "label": [None, "y"]}


def test_more_rows_than_are_turned_into_columns_at_once():
    held = "".join(json.dumps({"text": f"text {i}", **({"late": i} if i > 5000 else {})}) + "\n" for i in range(9000))
    table = read(held)
    assert table.columns["text"] == [f"text {i}" for i in range(9000)]
    assert table.columns["late"] == [None] * 5001 + [str(i) for i in range(5001, 9000)]
    assert table.lines == list(range(1, 9001))


def test_columns_of_two_lengths():
    assert message({"text": ["a", "b"], "label": ["x"]}) == (
        "here/a.json: column 'label' has 1 values, and another column has 2."
    )


def test_a_key_that_stands_twice():
    assert message('{"text": "a", "label": "x"}\n{"text": "a", "label": "x", "label": "y"}\n') == (
        "here/a.json, line 2: not valid JSON (the key 'label' stands twice)."
    )


def test_a_column_that_stands_twice():
    assert message({"columns": ["text", "text"], "data": [["a", "b"]]}) == "here/a.json: two columns are named 'text'."


def test_a_broken_line():
    assert message('{"text": "a"}\n{"text": "b"\n') == (
        "here/a.json, line 2: not valid JSON (Expecting ',' delimiter: line 1 column 13 (char 12))."
    )


def test_objects_of_several_lines_of_which_one_is_broken():
    assert message('{\n"text": "a"}\n{"text" "b"}\n') == (
        "here/a.json, line 1: not valid JSON (Expecting property name enclosed in double quotes: line 1 column 2 (char 1))."
    )
