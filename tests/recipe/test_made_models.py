"""Sections of models that are made here."""

import pytest
from pydantic import ValidationError

from alambique.recipe.made_models import FromTeacher, Scratch, TeacherScratch


def problem(section, **keys):
    with pytest.raises(ValidationError) as caught:
        section(**keys)
    (error,) = caught.value.errors()
    return error["msg"].removeprefix("Value error, ")


def test_from_scratch_defaults_differ_between_teacher_and_student():
    size = {"layers": 2, "width": 8, "heads": 2}
    teacher, student = TeacherScratch(**size), Scratch(**size)
    assert (teacher.architecture, teacher.vocabulary) == ("bert", 8000)
    assert (student.architecture, student.vocabulary, student.feed_forward) == ("distilbert", None, None)


def test_a_size_that_cannot_be():
    assert problem(Scratch, layers=2, width=10, heads=4) == "must divide width (10); 4 does not"
    # a layer of width w has 4 w² in attention and 8 w² in its feed-forward network
    assert problem(Scratch, layers=100, width=4096, heads=2) == (
        "describes a model of 20.1 billion parameters; at most 2 billion are allowed"
    )


def test_layers_of_the_teacher():
    assert FromTeacher(layers=[0, 4, 8]).layers == (0, 4, 8)
    assert FromTeacher(layers=3, choose="lower").key()["choose"] == "lower"
    assert "choose" not in FromTeacher(layers=3).key()
    assert problem(FromTeacher, layers=[4, 0]) == "must name each layer once, in rising order"
    assert problem(FromTeacher, layers=True) == (
        "must be a count from 1 to 200 or a list of the teacher's layer numbers, from 0"
    )
    assert problem(FromTeacher, layers=[0, 4], choose="lower") == (
        "is for a number of layers; the list in layers names them already"
    )
