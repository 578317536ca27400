"""Which teachers a run trains, and what folds and members take."""

from dataclasses import replace

import numpy as np

from alambique.doctor.cost import Cost
from alambique.doctor.teacher_cost import TeacherCost, with_copies
from alambique.recipe.sections import Teacher
from alambique.stages.teacher import TeacherInit

SETTINGS = Teacher()
FIRST = TeacherInit("teacher", SETTINGS, None, None, section="teacher.0")
SECOND = TeacherInit("teachers/1", SETTINGS, None, None, section="teacher.1")
SMALL, LARGE = (TeacherCost(Cost(step, 0.1, 10, 5, 1), SETTINGS) for step in (1.0, 2.0))
COSTS = {"teacher": SMALL, "teachers/1": LARGE}


def test_a_member_costs_what_its_like_costs():
    members = [replace(FIRST, name="a", member=1), replace(SECOND, name="b", member=1)]
    assert with_copies(COSTS, (FIRST, SECOND), members) == {**COSTS, "a": SMALL, "b": LARGE}


def test_with_folds_only_the_first_learns_all_rows():
    folds = [replace(FIRST, name="a", unseen=np.arange(3)), replace(SECOND, name="b", unseen=np.arange(4))]
    assert with_copies(COSTS, (FIRST, SECOND), folds) == {
        "teacher": SMALL, "a": replace(SMALL, unseen=3), "b": replace(LARGE, unseen=4),
    }  # fmt: skip


def test_teachers_that_answer_cost_nothing():
    assert with_copies({}, (), ()) == {}
