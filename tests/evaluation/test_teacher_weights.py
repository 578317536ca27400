"""Weights of teachers by their accuracy on valid: the rule of Large, Lines and Bagnall 2019."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alambique.evaluation.teacher_weights import teacher_weights

accuracies = st.lists(st.floats(0, 1), min_size=1, max_size=6)


def test_the_fourth_power_decides():
    assert teacher_weights([0.5, 0.25]) == pytest.approx([16 / 17, 1 / 17])


def test_one_teacher_has_it_all():
    assert teacher_weights([0.0]) == [1.0]


@given(accuracies)
def test_they_sum_to_one_and_none_is_nothing(values):
    weights = teacher_weights(values)
    assert sum(weights) == pytest.approx(1)
    assert min(weights) > 0


@given(accuracies)
def test_a_better_teacher_counts_at_least_as_much(values):
    weights = teacher_weights(sorted(values))
    assert weights == sorted(weights)


@given(st.floats(0, 1), st.integers(1, 6))
def test_equal_teachers_count_alike(accuracy, count):
    assert teacher_weights([accuracy] * count) == pytest.approx([1 / count] * count)
