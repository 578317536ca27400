"""The static form of student in a recipe."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError
from alambique.recipe.static import TRAINING

DATA = {"source": "d", "text": "t", "label": "l"}


def student(section, **more):
    return Recipe.from_dict({"data": DATA, "student": section, **more}).student


def test_a_static_student_has_settings_of_its_own():
    made = student({"static": {"width": 64}})
    assert {name: getattr(made, name) for name in TRAINING} == TRAINING
    assert (made.model, made.static.width, made.static.storage) == (None, 64, "int8")
    assert student({"static": {}, "epochs": 3}).epochs == 3
    assert student({"static": {}, "epochs": 3}).learning_rate == TRAINING["learning_rate"]


def test_set_replaces_the_form_and_how_it_is_trained():
    shipped = Recipe.load("liar-small").student
    made = Recipe.load("liar-small", ("student.static={width: 64}", "student.batch_size=16")).student
    assert (made.from_teacher, made.epochs, made.batch_size) == (None, TRAINING["epochs"], 16)
    assert made.learning_rate == TRAINING["learning_rate"] != shipped.learning_rate
    other = Recipe.load("liar-small", ("student.from_teacher.layers=2",)).student
    assert (other.epochs, other.learning_rate) == (shipped.epochs, shipped.learning_rate)


def test_another_form_in_the_place_of_a_static_one_is_trained_as_others_are(tmp_path):
    (tmp_path / "r.yaml").write_text(
        "data: {source: d, text: t, label: l}\nstudent: {static: {width: 64}, epochs: 50, learning_rate: 0.01}\n"
    )
    assert Recipe.load(tmp_path / "r.yaml").student.epochs == 50
    assert Recipe.load(tmp_path / "r.yaml", ("student.static.width=32",)).student.epochs == 50
    made = Recipe.load(tmp_path / "r.yaml", ("student.model=some",)).student
    assert (made.static, made.epochs, made.learning_rate) == (None, 6, 5e-5)


@pytest.mark.parametrize(
    ("section", "more", "problem"),
    [
        (
            {"static": {}, "model": "x"}, {},
            "student: model and static are given together; give one of model, from_teacher, from_scratch, static.",
        ),
        ({"static": {"widht": 3}}, {}, "student.static.widht: unknown key. Did you mean student.static.width?"),
        (
            {"static": {"n_grams": 2}, "vocabulary": "auto"}, {},
            "student.vocabulary: cannot be cut where student.static.n_grams is above 1: runs of tokens are found by their "
            "ids.",
        ),
        (
            {"static": {}}, {"distillation": {"features": "hidden"}},
            "distillation: features are those of layers, and student.static has none; set distillation.features to null.",
        ),
        (
            {"static": {}}, {"teacher": {"probabilities": "p.csv"}},
            "student.static: begins with a teacher's outputs for each token, and teacher.probabilities has none. Name a "
            "model for them: student.static.encoder.",
        ),
    ],
)  # fmt: skip
def test_problems(section, more, problem):
    with pytest.raises(RecipeError) as refused:
        student(section, **more)
    assert problem in str(refused.value)
