"""Values that move over a training: what the recipe accepts and refuses, and the value at each step."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError
from alambique.recipe.schedules import ends_of, value_at
from alambique.recipe.sections import Student, Teacher, Training

LEAST = {"data": {"source": "acme/claims", "text": "claim", "label": "verdict"}}


def distillation(**keys):
    return Recipe.from_dict({**LEAST, "distillation": keys}).distillation


@pytest.mark.parametrize(
    ("schedule", "steps", "values"),
    [
        (2.0, 3, [2.0, 2.0, 2.0, 2.0]),
        ((4.0, 1.0), 4, [4.0, 3.0, 2.0, 1.0, 1.0]),  # the epoch's end is scored after the last step
        ((0.0, 1.0), 5, [0.0, 0.25, 0.5, 0.75, 1.0]),
        ((4.0, 1.0), 1, [4.0, 4.0]),
        ((4.0, 1.0), 0, [4.0]),  # before anything is planned
    ],
)
def test_the_value_goes_in_a_line_from_the_first_step_to_the_last(schedule, steps, values):
    assert [value_at(schedule, step, steps) for step in range(len(values))] == values


def test_a_number_begins_and_ends_as_it_is():
    assert ends_of(3.0) == (3.0, 3.0)
    assert ends_of((4.0, 1.0)) == (4.0, 1.0)


def test_a_number_or_a_list_of_two(tmp_path):
    assert distillation(temperature=4).temperature == 4.0
    assert distillation(temperature=[4, 1]).temperature == (4.0, 1.0)
    assert distillation(hard_label_weight=[0, 0.5]).hard_label_weight == (0.0, 0.5)
    whole = Recipe.load("quickstart", ("distillation.temperature=[4, 1]",))
    assert whole.distillation.temperature == (4.0, 1.0)
    assert whole.model_dump(mode="json")["distillation"]["temperature"] == [4.0, 1.0]
    written = tmp_path / "recipe.yaml"
    written.write_text(whole.to_yaml(), "utf-8")
    assert Recipe.load(written) == whole


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("temperature", [4], "temperature: must be a number, or a list of two: at the first step and at the last."),
        (
            "temperature",
            [4, 2, 1],
            "temperature: must be a number, or a list of two: at the first step and at the last.",
        ),
        ("temperature", [4, 0], "temperature: must be at least 0.01, not 0."),
        ("temperature", ["hot", 1], "temperature: must be a number, not 'hot'."),
        (
            "temperature",
            {"from": 4, "to": 1},
            "temperature: must be a number, or a list of two: at the first step and at the last.",
        ),
        ("temperature", 0, "temperature: must be at least 0.01, not 0."),
        ("hard_label_weight", [0.5, 1.5], "hard_label_weight: must be at most 1.0, not 1.5."),
    ],
)
def test_what_is_not_one_is_refused(key, value, problem):
    with pytest.raises(RecipeError) as refused:
        distillation(**{key: value})
    assert str(refused.value) == f"the recipe has a problem:\n  distillation.{problem}"


@pytest.mark.parametrize("section", ["teacher", "student"])
def test_the_learning_rates_schedule_and_patience_are_checked(section):
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict({**LEAST, section: {"learning_rate_schedule": "cosin", "patience": 0}})
    assert str(refused.value) == (
        "the recipe has 2 problems:\n"
        f"  {section}.learning_rate_schedule: must be 'linear', 'cosine' or 'constant', not 'cosin'. Did you mean cosine?\n"
        f"  {section}.patience: must be at least 1, not 0."
    )


def test_keys_of_earlier_runs_hold_neither_schedule_nor_patience():
    old = {
        "epochs": 6, "batch_size": 32, "gradient_accumulation": 1, "learning_rate": 5e-5, "warmup": 0.1,
        "weight_decay": 0.01,
    }  # fmt: skip
    assert Training(epochs=6).key() == old
    new = {"learning_rate_schedule": "cosine", "patience": 3}
    assert Training(epochs=6, **new).key() == old | new
    assert {"learning_rate_schedule", "patience"}.isdisjoint(Student().key() | Teacher().key())
