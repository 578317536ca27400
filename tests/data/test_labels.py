"""Labels as they come out of files: grouped, ordered, numbered; and what no labels can be."""

import json

import pytest
from datasets import Dataset
from loading import load, message, parquet, rows_of, texts_with, three_splits, write_csv


def test_labels_that_yaml_would_change_stay_text(tmp_path):
    splits = load(three_splits(tmp_path, texts_with(["true", "no", "null", "NA", "1e5"])))
    assert splits.label_names == ("1e5", "NA", "no", "null", "true")


def test_labels_lose_blanks_around_them(tmp_path):
    assert load(three_splits(tmp_path, texts_with([" x", "y ", "x", "y"]))).train.labels.tolist() == [0, 1, 0, 1]


def test_label_groups_merge(tmp_path):
    splits = load(
        three_splits(tmp_path, texts_with(["fine", "good", "bad", "true"])),
        label_groups={"fine": "good", "good": "good", "bad": "bad", "true": "no"},
    )
    assert splits.label_names == ("bad", "good", "no")
    assert splits.train.labels.tolist() == [1, 1, 0, 2]


def test_label_groups_can_swap_names(tmp_path):
    splits = load(three_splits(tmp_path, texts_with(["a", "b"])), label_groups={"a": "b", "b": "a"})
    assert splits.train.labels.tolist() == [1, 0]


def test_label_groups_that_name_no_label(tmp_path):
    three_splits(tmp_path, texts_with(["fine", "bad"]))
    assert message(tmp_path, label_groups={"fine": "x", "bad": "y", "fin": "x"}) == (
        "data.label_groups names 'fin', which no row has. Did you mean 'fine'?"
    )
    assert message(tmp_path, label_groups={"fine": "x", "bad": "y", "zzz": "x"}) == (
        "data.label_groups names 'zzz', which no row has."
    )


def test_label_groups_that_lack_a_label(tmp_path):
    three_splits(tmp_path, texts_with(["fine", "bad", "fine", "fines"]))
    assert message(tmp_path, label_groups={"fine": "x", "bad": "y"}) == (
        f"{tmp_path / 'train.csv'}, line 5: label 'fines' is not named by data.label_groups, which has bad, fine. Did you "
        "mean 'fine'?"
    )


def test_a_label_that_train_lacks(tmp_path):
    three_splits(tmp_path, texts_with(["fine", "bad", "fine"]), [("a b", "bad"), ("c\nd", "fine"), ("e f", "awful")])
    assert message(tmp_path) == (
        f"{tmp_path / 'test.csv'}, line 5: label 'awful' does not occur in the train split, so nothing can learn it. Train "
        "has bad, fine."
    )


def test_a_long_list_of_labels_is_cut(tmp_path):
    labels = [f"l{i:02}" for i in range(14)] * 2
    three_splits(tmp_path, texts_with(labels), [("a b", "other")])
    assert message(tmp_path) == (
        f"{tmp_path / 'test.csv'}, line 2: label 'other' does not occur in the train split, so nothing can learn it. Train "
        "has l00, l01, l02, l03, l04, l05, l06, l07, l08, l09, l10, l11 and 2 more."
    )


def test_one_class(tmp_path):
    three_splits(tmp_path, texts_with(["same"] * 4))
    assert message(tmp_path) == (
        f"{tmp_path / 'train.csv'}: every row has the label 'same'; a classifier needs two classes or more."
    )


def test_one_class_after_grouping(tmp_path):
    three_splits(tmp_path, texts_with(["a", "b"]))
    assert message(tmp_path, label_groups={"a": "all", "b": "all"}) == (
        f"{tmp_path / 'train.csv'}: every row has the label 'all'; a classifier needs two classes or more."
    )


@pytest.mark.parametrize(("rows", "fits"), [(20, True), (21, False), (60, False)])
def test_a_label_column_that_is_the_text(tmp_path, rows, fits):
    three_splits(tmp_path, [(f"t{i}", f"sentence {i}") for i in range(rows)])
    if fits:  # up to 20 classes may be as many as the rows
        assert len(load(tmp_path).label_names) == 20
        return
    assert message(tmp_path) == (
        f"{tmp_path / 'train.csv'}: column 'label', which data.label names, has {rows} different values in {rows} rows. "
        "Is it the text column?"
    )


@pytest.mark.parametrize("cell", ["", "  "])
def test_an_empty_label(tmp_path, cell):
    three_splits(tmp_path, [("a b", "x"), ("c d", "y"), ("e\nf", "x"), ("g h", cell)])
    assert message(tmp_path) == f"{tmp_path / 'train.csv'}, line 6: the label (column 'label') is empty."


def test_an_absent_label_of_json(tmp_path):
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a b", "label": "x"}\n{"text": "c d"}\n')
    assert message(tmp_path) == f"{tmp_path / 'train.jsonl'}, line 2: the label (column 'label') is empty."


def test_integer_labels_are_sorted_by_value(tmp_path):
    splits = load(three_splits(tmp_path, texts_with(["10", "2", "-1", "0", "2"])))
    assert splits.label_names == ("-1", "0", "2", "10")
    assert not splits.ordinal
    assert splits.train.labels.tolist() == [3, 2, 0, 1, 2]


def test_integers_of_one_value_are_sorted_by_their_text(tmp_path):
    assert load(three_splits(tmp_path, texts_with(["1", "010", "01", "001", "10"]))).label_names == (
        "001", "01", "1", "010", "10",
    )  # fmt: skip


def json_splits(folder, labels):
    lines = [json.dumps({"text": f"text {i}", "label": label}) for i, label in enumerate(labels)]
    for name, few in (("train", lines), ("valid", lines[:2]), ("test", lines[:2])):
        (folder / f"{name}.jsonl").write_text("\n".join(few))
    return folder


def test_text_of_json_stays_and_numbers_of_json_are_numbers(tmp_path):
    assert load(json_splits(tmp_path, ["1.0", "2.0", "3.0"])).label_names == ("1.0", "2.0", "3.0")
    assert load(json_splits(tmp_path, ["1.0", "1.1", "2.0"])).label_names == ("1.0", "1.1", "2.0")
    assert load(json_splits(tmp_path, [1.0, 2, 3.0])).label_names == ("1", "2", "3")


def test_text_of_parquet_stays(tmp_path):
    for name in ("train", "valid", "test"):
        Dataset.from_dict({"text": ["a", "b", "c"], "label": ["1.0", "2.0", "3.0"]}).to_parquet(
            tmp_path / f"{name}.parquet"
        )
    assert load(tmp_path).label_names == ("1.0", "2.0", "3.0")


def test_whole_numbers_of_csv_lose_their_point_only_if_all_are_whole(tmp_path):
    assert load(three_splits(tmp_path, texts_with(["1.0", "2.0", "10.0", "3"]))).label_names == ("1", "2", "3", "10")
    assert load(three_splits(tmp_path, texts_with(["1.0", "1.5", "2.0"]))).label_names == ("1.0", "1.5", "2.0")
    assert load(three_splits(tmp_path, texts_with(["1.0", "2.0", "none"]))).label_names == ("1.0", "2.0", "none")


def test_all_text_files_of_the_source_decide(tmp_path):
    three_splits(tmp_path, texts_with(["1.0", "2.0", "2.5"]), [("a b", "1.0"), ("c d", "2.0")])
    splits = load(tmp_path)
    assert (splits.label_names, splits.test.labels.tolist()) == (("1.0", "2.0", "2.5"), [0, 1])
    json_splits(tmp_path, ["1.0", "2.0"])  # text, which the CSV file of test then means too
    files = {
        "train": str(tmp_path / "train.jsonl"),
        "test": str(write_csv(tmp_path / "t.csv", [("a", "1.0"), ("b", "2.0")])),
    }
    assert load({**files, "valid": str(tmp_path / "valid.jsonl")}).label_names == ("1.0", "2.0")
    json_splits(tmp_path, [1, 2.0])
    assert load({**files, "valid": str(tmp_path / "valid.jsonl")}).label_names == ("1", "2")


def test_few_shot_train_rows_are_confirmed_by_valid_and_test(tmp_path):
    labels = [f"intent {i}" for i in range(40)]
    write_csv(tmp_path / "train.csv", texts_with(labels))
    for name in ("valid", "test"):
        write_csv(tmp_path / f"{name}.csv", texts_with(labels * 2))
    splits = load(tmp_path)
    assert (len(splits.label_names), len(splits.train), len(splits.test)) == (40, 40, 80)


def test_thousands_of_classes(tmp_path):
    labels = [f"product {i % 3000}" for i in range(6000)]
    splits = load(three_splits(tmp_path, texts_with(labels)))
    assert (len(splits.label_names), len(splits.train)) == (3000, 6000)


def test_more_classes_than_a_classifier_can_have(tmp_path, monkeypatch):
    monkeypatch.setattr("alambique.data.labels.MOST_CLASSES", 1030)
    three_splits(tmp_path, texts_with([f"user {i % 1031}" for i in range(3000)]))
    assert message(tmp_path) == (
        f"{tmp_path / 'train.csv'}: column 'label', which data.label names, has 1,031 different values; a classifier can "
        "have 1,030. Is it the column of labels? data.label_groups can merge them."
    )


@pytest.mark.parametrize(("label", "difference"), [("False", "case"), ("false\u00ad", "invisible characters")])
def test_a_label_that_train_spells_in_another_way(tmp_path, label, difference):
    three_splits(tmp_path, texts_with(["true", "false"]), [("a b", label)])
    shown = repr(label) if label == "False" else r"'false\xad'"
    assert message(tmp_path) == (
        f"{tmp_path / 'test.csv'}, line 2: label {label!r} does not occur in the train split, so nothing can learn it. "
        f"Train has false, true. {shown} and 'false' differ by {difference} alone: to make them one label, name every label "
        "in data.label_groups."
    )


def test_a_first_row_of_a_rare_class_is_not_a_header(tmp_path):
    rows = [
        ("a text of more than three words", "whale"),
        *((f"one more text of row {i}", "xy"[i % 2]) for i in range(30)),
    ]
    (tmp_path / "t.csv").write_text("".join(f"{text},{label}\n" for text, label in rows))
    assert load(tmp_path / "t.csv", columns=["text", "label"]).label_names == ("whale", "x", "y")
    (tmp_path / "t.csv").write_text(
        "".join(f"{text},{label}\n" for text, label in [("the sentence", "class"), *rows[1:]])
    )
    assert message(tmp_path / "t.csv", columns=["text", "label"]) == (
        f"{tmp_path / 't.csv'}: label 'class' stands in the first row and nowhere else, so that row looks like a header. "
        "Leave data.columns out, which is for files without one."
    )


def test_labels_that_only_look_like_integers_are_sorted_as_text(tmp_path):
    assert load(three_splits(tmp_path, texts_with(["10", "2", "x"]))).label_names == ("10", "2", "x")
    assert load(three_splits(tmp_path, texts_with(["10", "2", "²"]))).label_names == ("10", "2", "²")


def test_parquet_labels_get_their_class_names_in_the_files_order(tmp_path):
    names = ["world", "sport", "no", "arts"]
    splits = load(parquet(tmp_path, {"train": [3, 0, 1, 0], "valid": [1], "test": [0, 3]}, names))
    assert splits.label_names == ("world", "sport", "arts")
    assert not splits.ordinal
    assert rows_of(splits.test, splits.label_names) == [("test 0", "world"), ("test 1", "arts")]
    assert splits.train.labels.tolist() == [2, 0, 1, 0]


def test_parquet_class_names_can_be_grouped_and_ordered(tmp_path):
    parquet(tmp_path, {"train": [0, 1, 2, 0], "valid": [1], "test": [0]}, ["world", "sport", "arts"])
    splits = load(tmp_path, label_groups={"world": "news", "sport": "news", "arts": "fun"})
    assert splits.label_names == ("fun", "news")
    assert splits.train.labels.tolist() == [1, 1, 0, 1]
    assert load(tmp_path, label_order=["sport", "arts", "world"]).train.labels.tolist() == [2, 0, 1, 2]


def test_an_unlabelled_row_among_labelled_ones(tmp_path):
    parquet(tmp_path, {"train": [0, 1, -1], "valid": [1], "test": [0]}, ["world", "sport"])
    assert message(tmp_path) == f"{tmp_path / 'train.parquet'}, line 3: label -1 is none of 0 to 1."


def test_label_order(tmp_path):
    splits = load(three_splits(tmp_path, texts_with(["good", "bad", "fair"])), label_order=["bad", "fair", "good"])
    assert splits.label_names == ("bad", "fair", "good")
    assert splits.ordinal
    assert splits.train.labels.tolist() == [2, 0, 1]


def test_a_label_order_that_does_not_fit(tmp_path):
    three_splits(tmp_path, texts_with(["good", "bad", "fair"]))
    assert message(tmp_path, label_order=["bad", "fair"]) == (
        "data.label_order does not name 'good'. The labels are bad, fair, good."
    )
    assert message(tmp_path, label_order=["bad", "fair", "good", "best"]) == (
        "data.label_order names 'best', which train does not have. The labels are bad, fair, good."
    )


def test_label_order_names_the_groups(tmp_path):
    three_splits(tmp_path, texts_with(["good", "bad", "fair"]))
    groups = {"good": "fine", "fair": "fine", "bad": "bad"}
    assert load(tmp_path, label_groups=groups, label_order=["fine", "bad"]).train.labels.tolist() == [0, 1, 0]
    assert message(tmp_path, label_groups=groups, label_order=["good", "fair", "bad"]) == (
        "data.label_order names 'good', which train does not have. The labels are bad, fine."
    )
