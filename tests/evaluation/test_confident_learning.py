"""Which rows are contradicted, worked out by hand, and what must not matter for it."""

import math

import numpy as np
import pytest

from alambique.evaluation import confident_learning
from alambique.evaluation.confident_learning import contradictions
from alambique.evaluation.single_label import SINGLE_LABEL


def found(probabilities, labels):
    """Contradictions of rows given as probabilities, which are exact: no softmax rounds them."""
    return contradictions(np.array(probabilities), np.array(labels), lambda values: values)


def test_two_rows_of_three_classes_by_hand():
    """Thresholds: 0.2 of class 0, 0.4 of class 1, none of class 2, which is the label of no row."""
    result = found([[0.2, 0.5, 0.3], [0.1, 0.4, 0.5]], [0, 1])
    assert result.thresholds[:2].tolist() == [0.2, 0.4]
    assert math.isnan(result.thresholds[2])
    assert (result.rows.tolist(), result.classes.tolist()) == ([0], [1])  # row 1 reaches the threshold of its own class
    assert (result.label_probabilities.tolist(), result.class_probabilities.tolist()) == ([0.2], [0.5])


@pytest.mark.parametrize(
    ("probabilities", "classes"),
    [
        # thresholds of the other rows below: 0.5, 0.6 and 0.7
        ([0.3, 0.7, 0.0], [1]),
        ([0.45, 0.55, 0.0], []),  # the teacher's decision, but below the threshold of class 1
        ([0.15, 0.0, 0.85], [2]),
        ([0.02, 0.65, 0.72], [2]),  # both reached: the larger
        ([0.62, 0.62, 0.0], []),  # as probable as the label
        ([0.66, 0.61, 0.0], []),  # less probable than the label
    ],
)
def test_a_row_beside_thresholds_by_hand(probabilities, classes):
    """A thousand others of each class, so that the row of class 0 that is looked at moves no threshold by much."""
    others = [[0.5, 0.25, 0.25]] * 1000 + [[0.2, 0.6, 0.2]] * 1000 + [[0.2, 0.1, 0.7]] * 1000
    result = found([probabilities, *others], [0] * 1001 + [1] * 1000 + [2] * 1000)
    at = result.rows == 0
    assert result.classes[at].tolist() == classes


def test_a_label_that_is_not_reached_but_the_decision_is_left_alone():
    """By eq. 1 alone the first row would be of class 1, whose threshold is 0.3."""
    result = found([[0.6, 0.4], [1.0, 0.0], [0.7, 0.3]], [0, 0, 1])
    assert result.thresholds.tolist() == [0.8, 0.3]
    assert 0 not in result.rows.tolist()


def test_rows_without_a_label_set_no_threshold_and_are_not_contradicted():
    probabilities = [[0.2, 0.5, 0.3], [0.1, 0.4, 0.5]]
    more = found([[0.0, 0.9, 0.1], *probabilities, [0.9, 0.1, 0.0]], [-100, 0, 1, -100])
    assert more.rows.tolist() == [1]
    np.testing.assert_array_equal(more.thresholds, found(probabilities, [0, 1]).thresholds)
    assert found(np.zeros((0, 3)), []).rows.tolist() == []


@pytest.fixture
def noisy():
    """400 rows, of which about a tenth has another label than the one that their logits were made for."""
    maker = np.random.default_rng(3)
    labels = maker.integers(3, size=400)
    logits = maker.normal(size=(400, 3)) + 4 * np.eye(3)[labels]
    return logits, np.where(maker.random(400) < 0.15, maker.integers(3, size=400), labels)


def test_the_order_of_rows_and_the_parts_that_are_looked_at_do_not_matter(noisy, monkeypatch):
    logits, labels = noisy
    whole = contradictions(logits, labels, SINGLE_LABEL.probabilities)
    assert 20 < len(whole.rows) < 60
    order = np.random.default_rng(4).permutation(400)
    shuffled = contradictions(logits[order], labels[order], SINGLE_LABEL.probabilities)
    assert sorted(order[shuffled.rows].tolist()) == whole.rows.tolist()
    np.testing.assert_array_equal(shuffled.thresholds, whole.thresholds)
    monkeypatch.setattr(confident_learning, "_CHUNK", 7)
    parts = contradictions(logits, labels, SINGLE_LABEL.probabilities)
    for name in ("rows", "classes", "label_probabilities", "class_probabilities", "thresholds"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


def test_a_contradicted_row_is_decided_otherwise_and_classes_may_change_names(noisy):
    logits, labels = noisy
    whole = contradictions(logits, labels, SINGLE_LABEL.probabilities)
    assert (logits[whole.rows].argmax(-1) != labels[whole.rows]).all()
    names = np.array([2, 0, 1])  # class 0 is now 2
    renamed = contradictions(logits[:, np.argsort(names)], names[labels], SINGLE_LABEL.probabilities)
    assert renamed.rows.tolist() == whole.rows.tolist()
    assert renamed.classes.tolist() == names[whole.classes].tolist()
