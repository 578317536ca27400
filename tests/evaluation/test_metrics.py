import numpy as np
import pytest

from alambique.evaluation.metrics import accuracy, agreement, macro_f1

PREDICTED = np.array([0, 0, 1, 1])
LABELS = np.array([0, 1, 1, 1])


def test_accuracy():
    assert accuracy(PREDICTED, LABELS) == 0.75


def test_macro_f1_counts_an_absent_class_as_0():
    # class 0: precision 1/2, recall 1, F1 2/3; class 1: precision 1, recall 2/3, F1 4/5; class 2: 0
    assert macro_f1(PREDICTED, LABELS, classes=3) == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


def test_agreement():
    assert agreement(PREDICTED, np.array([0, 2, 1, 0])) == 0.5
