"""The section ``verdict``, as users write it."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError

NAMES = (
    "'macro_f1', 'accuracy', 'f1', 'recall', 'average_precision', 'quadratic_weighted_kappa', 'mean_absolute_error', "
    "'micro_f1', 'samples_f1' or 'mean_average_precision'"
)
RECALL = "{name: recall, class: true, at_precision: 0.9}"


def test_the_default_is_macro_f1():
    verdict = Recipe.load("quickstart").verdict
    assert verdict.metric.name == verdict.for_best_epoch.name == "macro_f1"
    assert verdict.model_dump(mode="json") == {"metric": "macro_f1", "metric_for_best_epoch": None}


def test_a_class_is_text_and_a_recipe_that_is_written_is_read_back(tmp_path):
    recipe = Recipe.load("quickstart", (f"verdict.metric={RECALL}", "verdict.metric_for_best_epoch=accuracy"))
    assert recipe.verdict.metric.label == "true"
    assert recipe.verdict.for_best_epoch.name == "accuracy"
    assert recipe.model_dump(mode="json")["verdict"] == {
        "metric": {"name": "recall", "class": "true", "at_precision": 0.9}, "metric_for_best_epoch": "accuracy",
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert Recipe.load(tmp_path / "recipe.yaml") == recipe


def test_epochs_are_chosen_by_the_verdicts_metric_by_default():
    assert Recipe.load("quickstart", (f"verdict.metric={RECALL}",)).verdict.for_best_epoch.name == "recall"


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("verdict.metric=f2", f"verdict.metric: must be {NAMES}, not 'f2'."),
        ("verdict.metric=acuracy", f"verdict.metric: must be {NAMES}, not 'acuracy'. Did you mean accuracy?"),
        ("verdict.metric=null", f"verdict.metric: must be {NAMES}, or a mapping of that name and the metric's options."),
        ("verdict.metric=f1", "verdict.metric.class: is missing and has no default."),
        (
            "verdict.metric={name: accuracy, at_precision: 1}",
            "verdict.metric.at_precision: unknown key. Did you mean decide.at_precision?",
        ),
        (
            "verdict.metric={name: recall, class: a, at_precision: 1.5}",
            "verdict.metric.at_precision: must be less than 1.0, not 1.5.",
        ),
        (
            "verdict.metric={name: recall, class: a, at_precision: high}",
            "verdict.metric.at_precision: must be a number, not 'high'.",
        ),
        ("verdict.metrics=f1", "verdict.metrics: unknown key. Did you mean verdict.metric?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message(override, problem):
    with pytest.raises(RecipeError) as refused:
        Recipe.load("quickstart", (override,))
    assert str(refused.value) == f"Recipe quickstart with --set has a problem:\n  {problem}"
