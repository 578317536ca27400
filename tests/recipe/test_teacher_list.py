"""A list under `teacher`: what it takes, its key paths, and what is said about mistakes."""

import pytest
import yaml

from alambique import Recipe
from alambique.errors import RecipeError
from alambique.recipe.sections import FORMS
from alambique.recipe.teacher_list import beyond_any_answers, each_alone, several

LEAST = {"data": {"source": "acme/claims", "text": "claim", "label": "verdict"}}
FIRST, SECOND = {"model": "a/b", "epochs": 2}, {"model": "c/d"}


def message(raw):
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict(LEAST | raw)
    return str(refused.value)


def test_the_first_is_the_teacher():
    recipe = Recipe.from_dict(LEAST | {"teacher": [FIRST, SECOND]})
    assert [(teacher.model, teacher.epochs) for teacher in recipe.teachers] == [("a/b", 2), ("c/d", 3)]
    assert recipe.teacher is recipe.teachers[0]


def test_a_list_comes_back_from_the_run_folder():
    recipe = Recipe.from_dict(LEAST | {"teacher": [FIRST, SECOND]})
    assert Recipe.from_dict(yaml.safe_load(recipe.to_yaml())) == recipe
    assert Recipe.from_dict(recipe.model_dump()) == recipe
    assert [each["model"] for each in recipe.model_dump(mode="json")["teacher"]] == ["a/b", "c/d"]


def test_a_list_of_one_is_the_one():
    alone, listed = (Recipe.from_dict(LEAST | {"teacher": teacher}) for teacher in (FIRST, [FIRST]))
    assert listed == alone
    assert listed.to_yaml() == alone.to_yaml()
    assert isinstance(listed.model_dump(mode="json")["teacher"], dict)


def test_text_stays_text_in_a_list(tmp_path):
    file = tmp_path / "my.yaml"
    file.write_text("data: {source: x, text: t, label: l}\nteacher: [{model: 007, epochs: 2}, {model: true}]\n")
    assert [teacher.model for teacher in Recipe.load(file).teachers] == ["007", "true"]
    assert Recipe.load(file, ("teacher.1.model=010",)).teachers[1].model == "010"


def test_paths_of_each_are_looked_up_beside_the_recipe(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "p.csv").touch()
    file = tmp_path / "my.yaml"
    file.write_text("data: {source: x, text: t, label: l}\nteacher: [{model: mine}, {probabilities: p.csv}]\n")
    first, second = Recipe.load(file).teachers
    assert (first.model, second.probabilities) == (str(tmp_path / "mine"), str(tmp_path / "p.csv"))


def test_all_mistakes_have_the_place_in_the_list():
    scratch = {"layers": 1, "width": 5, "heads": 2}
    raw = {"teacher": ["a/b", {"epoch": 2}, {"model": "a/b", "from_scratch": scratch, "epochs": 0}], "teachers": 1}
    assert message(raw) == (
        "the recipe has 6 problems:\n"
        "  teacher.0: must be a mapping of keys, not 'a/b'.\n"
        "  teacher.1.epoch: unknown key. Did you mean teacher.1.epochs?\n"
        "  teacher.2.epochs: must be at least 1, not 0.\n"
        "  teacher.2.from_scratch.heads: must divide width (5); 2 does not.\n"
        "  teachers: unknown key. Did you mean teacher?\n"
        f"  teacher.2: model and from_scratch are given together; give one of {', '.join(FORMS['teacher'])}."
    )


@pytest.mark.parametrize(("teachers", "problem"), [
    ([], "teacher: must have at least 1 item, not 0."),
    ([{"model": f"a/{n}"} for n in range(21)], "teacher: must have at most 20 items, not 21."),
    ([FIRST, SECOND, FIRST | {"allow_weak": True}],
     "teacher: teacher.2 is the same as teacher.0 and would give the same labels; for teachers that differ by their seed "
     "alone, set soft_labels.members."),
    ({"1": FIRST}, "teacher.1: unknown key."),
])  # fmt: skip
def test_a_list_that_cannot_be(teachers, problem):
    assert message({"teacher": teachers}) == f"the recipe has a problem:\n  {problem}"


def test_only_the_first_must_have_layers_and_all_must_read_new_texts():
    file, model = {"probabilities": "p.csv"}, {"model": "a/b"}
    student, features = {"from_teacher": {"layers": 1}}, {"features": "hidden"}
    assert Recipe.from_dict(LEAST | {"teacher": [model, file], "student": student, "distillation": features})
    assert message({"teacher": [file, model], "student": student, "distillation": features}) == (
        "the recipe has 2 problems:\n"
        "  student.from_teacher: is made of a teacher's layers, and teacher.0.probabilities has none. Give student.model or "
        "student.from_scratch.\n"
        "  distillation.features: compares the layers of student and teacher, and teacher.0.probabilities has none. "
        "Leave it out."
    )
    assert message({"teacher": [model, file], "soft_labels": {"folds": 2, "views": 3}}) == (
        "the recipe has 2 problems:\n"
        "  soft_labels.views: are new texts that the teacher labels, and teacher.1.probabilities answers for your rows "
        "alone. Set it to 1.\n"
        "  soft_labels.folds: would train further teachers, and teacher.1.probabilities is not trained. Set it to 1."
    )


@pytest.mark.parametrize(("teacher", "sections"), [
    (None, ["teacher"]), (3, ["teacher"]), ({}, ["teacher"]), ([], []), ([{}, 3], ["teacher.0", "teacher.1"]),
])  # fmt: skip
def test_raw_values_may_be_anything(teacher, sections):
    raw = {"teacher": teacher}
    assert [section for section, _ in each_alone(raw)] == sections
    assert several(raw) == isinstance(teacher, list)
    assert beyond_any_answers(raw) == []


def test_weights_are_part_of_the_key_where_they_are_not_the_default():
    keys = [Recipe.from_dict(LEAST | {"soft_labels": {"weights": w}}).soft_labels.key() for w in ("equal", "valid")]
    assert keys == [{}, {"recipe": {"weights": "valid"}}]
