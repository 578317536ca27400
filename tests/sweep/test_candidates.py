"""Every value and combination is accepted by recipe, data and models before anything is trained."""

import pytest

from alambique.errors import DataError, ModelError, RecipeError
from alambique.sweep.candidates import Candidates


def test_the_recipe_of_a_trial_has_its_values():
    candidates = Candidates.load("quickstart", ["student.epochs=2,4", "distillation.loss=kl,dkd"], ["seeds=[3]"])
    recipe = candidates.recipe(("4", "dkd"))
    assert (recipe.student.epochs, recipe.distillation.loss.name, recipe.seeds) == (4, "dkd", (3,))
    assert candidates.base.student.epochs == 3
    assert not candidates.has_range


def test_an_unknown_key_is_named_once_with_what_was_meant():
    with pytest.raises(RecipeError) as refused:
        Candidates.load("quickstart", ["student.epoch=2,4"])
    assert str(refused.value) == (
        "Recipe quickstart with --over student.epoch=2 has a problem:\n"
        "  student.epoch: unknown key. Did you mean student.epochs?"
    )


def test_all_values_that_the_recipe_refuses_are_named():
    with pytest.raises(RecipeError) as refused:
        Candidates.load("quickstart", ["student.epochs=0,4", "student.learning_rate=1e-5..2"])
    assert str(refused.value) == (
        "Recipe quickstart with --over student.epochs=0 has a problem:\n"
        "  student.epochs: must be at least 1, not 0.\n"
        "Recipe quickstart with --over student.learning_rate=2.0 has a problem:\n"
        "  student.learning_rate: must be at most 1.0, not 2.0."
    )


def test_a_combination_that_contradicts_itself_is_refused():
    with pytest.raises(RecipeError) as refused:
        Candidates.load(
            "quickstart",
            ["distillation.feature_weight=0.01,0.1", "distillation.features=null,{name: hidden, weight: 0.2}"],
        )
    assert str(refused.value) == (
        "Recipe quickstart with --over distillation.feature_weight=0.1 "
        "distillation.features={name: hidden, weight: 0.2} has a problem:\n"
        "  distillation.feature_weight: is 0.1, and distillation.features.weight is 0.2; give one of them."
    )


def test_the_rows_of_valid_are_the_same_for_all_trials(recipe_file):
    same = Candidates.load(str(recipe_file), ["data.max_length=16,24"]).check_models()
    assert same == Candidates.load(str(recipe_file), ["student.epochs=1,2"]).check_models()
    with pytest.raises(RecipeError) as refused:
        Candidates.load(str(recipe_file), ["data.max_rows=20,30", "student.epochs=1,2"]).check_models()
    assert str(refused.value) == (
        "--over data.max_rows: these values change the rows or labels of valid, so that figures on it could not be "
        "compared. Leave the key out of --over."
    )


def test_data_and_models_that_cannot_be_had_are_refused(recipe_file):
    with pytest.raises(DataError, match=r"there is no file or folder absent\.csv"):
        Candidates.load(str(recipe_file), ["data.source=absent.csv"]).check_models()
    with pytest.raises(ModelError, match=r"^student.from_teacher"):
        Candidates.load(str(recipe_file), ["student.from_teacher.layers=1,9"]).check_models()


@pytest.mark.parametrize(
    ("over", "sets", "message"),
    [
        (
            "verdict.metric=accuracy,macro_f1", (),
            "--over verdict.metric: trials are compared by this figure. Leave the key out of --over.",
        ),
        (
            "student.epochs=1,2", ("verdict.metric=mean_absolute_error",),
            "A sweep compares figures of which more is better, and verdict.metric is mean_absolute_error. Sweep with "
            "--set verdict.metric=quadratic_weighted_kappa.",
        ),
        (
            "student.epochs=1,2", ("verdict.metric_for_best_epoch=mean_absolute_error",),
            "A sweep compares figures of which more is better, and verdict.metric_for_best_epoch is mean_absolute_error. "
            "Sweep with --set verdict.metric_for_best_epoch=quadratic_weighted_kappa.",
        ),
    ],
)  # fmt: skip
def test_trials_are_compared_by_a_single_figure_of_which_more_is_better(over, sets, message):
    with pytest.raises(RecipeError) as refused:
        Candidates.load("quickstart", [over], sets)
    assert str(refused.value) == message
