"""What rows and pseudo-rows contribute to a figure, against values worked out by hand and against its definition."""

import numpy as np
import pytest

from alambique.evaluation import contributions
from alambique.evaluation.contributions import mean_of, of_macro_f1, of_macro_f1_gain, of_macro_f1_ratio, of_share
from alambique.evaluation.metrics import confusion, macro_f1, macro_f1_of

CLASSES = 4


def random_case(seed, rows=60):
    maker = np.random.default_rng(seed)
    return maker.normal(size=(rows, CLASSES)).argmax(-1), maker.integers(0, CLASSES, rows)


def weighted_mean(parts):
    """Over rows and pseudo-rows."""
    return (parts.rows.sum() + parts.pseudo @ parts.weights) / (len(parts.rows) + parts.weights.sum())


def test_a_share_has_two_right_and_two_wrong_rows_more():
    parts = of_share(np.array([1.0, 1.0, 1.0, 0.0]))
    assert parts.figure == 3 / 4
    assert parts.centre == 5 / 8  # 3 + 2 of 4 + 4
    assert (parts.pseudo.tolist(), parts.weights.tolist()) == ([0.0, 1.0], [2.0, 2.0])
    assert weighted_mean(parts) == parts.centre


def test_macro_f1_has_them_divided_among_the_classes_that_have_rows():
    # of four classes two have rows: each gets one right row, and a wrong one, a third of it for each other answer
    labels = np.array([0, 0, 1, 1])
    parts = of_macro_f1(labels, labels, CLASSES)
    table = np.diag([3.0, 3, 0, 0])
    table[0, 1:], table[1, [0, 2, 3]] = 1 / 3, 1 / 3
    # F1 of the first two: 2·3 / (4 + 3⅓) = 9/11; the others are never right
    assert parts.centre == pytest.approx(macro_f1_of(table).value) == pytest.approx(2 * 9 / 11 / 4)
    assert parts.figure == macro_f1(labels, labels, CLASSES) == 0.5
    assert parts.weights.reshape(CLASSES, CLASSES).sum(1).tolist() == pytest.approx([2, 2, 0, 0])


def test_a_difference_has_a_row_that_only_either_gets_right():
    # each class has two rows, half a right and half a wrong one: F1 of 2·2.5 / (3 + 3) = 5/6. A right row changes macro-F1
    # by (2/6)(1 − 5/6) / 2 = 1/36, a wrong one by −2 · (5/6)/6 / 2 = −5/36: together 1/6, times 6 rows
    labels = np.array([0, 0, 1, 1])
    parts = of_macro_f1_gain(labels, labels, labels, 2)
    assert (parts.figure, parts.centre, parts.rows.tolist()) == (0.0, 0.0, [0.0] * 4)
    counted = parts.weights > 0
    assert parts.weights[counted].tolist() == [0.5] * 4
    assert parts.pseudo[counted].tolist() == pytest.approx([1, 1, -1, -1])
    # the same rows change the ratio of two equal figures by their changes over the figure: 6 · (1/6) / (5/6) = 1.2
    ratio = of_macro_f1_ratio(labels, labels, labels, 2)
    assert ratio.pseudo[counted].tolist() == pytest.approx([1 + 1.2] * 2 + [1 - 1.2] * 2)


def test_without_pseudo_rows_contributions_are_the_jackknifes(monkeypatch):
    monkeypatch.setattr(contributions, "_OF_A_SHARE", 0.0)
    monkeypatch.setattr(contributions, "_OF_A_PAIR", 0.0)
    student, labels = random_case(2)
    other, _ = random_case(3)
    found = (
        of_macro_f1(student, labels, CLASSES),
        of_macro_f1_gain(student, other, labels, CLASSES),
        of_macro_f1_ratio(student, other, labels, CLASSES),
    )

    def figures(rows):
        mine, theirs = (macro_f1(predicted[rows], labels[rows], CLASSES) for predicted in (student, other))
        return np.array([mine, mine - theirs, mine / theirs])

    whole = figures(np.arange(60))
    assert [parts.figure for parts in found] == pytest.approx(whole.tolist())
    for i in (0, 7, 31):
        expected = 60 * whole - 59 * figures(np.arange(60) != i)
        assert [parts.rows[i] for parts in found] == pytest.approx(expected.tolist())


@pytest.mark.parametrize("of", [of_macro_f1_gain, of_macro_f1_ratio])
def test_the_mean_of_all_contributions_is_the_centre(of):
    student, labels = random_case(4, rows=2000)
    other, _ = random_case(5, rows=2000)
    parts = of(student, other, labels, CLASSES)
    assert parts.weights.sum() == pytest.approx(2)
    assert weighted_mean(parts) == pytest.approx(parts.centre, abs=3e-3)  # the jackknife's bias
    assert parts.centre == pytest.approx(parts.figure, abs=0.01)


def test_a_class_that_test_lacks_gets_no_pseudo_row():
    student, labels = random_case(6)
    parts = of_macro_f1_gain(student, student, np.where(labels == 3, 0, labels), CLASSES)
    assert parts.weights.reshape(2, CLASSES, CLASSES)[:, 3].tolist() == [[0.0] * CLASSES] * 2


def test_a_teacher_that_gets_nothing_right_has_nothing_to_retain():
    labels = np.array([0, 1, 0, 1])
    assert of_macro_f1_ratio(labels, 1 - labels, labels, 2) is None


def test_the_mean_over_trainings():
    (first, labels), (second, _) = random_case(7), random_case(8)
    parts = [of_macro_f1(predicted, labels, CLASSES) for predicted in (first, second)]
    mean = mean_of(parts)
    assert mean.figure == pytest.approx((parts[0].figure + parts[1].figure) / 2)
    assert mean.rows.tolist() == pytest.approx(((parts[0].rows + parts[1].rows) / 2).tolist())
    assert mean.weights.tolist() == parts[0].weights.tolist()


def test_what_a_row_does_to_macro_f1():
    predicted, labels = random_case(0)
    f1 = macro_f1_of(confusion(predicted, labels, CLASSES))
    assert f1.value == pytest.approx(macro_f1(predicted, labels, CLASSES))
    for i in range(60):
        others = np.arange(60) != i
        assert f1.without[labels[i], predicted[i]] == pytest.approx(
            macro_f1(predicted[others], labels[others], CLASSES)
        )
    table, step = confusion(predicted, labels, CLASSES), 1e-6
    for cell in ((0, 0), (1, 2), (3, 0)):
        more = table.copy()
        more[cell] += step
        assert f1.slope[cell] == pytest.approx((macro_f1_of(more).value - f1.value) / step, rel=1e-4)
