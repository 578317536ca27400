"""A train split without labels: when it is one, where the label names come from, and what is refused."""

import json

import numpy as np
import pytest
from loading import load, message, rows_of, texts_with, write_csv

from alambique.artefacts.splits import read_splits, write_splits
from alambique.data.unlabelled_train import NOTE, check_unlabelled_train
from alambique.errors import DataError, RecipeError
from alambique.recipe.recipe import Recipe


@pytest.fixture
def folder(tmp_path):
    """Labelled valid and test, and a train with the text alone."""
    write_csv(tmp_path / "train.csv", [(f"new {i}",) for i in range(4)], names=("text",))
    write_csv(tmp_path / "valid.csv", texts_with(["x", "y"]))
    write_csv(tmp_path / "test.csv", texts_with(["z", "x"]))
    return tmp_path


def test_train_has_the_text_alone(folder):
    splits = load(folder)
    assert not splits.labelled_train
    assert splits.label_names == ("x", "y", "z")  # z is in test alone: nothing must be learnt from train's labels
    assert splits.train.labels.tolist() == [-100] * 4
    assert rows_of(splits.test, splits.label_names) == [("text 0", "z"), ("text 1", "x")]
    assert splits.notes == (NOTE,)
    assert splits.counts() == {"train": {}, "valid": {"x": 1, "y": 1, "z": 0}, "test": {"x": 1, "y": 0, "z": 1}}
    (folder / "kept").mkdir()
    write_splits(splits, folder / "kept")
    assert not read_splits(folder / "kept").labelled_train


@pytest.mark.parametrize("cell", ["", " ", "-1"])
def test_the_cells_are_all_empty(folder, cell):
    write_csv(folder / "train.csv", texts_with([cell] * 3))
    assert load(folder).train.labels.tolist() == [-100] * 3


def test_a_null_of_json(folder):
    (folder / "train.csv").unlink()
    lines = [json.dumps({"text": f"new {i}", "label": None}) for i in range(3)]
    (folder / "train.jsonl").write_text("\n".join(lines))
    assert load(folder).train.labels.tolist() == [-100] * 3


def test_a_single_label_is_no_train_without_labels(folder):
    write_csv(folder / "train.csv", texts_with(["", "x"]))
    assert message(folder) == f"{folder / 'train.csv'}, line 2: the label (column 'label') is empty."


def test_another_column_may_be_the_labels(folder):
    write_csv(folder / "train.csv", [("a", "x"), ("b", "y")], names=("text", "verdict"))
    assert message(folder).startswith(
        f"{folder / 'train.csv'}: there is no column 'label', which data.label names. The columns are text, verdict."
    )


def test_the_order_may_name_labels_that_no_row_has(folder):
    splits = load(folder, label_order=["z", "w", "y", "x"])
    assert (splits.label_names, splits.ordinal) == (("z", "w", "y", "x"), True)
    assert splits.test.labels.tolist() == [0, 3]
    assert message(folder, label_order=["x", "y"]) == "data.label_order does not name 'z'. The labels are x, y, z."


def test_labels_are_grouped(folder):
    splits = load(folder, label_groups={"x": "a", "y": "b", "z": "b"})
    assert splits.label_names == ("a", "b")


def test_a_sample_of_such_a_train(folder):
    splits = load(folder, max_rows=2)
    assert len(splits.train) == 2
    assert splits.train.labels.tolist() == [-100] * 2


def test_one_class_in_valid_and_test(folder):
    for name in ("valid", "test"):
        write_csv(folder / f"{name}.csv", texts_with(["x", "x"]))
    assert message(folder) == (
        f"{folder / 'valid.csv'}: every row has the label 'x'; a classifier needs two classes or more."
    )


@pytest.mark.parametrize(
    ("missing", "names"), [(("test",), "test"), (("valid",), "valid"), (("valid", "test"), "valid and test")]
)
def test_nothing_can_be_split_off(folder, missing, names):
    write_csv(folder / "train.csv", texts_with([""] * 30))
    for name in missing:
        (folder / f"{name}.csv").unlink()
    assert message(folder) == (
        f"{folder / 'train.csv'}: train has no labels in column 'label', which data.label names, so {names} cannot be split "
        f"off it. Give train labels, or {names} with labels, as in --set 'data.source={{train: F, valid: F, test: F}}'."
    )


def recipe(**sections):
    return Recipe.from_dict({"data": {"source": "data", "text": "text", "label": "label"}, **sections})


def test_a_teacher_that_must_be_trained(folder):
    splits = load(folder)
    with pytest.raises(DataError) as refused:
        check_unlabelled_train(recipe(), splits)
    assert str(refused.value) == (
        "train has no labels (column 'label', which data.label names), and a teacher can learn nothing from it. Give train "
        "labels, or a teacher that needs none: a finished one (teacher.fine_tune: false), teacher.probabilities, "
        "teacher.zero_shot or teacher.endpoint."
    )
    check_unlabelled_train(recipe(teacher={"model": "finished", "fine_tune": False}), splits)


def answered(**distillation):
    size = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300}
    return recipe(teacher={"probabilities": "p.csv"}, student={"from_scratch": size}, distillation=distillation)


def test_a_student_that_would_learn_from_labels_alone(folder):
    splits = load(folder)
    with pytest.raises(RecipeError) as refused:
        check_unlabelled_train(answered(hard_label_weight=1.0), splits)
    assert str(refused.value) == (
        "distillation.hard_label_weight is 1, so the student would learn from the labels of train alone, and train has "
        "none. Set it below 1."
    )
    check_unlabelled_train(answered(hard_label_weight=[0.0, 1.0]), splits)
    check_unlabelled_train(answered(), splits)


def test_a_train_with_labels_needs_nothing(folder):
    write_csv(folder / "train.csv", texts_with(["x", "y", "z"]))
    splits = load(folder)
    assert splits.labelled_train
    assert np.array_equal(splits.train.labels, [0, 1, 2])
    check_unlabelled_train(recipe(), splits)
    check_unlabelled_train(answered(hard_label_weight=1.0), splits)
