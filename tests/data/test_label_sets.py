"""Rows with any number of labels: how lists, parted text and columns of 0 and 1 are read, and what is refused."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, Sequence, Value
from loading import load, message, write_csv

from alambique.artefacts.splits import read_splits, write_splits
from conftest import write_jsonl

SETS = [["joy", "love"], [], ["fear"], ["joy"], ["fear", "joy"]]
NAMES = ("fear", "joy", "love")
LABELS = [[0, 1, 1], [0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]


def records(sets, key="label"):
    return [{"text": f"text {i}", key: names} for i, names in enumerate(sets)]


def in_json(folder, sets=SETS, test=None):
    for split in ("train", "valid"):
        write_jsonl(folder / f"{split}.jsonl", records(sets))
    write_jsonl(folder / "test.jsonl", records(sets if test is None else test))
    return folder


def in_csv(folder, cells, test=None, names=("text", "label")):
    for split in ("train", "valid", "test"):
        chosen = test if split == "test" and test is not None else cells
        write_csv(folder / f"{split}.csv", [(f"text {i}", *cell) for i, cell in enumerate(chosen)], names)
    return folder


def in_columns(folder, train=LABELS, test=None):
    return in_csv(folder, train, test, ("text", "a b", "c", "d"))


def check(splits, names=NAMES, labels=LABELS):
    assert splits.task == "multi_label"
    assert splits.label_names == names
    assert not splits.ordinal
    for split in splits:
        np.testing.assert_array_equal(split.labels, labels)
        assert split.labels.dtype == np.int64


def test_lists_in_json_lines(tmp_path):
    check(load(in_json(tmp_path)))


def test_lists_in_parquet_with_numbers_and_duplicates(tmp_path):
    for split in ("train", "valid", "test"):
        column = pa.array([[10, 2, 2], None, [2], []], pa.list_(pa.int64()))
        pq.write_table(
            pa.table({"text": [f"text {i}" for i in range(4)], "label": column}), tmp_path / f"{split}.parquet"
        )
    check(load(tmp_path), ("2", "10"), [[1, 1], [0, 0], [1, 0], [0, 0]])


def test_lists_of_class_numbers_have_the_names_of_the_hub(tmp_path):
    features = Features({"text": Value("string"), "label": Sequence(ClassLabel(names=["sad", "happy", "unused"]))})
    for split in ("train", "valid", "test"):
        columns = {"text": ["a b", "b c", "c d"], "label": [[1], [0, 1], []]}
        Dataset.from_dict(columns, features=features).to_parquet(tmp_path / f"{split}.parquet")
    check(load(tmp_path), ("sad", "happy"), [[0, 1], [1, 1], [0, 0]])


def test_parted_text(tmp_path):
    cells = [(" | ".join(names),) for names in SETS]
    check(load(in_csv(tmp_path, cells), label_separator="|"))


def test_lists_as_pandas_writes_them_to_csv_are_lists_where_the_task_says_so(tmp_path):
    folder = in_csv(tmp_path, [(str(names),) for names in SETS])
    check(load(folder, task="multi_label"))
    assert load(folder).task == "single_label"  # as in runs made before


def test_columns_of_zero_and_one_in_the_order_of_the_recipe(tmp_path):
    cells = [
        [("0", "false")[i % 2] if not value else ("1", "True")[i % 2] for value in row] for i, row in enumerate(LABELS)
    ]
    splits = load(in_columns(tmp_path, cells), label=["d", "a b", "c"])
    check(splits, ("d", "a b", "c"), np.array(LABELS)[:, [2, 0, 1]])
    assert splits.counts()["train"] == {"d": 1, "a b": 2, "c": 3}


def test_rows_of_minus_one_were_not_judged_and_are_left_out(tmp_path):
    splits = load(in_columns(tmp_path, test=[*LABELS, [-1, -1, -1]]), label=["a b", "c", "d"])
    check(splits, ("a b", "c", "d"))
    assert splits.notes == ("test: 1 of 6 rows have no label (class -1) and were left out.",)


def test_one_label_per_row_may_be_read_as_several(tmp_path):
    folder = in_csv(tmp_path, [("joy",), ("fear",), ("joy",)])
    check(load(folder, task="multi_label"), ("fear", "joy"), [[0, 1], [1, 0], [0, 1]])
    assert load(folder).task == "single_label"


def test_what_is_missing_is_split_off_with_a_share_of_each_label(tmp_path):
    sets = [[name for name, every in (("a", 2), ("b", 5), ("c", 40)) if i % every == 0] for i in range(400)]
    write_jsonl(tmp_path / "rows.jsonl", records(sets))
    splits = load(tmp_path / "rows.jsonl")
    assert [len(split) for split in splits] == [324, 36, 40]
    assert splits.counts()["test"] == {"a": 20, "b": 8, "c": 1}
    assert splits.counts()["valid"] == {"a": 18, "b": 7, "c": 1}
    write_jsonl(tmp_path / "rows.jsonl", records(sets)[::-1])
    again = load(tmp_path / "rows.jsonl")
    assert set(again.test.texts) == set(splits.test.texts)  # whatever the order of the rows


def test_a_sample_keeps_the_share_of_each_label(tmp_path):
    sets = [[name for name, every in (("a", 2), ("b", 5)) if i % every == 0] for i in range(200)]
    splits = load(in_json(tmp_path, sets), max_rows=40)
    assert splits.counts()["train"] == {"a": 20, "b": 8}
    assert len(splits.train) == 40


def test_stored_and_read_again(tmp_path):
    splits = load(in_json(tmp_path))
    stored = tmp_path / "stored"
    stored.mkdir()
    write_splits(splits, stored)
    again = read_splits(stored)
    check(again)
    assert [split.digest for split in again] == [split.digest for split in splits]
    write_splits(splits.without_test(), stored)
    assert read_splits(stored).test.labels.shape == (0, 3)


def test_a_separator_that_never_occurs(tmp_path):
    folder = in_csv(tmp_path, [("joy,love",), ("fear",), ("",)])
    assert message(folder, label_separator="|") == (
        f"{folder}/train.csv: data.label_separator is '|', which stands in no cell of column 'label' (the first is "
        "'joy,love'). ',' stands in 3 of 6."
    )


def test_a_column_of_zero_and_one_with_a_two(tmp_path):
    folder = in_columns(tmp_path, [*LABELS, [2, 0, 0]])
    assert message(folder, label=["a b", "c"]) == (
        f"{folder}/train.csv, line 7: column 'a b', which data.label names, holds '2'; a column of several must hold 0 or 1 "
        "(or true or false)."
    )


def test_an_empty_cell_of_a_column_of_zero_and_one(tmp_path):
    folder = in_columns(tmp_path, [*LABELS, ["", 0, 0]])
    assert message(folder, label=["a b", "c"]) == (
        f"{folder}/train.csv, line 7: column 'a b', which data.label names, is empty; a column of several must hold 0 or 1 "
        "(or true or false)."
    )


def test_a_label_that_test_alone_has(tmp_path):
    folder = in_json(tmp_path, test=[["joy"], ["jooy"]])
    assert message(folder) == (
        f"{folder}/test.jsonl, line 2: label 'jooy' does not occur in the train split, so nothing can learn it. Train has "
        "fear, joy, love."
    )


def test_a_label_without_a_row_in_train(tmp_path):
    folder = in_columns(tmp_path, [[0, 1, 0], [0, 0, 1]], LABELS)
    assert message(folder, label=["a b", "c", "d"]) == (
        f"{folder}/train.csv: column 'a b', which data.label names, is 0 in every row of train, so nothing can learn it. "
        "Leave it out of data.label, or give train rows that have it."
    )


def test_no_row_has_a_label(tmp_path):
    folder = in_json(tmp_path, [[], []])
    assert message(folder) == f"{folder}/train.jsonl: no row has a label in column 'label', which data.label names."


def test_text_where_other_rows_have_lists(tmp_path):
    folder = in_json(tmp_path, [["joy"], ["fear"], "joy"])
    assert message(folder).endswith("line 1: column 'label', which data.label names, holds a list, not text.")
    assert message(folder, task="multi_label") == (
        f"{folder}/train.jsonl, line 3: column 'label', which data.label names, holds 'joy', where other rows have a list "
        "of labels."
    )


def test_an_object_in_a_list(tmp_path):
    folder = in_json(tmp_path, [["joy"], [{"name": "fear"}]])
    assert message(folder) == (
        f"{folder}/train.jsonl, line 2: a label of column 'label' is \"{{'name': 'fear'}}\", not text or a number."
    )


def test_lists_that_are_refused_where_the_task_says_that_a_row_has_one_label(tmp_path):
    folder = in_json(tmp_path)
    assert message(folder, task="single_label") == (
        f"{folder}/train.jsonl, line 1: column 'label', which data.label names, holds a list, not text."
    )


def test_a_column_of_texts_is_not_one_of_labels(tmp_path):
    sets = [[f"one {i}", f"two {i}"] for i in range(30)]
    folder = in_json(tmp_path, sets)
    assert message(folder) == (
        f"{folder}/train.jsonl: column 'label', which data.label names, has 60 different values in 60 rows. Is it the text "
        "column?"
    )


def test_json_of_a_digest(tmp_path):
    split = load(in_json(tmp_path)).train
    assert json.dumps(split.labels.tolist()) == json.dumps(LABELS)
