"""``--set`` over a list of teachers; what it does to other keys is in tests/recipe/test_recipe.py."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError

LISTED = "teacher=[{model: a/b}, {from_scratch: {layers: 1, width: 4, heads: 2}, epochs: 5}]"
SIZE = "{layers: 2, width: 4, heads: 2}"


def teachers(*overrides):
    return Recipe.load("liar", (LISTED, *overrides)).teachers


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text(f"data: {{source: x, text: t, label: l}}\n{LISTED.replace('=', ': ', 1)}\n")
    return path


def test_a_list_takes_the_place_of_a_mapping():
    first, second = teachers()
    assert (first.model, second.model, second.epochs) == ("a/b", None, 5)


def test_a_teacher_is_named_by_its_number():
    first, second = teachers("teacher.1.epochs=7", "teacher.0.learning_rate=1e-3", "teacher.1.from_scratch.layers=3")
    assert (first.epochs, first.learning_rate) == (3, 1e-3)
    assert (second.epochs, second.from_scratch.layers, second.from_scratch.width) == (7, 3, 4)


def test_a_whole_teacher_is_replaced():
    assert teachers("teacher.1={model: x/y}")[1].model == "x/y"


def test_a_form_displaces_the_form_of_its_own_teacher_alone(file):
    first, second = Recipe.load(file, ("teacher.1.model=x/y",)).teachers
    assert (first.model, second.model, second.from_scratch, second.epochs) == ("a/b", "x/y", None, 5)
    first, second = Recipe.load(file, (f"teacher.0.from_scratch={SIZE}",)).teachers
    assert (first.model, first.from_scratch.layers, second.from_scratch.layers) == (None, 2, 1)


@pytest.mark.parametrize("key", ["teacher.epochs", "teacher.2.epochs", "teacher.-1.epochs", "teacher.²", "teacher.2"])
def test_a_number_that_is_not_in_the_list(file, key):
    for name, overrides in (("liar", (LISTED, f"{key}=3")), (file, (f"{key}=3",))):
        with pytest.raises(RecipeError) as refused:
            Recipe.load(name, overrides)
        assert str(refused.value) == (
            f"--set {key}: teacher is a list of 2; name one by its number, from 0 to 1, as in --set teacher.1.epochs=3."
        )


@pytest.mark.parametrize(("overrides", "said"), [
    (("teacher=[]", "teacher.0.epochs=3"), "--set teacher.0.epochs: teacher is an empty list."),
    (("teacher=[a/b, c/d]", "teacher.1.epochs=3"),
     "--set teacher.1.epochs: teacher.1 holds a value, not further keys."),
    (("teacher.1.epochs.first=3",), "--set teacher.1.epochs.first: teacher.1.epochs holds a value, not further keys."),
])  # fmt: skip
def test_what_lies_below_a_value(overrides, said):
    with pytest.raises(RecipeError) as refused:
        Recipe.load("liar", (LISTED, *overrides))
    assert str(refused.value) == said


def test_problems_have_the_number():
    with pytest.raises(RecipeError) as refused:
        teachers("teacher.1.epoch=3")
    assert str(refused.value) == (
        "Recipe liar with --set has a problem:\n  teacher.1.epoch: unknown key. Did you mean teacher.1.epochs?"
    )
