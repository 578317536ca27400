"""Columns that a recipe names, rows without a class, splits without labels."""

import pytest
from loading import recipe_data

from alambique.data.columns import (
    check_columns,
    check_variety,
    labelled_rows,
    wanted,
    with_own_names,
    without_labels,
)
from alambique.data.table import Reading, Table
from alambique.errors import DataError

DATA = recipe_data("here")


def table(where="train.csv", *, form="csv", header=True, class_names=None, odd=None, **columns):
    count = len(next(iter(columns.values())))
    reading = Reading(form, header=header)
    return Table(where, columns, list(range(2, 2 + count)), class_names or {}, odd or {}, reading=reading)


def message(function, *arguments):
    with pytest.raises(DataError) as caught:
        function(*arguments)
    return str(caught.value)


def test_wanted_columns():
    assert wanted(recipe_data("here", text=["a", "b"], label="c", metadata=["d"])) == ("a", "b", "c", "d")


def test_liars_columns_by_one_name_each():
    made = with_own_names(Table("f", {"job_title": ["a"], "text": ["b"]}, [1], odd={"job_title": (0, "a list")},
                                names=("id", "job_title", "text", "party_affiliation")))  # fmt: skip
    assert made.columns == {"job": ["a"], "text": ["b"]}
    assert made.odd == {"job": (0, "a list")}
    assert made.all_names == ("id", "job", "text", "party")


# ---- splits and rows without labels


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        ({"text": ["a", "b"], "label": ["x", ""]}, []),
        ({"text": ["a", "b"], "label": ["", None]}, ["test"]),
        ({"text": ["a", "b"], "label": ["-1", "-1"]}, ["test"]),
        ({"text": ["a", "b"], "label": [" ", ""]}, ["test"]),
        ({"text": ["a", "b"]}, ["test"]),  # train has the column
        ({"id": ["1", "2"], "text": ["a", "b"]}, ["test"]),
        ({"text": ["a", "b"], "verdict": ["x", "y"]}, []),  # its name may be wrong
        ({"claim": ["a", "b"]}, []),
    ],
)
def test_splits_without_labels(columns, left_out):
    train = table(text=["a"], label=["x"], id=["1"])
    assert without_labels({"train": train, "test": table("test.csv", **columns)}, DATA) == left_out


def test_train_is_never_left_out():
    assert without_labels({"train": table(text=["a"], label=[""])}, DATA) == []


def test_rows_of_the_class_that_says_there_is_none():
    made = table(text=["a", "b", "c"], label=["-1", "1", "-1"], class_names={"label": ["x", "y"]})
    rows, missing = labelled_rows(made, "label")
    assert (rows.columns, rows.lines, missing) == ({"text": ["b"], "label": ["1"]}, [3], 2)


@pytest.mark.parametrize(
    ("labels", "names"),
    [(["-1", "1"], None), (["", None], None), (["1", None], ["x", "y"]), (["-1", "-1"], ["x", "y"])],
)
def test_rows_that_stay(labels, names):
    made = table(text=["a", "b"], label=labels, class_names={"label": names} if names else {})
    assert labelled_rows(made, "label") == (made, 0)


# ---- what columns hold


def test_fine_columns():
    check_columns(table(text=["a", ""], label=["x", "y"]), DATA)


@pytest.mark.parametrize(
    ("form", "header", "hint"),
    [
        ("csv", True, " If the first row is data and no header, name the columns with data.columns."),
        ("tsv", True, " If the first row is data and no header, name the columns with data.columns."),
        ("csv", False, ""),
        ("json", False, ""),
        ("parquet", False, ""),
        ("fasttext", False, " It is a file of fastText's form (__label__x the text), whose columns have these names."),
        ("documents", False, " It is a folder with a file per text, whose columns have these names."),
    ],
)
def test_a_column_that_is_not_there(form, header, hint):
    made = table(form=form, header=header, claim=["a"], label=["x"])
    assert message(check_columns, made, DATA) == (
        f"train.csv: there is no column 'text', which data.text names. The columns are claim, label.{hint}"
    )


def test_of_many_columns_some_are_listed():
    made = table(form="parquet", label=["x"], **{f"c{i}": ["a"] for i in range(45)})
    names = ", ".join(f"c{i}" for i in range(39))
    assert message(check_columns, made, DATA) == (
        f"train.csv: there is no column 'text', which data.text names. The columns are label, {names} and 6 more."
    )


def test_a_column_of_objects():
    made = Table("f.json", {"text": ["{}"], "text.en": ["a"], "text.fr": ["b"], "label": ["x"]}, [7],
                 odd={"text": (0, "an object")})  # fmt: skip
    assert message(check_columns, made, DATA) == (
        "f.json, line 7: column 'text', which data.text names, holds an object, not text. Name a field of it: text.en, "
        "text.fr."
    )


def test_a_column_of_lists():
    made = table(text=["a", "b"], label=["x", "[]"], odd={"label": (1, "a list")})
    assert message(check_columns, made, DATA) == (
        "train.csv, line 3: column 'label', which data.label names, holds a list, not text."
    )


def test_odd_cells_of_other_columns_do_not_matter():
    check_columns(table(text=["a"], label=["x"], spans=["[]"], odd={"spans": (0, "a list")}), DATA)


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["", " "], "is empty in every row."),
        (["3", "4e1"], "holds numbers (the first is 3), not text. The columns are text, label."),
        (["true", "false"], "holds truth values (the first is true), not text. The columns are text, label."),
    ],
)
def test_a_text_column_without_text(cells, fault):
    made = table(text=cells, label=["x", "y"])
    assert message(check_columns, made, DATA) == f"train.csv: column 'text', which data.text names, {fault}"


def test_texts_that_are_all_the_same():
    made = table(text=["a", "a"], label=["x", "y"], who=["ann", "bob"])
    assert message(check_variety, made, DATA) == (
        "train.csv: all 2 rows have the same text, 'a', so nothing can be learnt from them."
    )
    check_variety(made, recipe_data("here", metadata="who"))
    check_variety(table(text=["a"], label=["x"]), DATA)
