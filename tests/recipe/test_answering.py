"""What a recipe cannot ask of a teacher without weights; raw values may be anything."""

import pytest

from alambique import Recipe
from alambique.errors import RecipeError
from alambique.recipe.answering import beyond_answers

DATA = {"source": "x", "text": "text", "label": "label"}


@pytest.mark.parametrize("raw", [
    {}, {"teacher": None}, {"teacher": 3}, {"teacher": {"probabilities": None}}, {"student": "x"},
    {"teacher": {"probabilities": "p.csv"}, "student": 3, "soft_labels": {"folds": 1}, "distillation": {"features": None}},
])  # fmt: skip
def test_nothing_is_said_where_nothing_is_asked(raw):
    assert beyond_answers(raw) == []


def test_a_vocabulary_is_for_students_whose_teacher_has_none():
    student = {"from_scratch": {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300}}
    assert Recipe.from_dict({"data": DATA, "teacher": {"probabilities": "p.csv"}, "student": student})
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict({"data": DATA, "student": student})
    assert str(refused.value) == (
        "the recipe has a problem:\n"
        "  student.from_scratch.vocabulary: this student reads with its teacher's tokenizer. Leave it out."
    )


@pytest.mark.parametrize("views", [2, {"count": 2}])
def test_texts_that_are_not_rows_are_refused(views):
    raw = {
        "teacher": {"zero_shot": {"model": "x"}},
        "data": {"unlabelled": "more.csv"},
        "soft_labels": {"views": views},
    }
    assert beyond_answers(raw) == [
        "data.unlabelled: is text that the teacher labels, and teacher.zero_shot answers for your rows alone. "
        "Leave it out.",
        "soft_labels.views: are new texts that the teacher labels, and teacher.zero_shot answers for your rows alone. "
        "Set it to 1.",
    ]


def test_a_model_and_a_file_together_are_refused():
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict({"data": DATA, "teacher": {"model": "a/b", "probabilities": "p.csv"}})
    assert "teacher: model and probabilities are given together; give one of model, from_scratch, probabilities" in str(
        refused.value
    )


def test_a_file_given_with_set_takes_the_place_of_the_model():
    recipe = Recipe.load("liar", ("teacher.probabilities=p.csv", "student.model=a/b"))
    assert (recipe.teacher.model, recipe.teacher.probabilities, recipe.teacher.answering) == (
        None, "p.csv", "probabilities",
    )  # fmt: skip
    assert not recipe.teacher.is_trained


def test_a_path_is_found_beside_the_recipe(tmp_path):
    (tmp_path / "p.csv").touch()
    (tmp_path / "mine.yaml").write_text(
        "data: {source: x, text: text, label: label}\nteacher: {probabilities: p.csv}\nstudent: {model: a/b}\n"
    )
    assert Recipe.load(tmp_path / "mine.yaml").teacher.probabilities == str((tmp_path / "p.csv").resolve())


def test_labels_that_nobody_is_trained_on_are_not_weighed():
    assert beyond_answers({"teacher": {"probabilities": "p.csv", "class_weights": "balanced"}}) == [
        "teacher.class_weights: weighs the labels that a teacher is trained on, and teacher.probabilities is not trained. "
        "Leave it out."
    ]
