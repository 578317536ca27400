"""Keys that mean nothing where rows have any number of labels are refused by name."""

import numpy as np
import pytest

from alambique.artefacts.splits import MULTI_LABEL, Split, Splits
from alambique.data.class_names import check_class_names
from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe
from alambique.stages.student import check_loss

END = "; the rows of this data have any number of labels."


def splits(task=MULTI_LABEL):
    labels = np.array([[1, 0], [0, 1]]) if task == MULTI_LABEL else np.array([0, 1])
    train, valid, test = (Split(name, ("1", "2"), ("a", "b"), None, labels) for name in ("train", "valid", "test"))
    return Splits(train, valid, test, ("joy", "fear"), task=task)


def recipe(**sections):
    data = {"source": "data", "text": "text", "label": "label", **sections.pop("data", {})}
    return Recipe.from_dict({"data": data, **sections})


def refusal(rows=None, **sections):
    with pytest.raises(RecipeError) as refused:
        check_class_names(recipe(**sections), rows or splits())
    return str(refused.value)


def test_a_plain_recipe_passes_and_figures_of_one_label_may_be_named():
    check_class_names(recipe(), splits())
    check_class_names(recipe(verdict={"metric": {"name": "f1", "class": "joy"}}), splits())
    check_class_names(recipe(verdict={"metric": "micro_f1"}), splits())


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"data": {"label_order": ["joy", "fear"]}}, "data.label_order is for labels of which a row has one; leave it out"),
        (
            {"data": {"label_groups": {"joy": "good", "fear": "bad"}}},
            "data.label_groups merges labels of which a row has one; leave it out, and merge them in the file",
        ),
        (
            {"student": {"class_weights": "balanced"}},
            "student.class_weights weighs rows by their only label; leave it out",
        ),
        (
            {"teacher": {"class_weights": {"joy": 2.0}}},
            "teacher.class_weights weighs rows by their only label; leave it out",
        ),
        (
            {"teacher": [{"model": "a/b"}, {"probabilities": "file.csv"}]},
            "teacher.1.probabilities gives the probabilities of labels of which a row has one; take a model",
        ),
        (
            {"teacher": {"zero_shot": {"model": "a/b"}}},
            "teacher.zero_shot gives the probabilities of labels of which a row has one; take a model",
        ),
        (
            {"soft_labels": {"folds": 2, "trust": 0.5}},
            "soft_labels.trust looks for a row's only label in doubt; leave it out",
        ),
        (
            {"verdict": {"metric": "quadratic_weighted_kappa"}},
            "verdict.metric is quadratic_weighted_kappa, which is for labels in order, of which a row has one",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(sections, message):
    assert refusal(**sections) == message + END


def test_figures_of_label_sets_are_refused_where_a_row_has_one_label():
    assert refusal(splits("single_label"), verdict={"metric_for_best_epoch": "samples_f1"}) == (
        "verdict.metric_for_best_epoch is samples_f1, which is for rows that have any number of labels; these have one each."
    )


def test_a_label_that_is_not_there_is_named_with_the_one_that_was_meant():
    assert refusal(verdict={"metric": {"name": "f1", "class": "jo"}}) == (
        "verdict.metric.class names 'jo', which is not a label of the data. Did you mean 'joy'? The labels are joy, fear."
    )


@pytest.mark.parametrize("loss", ["dkd", "dist", "js", "reverse_kl", "emd"])
def test_losses_that_compare_the_classes_of_a_row(loss):
    made = recipe(distillation={"loss": loss})
    with pytest.raises(RecipeError) as refused:
        check_loss(made.distillation, made.student, splits())
    assert str(refused.value) == (
        f"distillation.loss: {loss} compares the classes of a row with each other, and rows have any number of labels; use "
        "kl or mse."
    )
    for other in ("kl", "mse"):
        made = recipe(distillation={"loss": other})
        check_loss(made.distillation, made.student, splits())


def test_a_class_that_is_decided_for_and_thresholds_of_labels_that_are_not_there():
    assert refusal(decide={"class": "joy", "at_precision": 0.9}) == (
        f"decide.class decides between labels of which a row has one; give decide.thresholds, or leave it out{END}"
    )
    assert refusal(decide={"thresholds": {"fera": 0.3}}) == (
        "decide.thresholds names 'fera', which is not a label of the data. Did you mean 'fear'? The labels are joy, fear."
    )
    check_class_names(recipe(decide={"thresholds": {"fear": 0.3}}), splits())
