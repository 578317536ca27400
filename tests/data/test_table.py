"""Cells as text, rows by position, and several files as one table."""

import pytest

from alambique.data.table import Reading, Table, as_text, from_values, join, narrowed, some_rows, with_parts
from alambique.errors import DataError

READING = Reading("json", "utf-8")


def table(where, start=1, **columns):
    count = len(next(iter(columns.values())))
    return Table(where, columns, list(range(start, start + count)))


@pytest.mark.parametrize(
    ("value", "text"),
    [("true", "true"), (True, "true"), (False, "false"), (3, "3"), (3.0, "3"), (-0.5, "-0.5"), (None, None),
     (float("nan"), None), ("\ud83d", "\ufffd"), ("\ud83d\ude00", "😀"), (" a\u2028b ", " a\u2028b "), ([1], "[1]")],
)  # fmt: skip
def test_cells_as_text(value, text):
    assert as_text(value) == text


def test_a_table_of_values():
    values = {"text": ["a", None, "b"], "label": [1, 0, 2.5], "more": [None, {"x": 1}, [2]]}
    made = from_values("f.json", values, [1, 3, 4], READING)
    assert made.columns == {
        "text": ["a", None, "b"], "label": ["1", "0", "2.5"], "more": [None, "{'x': 1}", "[2]"], "more.x": [None, "1", None],
    }  # fmt: skip
    assert (made.where, made.lines, made.reading, len(made)) == ("f.json", [1, 3, 4], READING, 3)
    assert made.odd == {"more": (1, "an object")}
    assert made.place(1) == "f.json, line 3"


@pytest.mark.parametrize(
    ("value", "kind"), [({}, "an object"), ([], "a list"), (b"", "bytes"), (float("inf"), "an infinite number")]
)
def test_cells_that_are_no_text(value, kind):
    assert from_values("f", {"text": ["a", value]}, [1, 2], READING).odd == {"text": (1, kind)}


def test_wanted_columns_alone_are_held():
    values = {"id": [1], "text": [{"en": "a", "fr": "b"}], "label": ["x"]}
    made = from_values("f", values, [1], READING, ("text.en", "label"))
    assert made.columns == {"text.en": ["a"], "label": ["x"]}
    assert made.all_names == ("id", "text", "text.en", "text.fr", "label")
    assert made.odd == {}
    assert from_values("f", values, [1], READING, ("text.de", "label")).all_names == made.all_names


def test_objects_that_hold_values_by_key_are_no_fields():
    many = {str(i): i for i in range(201)}
    assert list(with_parts({"by_word": [many], "few": [{"a": 1}]})) == ["by_word", "few", "few.a"]


def test_objects_within_objects_end_at_a_depth():
    value = "end"
    for _ in range(9):
        value = {"a": value}
    assert list(with_parts({"a": [value]}))[-1] == ".".join("a" * 7)


def test_narrowed():
    made = table("f", id=["1"], text=["a"], label=["x"])
    assert narrowed(made, ()) is made
    assert narrowed(made, ("text", "verdict")) is made
    few = narrowed(made, ("label", "text"))
    assert few.columns == {"text": ["a"], "label": ["x"]}
    assert few.all_names == ("id", "text", "label")


def test_some_rows():
    made = table("f", text=["a"])
    assert some_rows(made) is made
    with pytest.raises(DataError) as caught:
        some_rows(table("f", text=[]))
    assert str(caught.value) == "f: the file has no rows."


def test_notes_are_added():
    made = table("f", text=["a"]).with_notes(["first"]).with_notes(["second"])
    assert made.reading.notes == ("first", "second")


# ---- several files


def shards():
    return [table("a.csv", 2, text=["1", "2"], label=["x", "y"]), table("b.csv", 5, label=["z"], text=["3"]),
            table("c.csv", 2, text=["4", "5"], label=["x", "x"])]  # fmt: skip


def test_shards_are_joined_in_order():
    made = join(shards())
    assert made.columns == {"text": ["1", "2", "3", "4", "5"], "label": ["x", "y", "z", "x", "x"]}
    assert [made.place(row) for row in range(5)] == [
        "a.csv, line 2", "a.csv, line 3", "b.csv, line 5", "c.csv, line 2", "c.csv, line 3",
    ]  # fmt: skip


def test_rows_keep_their_places_when_others_go():
    made = join(shards()).take([1, 2, 4])
    assert made.columns == {"text": ["2", "3", "5"], "label": ["y", "z", "x"]}
    assert [made.place(row) for row in range(3)] == ["a.csv, line 3", "b.csv, line 5", "c.csv, line 3"]
    assert [join(shards()).take([4]).place(0), join(shards()).take([0]).place(0)] == ["c.csv, line 3", "a.csv, line 2"]


def test_odd_cells_of_shards():
    first = from_values("a", {"text": ["a", "b"], "label": [1, 2]}, [1, 2], READING)
    second = from_values("b", {"text": ["c", []], "label": [{}, 2]}, [1, 2], READING, ("text", "label"))
    third = from_values("c", {"text": [[]], "label": [1]}, [1], READING)
    made = join([first, second, third])
    assert made.odd == {"text": (3, "a list"), "label": (2, "an object")}
    assert made.place(3) == "b, line 2"
    assert made.take([0, 3]).odd == {"text": (1, "a list")}


def test_notes_of_shards_are_said_once():
    parts = [part.with_notes(["odd", part.where]) for part in shards()]
    assert join(parts).reading.notes == ("odd", "a.csv", "b.csv", "c.csv")


def test_a_single_file_stays_as_it_is():
    (first, *_) = shards()
    assert join([first]) is first


def test_shards_of_other_columns():
    with pytest.raises(DataError) as caught:
        join([*shards(), table("d.csv", text=["6"], verdict=["x"])])
    assert str(caught.value) == (
        "d.csv: its columns (text, verdict) differ from those of a.csv (text, label), with which it makes one split."
    )


def test_shards_that_number_their_classes_differently():
    first, second, _ = (Table(t.where, t.columns, t.lines, {"label": names}) for t, names in
                        zip(shards(), (["x", "y"], ["y", "x"], []), strict=True))  # fmt: skip
    with pytest.raises(DataError) as caught:
        join([first, second])
    assert str(caught.value) == "b.csv: its names of classes differ from those of a.csv."
