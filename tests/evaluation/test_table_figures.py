"""Figures of a confusion table against scikit-learn and by hand; what a row of a cell does against counting it."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, cohen_kappa_score, f1_score, mean_absolute_error

from alambique.evaluation.metrics import confusion
from alambique.evaluation.table_figures import accuracy_of, class_f1_of, kappa_of, steps_of

CLASSES = 4
OF_MANY = [accuracy_of, steps_of, kappa_of]


def drawn(seed, classes=CLASSES, rows=60):
    maker = np.random.default_rng(seed)
    labels = maker.integers(0, classes, rows)
    return np.where(maker.random(rows) < 0.6, labels, maker.integers(0, classes, rows)), labels


@pytest.mark.parametrize("seed", range(20))
def test_the_values_are_those_of_scikit_learn(seed):
    predicted, labels = drawn(seed)
    table = confusion(predicted, labels, CLASSES)
    assert accuracy_of(table).value == pytest.approx(accuracy_score(labels, predicted), abs=1e-9)
    assert steps_of(table).value == pytest.approx(mean_absolute_error(labels, predicted), abs=1e-9)
    kappa = cohen_kappa_score(labels, predicted, weights="quadratic", labels=range(CLASSES))
    assert kappa_of(table).value == pytest.approx(kappa, abs=1e-9)
    ours, theirs = (labels == 2).astype(int), (predicted == 2).astype(int)
    assert class_f1_of(confusion(theirs, ours, 2)).value == pytest.approx(f1_score(ours, theirs), abs=1e-9)


def test_values_by_hand():
    table = np.array([[2.0, 1.0], [1.0, 4.0]])
    assert accuracy_of(table).value == 6 / 8
    assert steps_of(table).value == 2 / 8
    assert class_f1_of(table).value == 8 / 10
    assert kappa_of(table).value == pytest.approx(1 - 2 / ((3 * 5 + 5 * 3) / 8))


@pytest.mark.parametrize("figure", [*OF_MANY, class_f1_of])
@pytest.mark.parametrize("seed", range(3))
def test_what_a_row_does_is_what_counting_it_shows(figure, seed):
    classes = 2 if figure is class_f1_of else CLASSES
    table = confusion(*drawn(seed, classes), classes) + 0.25
    whole, step = figure(table), 1e-6
    for cell in np.ndindex(table.shape):
        more, less = table.copy(), table.copy()
        more[cell] += step
        assert whole.slope[cell] == pytest.approx((figure(more).value - whole.value) / step, abs=1e-6)
        if table[cell] >= 1:
            less[cell] -= 1
            assert whole.without[cell] == pytest.approx(figure(less).value, abs=1e-12)


def test_tables_without_what_a_figure_is_about():
    assert class_f1_of(np.array([[5.0, 0.0], [0.0, 0.0]])).value == 0.0
    alike = kappa_of(np.diag([5.0, 0.0, 0.0]))
    assert (alike.value, alike.slope.any()) == (1.0, False)
    assert kappa_of(np.array([[3.0, 0.0], [2.0, 0.0]])).value == pytest.approx(0.0)  # one decision for all rows
