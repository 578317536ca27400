"""A student's figure on valid, and its difference to another's."""

import numpy as np
import pytest

from alambique.artefacts.splits import Split
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.trials.on_valid import OnValid

LABELS = np.array([0, 1] * 20)


def student(*wrong, rows=40):
    """One training for each number of wrong rows, the first ones."""
    ids = tuple(map(str, range(rows)))
    valid = Split("valid", ids, ids, None, LABELS[:rows])
    logits = tuple(np.eye(2)[np.where(np.arange(rows) < each, 1 - LABELS[:rows], LABELS[:rows])] for each in wrong)
    return OnValid(valid, SINGLE_LABEL, logits, len(wrong))


def test_the_figure_is_the_mean_over_trainings_with_its_interval():
    two = student(2, 6)
    assert two.values == pytest.approx((0.95, 0.85))  # as many of each label are wrong: macro-F1 is accuracy
    assert two.figure.mean == two.mean == pytest.approx(0.9)
    assert two.figure.low < 0.9 < two.figure.high <= 1


def test_a_difference_is_by_the_same_rows():
    ahead = student(2).ahead_of(student(10))
    assert ahead.mean == pytest.approx(0.2)
    assert ahead.low > 0
    same = student(2).ahead_of(student(2))
    assert same.low < same.mean == 0 < same.high
    assert student(2).ahead_of(student(2, 3)) is None
    assert student(2).ahead_of(student(2, rows=20)) is None
