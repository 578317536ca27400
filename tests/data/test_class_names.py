"""Labels that a recipe names must be labels of the data."""

from dataclasses import replace

import numpy as np
import pytest

from alambique.artefacts.splits import Split, Splits
from alambique.data.class_names import check_class_names
from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe


def splits(names=("genuine", "fake"), labels=(0, 0, 1, 0)):
    def split(name, values):
        return Split(name, tuple(f"{name}-{i}" for i in range(len(values))), ("text",) * len(values), None, values)

    return Splits(split("train", np.array(labels)), split("valid", np.array([0])), split("test", np.array([1])), names)


def recipe(**sections):
    return Recipe.from_dict({"data": {"source": "data", "text": "text", "label": "label"}, **sections})


def refusal(made, rows):
    with pytest.raises(RecipeError) as refused:
        check_class_names(made, rows)
    return str(refused.value)


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"teacher": {"class_weights": {"genuine": 1.0, "fakes": 5.0}}}, "teacher.class_weights"),
        ({"student": {"class_weights": {"fakes": 5.0}}}, "student.class_weights"),
        (
            {"teacher": [{"model": "a/b"}, {"model": "c/d", "class_weights": {"fakes": 2.0}}]},
            "teacher.1.class_weights",
        ),
        ({"verdict": {"metric": {"name": "f1", "class": "fakes"}}}, "verdict.metric.class"),
        (
            {"verdict": {"metric_for_best_epoch": {"name": "average_precision", "class": "fakes"}}},
            "verdict.metric_for_best_epoch.class",
        ),
    ],
)  # fmt: skip
def test_a_label_that_no_row_has_is_refused_with_the_one_that_was_meant(sections, key):
    assert refusal(recipe(**sections), splits()) == (
        f"{key} names 'fakes', which is not a label of the data. Did you mean 'fake'? The labels are genuine, fake."
    )


def test_a_label_like_no_other_and_many_labels():
    names = tuple(f"topic {n}" for n in range(15))
    assert refusal(recipe(student={"class_weights": {"xyz": 2.0}}), splits(names)) == (
        "student.class_weights names 'xyz', which is not a label of the data. The labels are "
        f"{', '.join(names[:12])} and 3 more."
    )


def test_weights_of_labels_that_train_does_not_have():
    rows = splits(labels=(-100, -100))
    assert refusal(recipe(student={"class_weights": "balanced"}), rows) == (
        "student.class_weights weighs the labels of train, and train has none. Set student.class_weights to null."
    )
    check_class_names(recipe(), rows)


def test_labels_of_the_data_pass():
    check_class_names(recipe(teacher={"class_weights": {"fake": 3.0}}, student={"class_weights": "balanced"}), splits())


@pytest.mark.parametrize("metric", ["quadratic_weighted_kappa", "mean_absolute_error"])
def test_a_figure_of_steps_needs_an_order(metric):
    made = recipe(verdict={"metric": metric})
    assert refusal(made, splits()) == (
        f"verdict.metric is {metric}, which needs labels in order: give data.label_order, the lowest first."
    )
    check_class_names(made, replace(splits(), ordinal=True))
