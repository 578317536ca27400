"""``class_weights`` of teacher and student, as users write them."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError

NOT_ONE = "must be balanced, a mapping {label: weight}, or null."


def test_labels_are_text_and_weights_are_numbers():
    recipe = Recipe.load(
        "quickstart", ("student.class_weights={true: 2, 'false': 3.5}", "teacher.class_weights=balanced")
    )
    assert recipe.student.class_weights == {"true": 2.0, "false": 3.5}
    assert recipe.teacher.class_weights == "balanced"
    assert Recipe.load("quickstart", ("student.class_weights=null",)).student.class_weights is None


def test_a_recipe_that_is_written_is_read_back(tmp_path):
    recipe = Recipe.load("quickstart", ("student.class_weights={true: 2}",))
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert Recipe.load(tmp_path / "recipe.yaml") == recipe


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["student.class_weights=blanced"], f"student.class_weights: {NOT_ONE}"),
        (["student.class_weights=[1, 2]"], f"student.class_weights: {NOT_ONE}"),
        (["teacher.class_weights={}"], f"teacher.class_weights: {NOT_ONE}"),
        *(
            (
                [f"teacher.class_weights={{rare: {weight}}}"],
                f"teacher.class_weights: gives label 'rare' the weight {weight}; a weight is a number above 0.",
            )
            for weight in ("-1", "0", ".inf", ".nan", "nan", "inf", "heavy", "1e999")
        ),
        (
            ["student.class_weights=balanced", "distillation.hard_label_weight=0"],
            "distillation: hard_label_weight is 0, so student.class_weights, which weighs hard labels alone, would not "
            "reach the student; set it above 0, or student.class_weights to null.",
        ),
        (
            ["teacher.model=a/b", "teacher.fine_tune=false", "teacher.class_weights=balanced"],
            "teacher.fine_tune: is false, so there is no training that class_weights could weigh; set it to true, or "
            "class_weights to null.",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_message(overrides, problem):
    with pytest.raises(RecipeError) as refused:
        Recipe.load("quickstart", tuple(overrides))
    assert str(refused.value) == f"Recipe quickstart with --set has a problem:\n  {problem}"


def test_a_hard_label_weight_that_leaves_0_is_taken():
    Recipe.load("quickstart", ("student.class_weights=balanced", "distillation.hard_label_weight=[0, 0.5]"))
