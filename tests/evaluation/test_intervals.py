"""Intervals by hand: one seed, few seeds, seeds that are alike, pseudo-rows, several students of a teacher."""

import numpy as np
import pytest
from scipy import stats

from alambique.evaluation.contributions import Contributions, of_macro_f1, of_macro_f1_gain, of_mean, of_share
from alambique.evaluation.intervals import (
    Interval,
    accuracy_contributions,
    helped,
    interval,
    interval_over,
    macro_f1_contributions,
    mcnemar,
)
from alambique.evaluation.metrics import calibration_error_by_chance, expected_calibration_error, macro_f1

OF_SEVERAL = 0.9825  # quantile: two-sided 96.5 %


def test_one_seed_is_students_t_over_rows():
    values = np.array([[1.0, 2.0, 3.0, 6.0]])
    found = interval([3.0], values)
    expected = stats.t.interval(0.95, 3, loc=3.0, scale=stats.sem(values[0]))
    assert (found.low, found.high) == pytest.approx(expected)


def test_seeds_and_rows_by_hand():
    # means: rows 1, 2, 3; seeds 1, 3; grand 2. Squares: rows 2·(1+0+1)/2 = 2; seeds 3·(1+1)/1 = 6;
    # rest: (0 0 0 / 0 0 0) = 0. Variance (2 + 6 − 0)/6 = 4/3; freedom (4/3)² / ((1/3)²/2 + 1²/1) = 32/19
    values = np.array([[0.0, 1.0, 2.0], [2.0, 3.0, 4.0]])
    found = interval([1.0, 3.0], values)
    reach = stats.t.ppf(OF_SEVERAL, 32 / 19) * np.sqrt(4 / 3)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - reach, 2 + reach))
    assert found.per_seed == (1.0, 3.0)


def test_two_seeds_that_happen_to_be_alike_are_no_proof_that_seeds_are():
    # means: rows 0, 1.5, 1.5; seeds 1, 1. Squares: rows 2·(1 + .25 + .25)/2 = 1.5; seeds 0, so .75 of the rows' counts,
    # 1.125; rest 4·.25/2 = .5. Variance (1.5 + .625)/6; freedom 2.125² / (1.5²/2 + 1.125²/1)
    found = interval([1.0, 1.0], np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]))
    reach = stats.t.ppf(OF_SEVERAL, 2.125**2 / (1.5**2 / 2 + 1.125**2)) * np.sqrt(2.125 / 6)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))


def test_four_seeds_that_happen_to_be_alike_are_pooled_with_no_fewer_degrees_than_seeds_have():
    # as above, each seed twice: rows 4·1.5/2 = 3; seeds 0. Two rows' degrees are fewer than three seeds'
    found = interval([1.0] * 4, np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]] * 2))
    reach = stats.t.ppf(OF_SEVERAL, 3) * np.sqrt(3 / 12)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))


def test_a_model_that_no_seed_changes_is_one_training():
    values = np.array([[1.0, 0.0, 1.0, 1.0]])
    once, thrice = interval([0.75], values), interval([0.75] * 3, np.repeat(values, 3, axis=0))
    assert (thrice.mean, thrice.low, thrice.high) == (once.mean, once.low, once.high)


@pytest.mark.parametrize("seeds", [2, 3])
def test_few_seeds_that_cancel_have_no_interval_beyond_what_can_be(seeds):
    """Rows that only one seed's student or twin gets wrong: degrees of freedom near 0 once gave ± 10¹⁴⁹."""
    labels = np.arange(500) % 6
    parts = []
    for seed in range(seeds):
        student, twin = labels.copy(), labels.copy()
        student[seed * 4 : seed * 4 + 3] += 1
        twin[100 + seed * 4 : 104 + seed * 4] += 1
        parts.append(of_macro_f1_gain(student % 6, twin % 6, labels, 6))
    found = interval_over(parts)
    assert found.mean == pytest.approx(1 / 500, abs=2e-4)
    assert -0.1 < found.low < 0 < found.high < 0.1


def test_all_rows_right_is_the_interval_of_agresti_and_coull():
    found = interval_over([of_share(np.ones(300))])
    share = 302 / 304
    reach = stats.t.ppf(0.975, 303) * np.sqrt(share * (1 - share) / 303)
    assert (found.mean, found.low, found.high) == pytest.approx((1, share - reach, share + reach))
    assert 0.983 < found.low < 0.988  # Clopper and Pearson's exact interval begins at .9878


def test_two_models_that_are_always_right_are_the_interval_of_bonett_and_price():
    # rows that only either gets right: 0 and 0, and a pseudo-row of each. Variance (1 + 1) / 5 / 6, see test_contributions
    labels = np.array([0, 0, 1, 1])
    found = interval_over([of_macro_f1_gain(labels, labels, labels, 2)])
    reach = stats.t.ppf(0.975, 5) * np.sqrt(2 / 30)
    assert (found.mean, found.low, found.high) == pytest.approx((0, -reach, reach))


def test_the_figure_lies_in_its_interval():
    # four rows, all right: the centre is 6/8, and its low degrees reach far; the figure stays inside whatever they do
    parts = Contributions(1.0, 0.5, np.array([0.5, 0.5]), np.array([0.5]), np.array([1.0]))
    assert interval_over([parts]) == Interval(1.0, 0.5, 1.0, (1.0,))


def test_several_students_of_several_teachers_count_as_their_means():
    maker = np.random.default_rng(0)
    parts = [of_mean(maker.normal(size=50)) for _ in range(6)]
    over = interval_over(parts, students=3)
    means = [of_mean((parts[i].rows + parts[i + 1].rows + parts[i + 2].rows) / 3) for i in (0, 3)]
    expected = interval_over(means)
    assert (over.mean, over.low, over.high) == pytest.approx((expected.mean, expected.low, expected.high))
    assert over.per_seed == tuple(each.figure for each in parts)


def test_several_students_of_one_teacher_count_each():
    maker = np.random.default_rng(1)
    parts = [of_mean(maker.normal(size=50)) for _ in range(3)]
    assert interval_over(parts, students=3) == interval_over(parts)


def test_an_interval_ends_where_its_figure_does():
    assert Interval(0.5, -3.0, 0.7, ()).within(-1.0, 1.0) == Interval(0.5, -1.0, 0.7, ())


def test_nothing_varies():
    assert interval([0.0, 0.0], np.zeros((2, 5))) == Interval(0.0, 0.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("low", "high", "answer"), [(0.01, 0.1, "yes"), (-0.1, -0.01, "no"), (-0.1, 0.1, "not shown"), (0, 0, "not shown")]
)
def test_the_rule(low, high, answer):
    mean = (low + high) / 2
    assert helped(Interval(mean, low, high, (mean, mean))) == answer
    assert helped(Interval(mean, low, high, (mean,))) == "not shown"


def test_contributions_for_anyones_own_interval():
    maker = np.random.default_rng(4)
    predicted, labels = maker.integers(0, 4, 60), maker.integers(0, 4, 60)
    others = np.arange(60) != 7
    expected = 60 * macro_f1(predicted, labels, 4) - 59 * macro_f1(predicted[others], labels[others], 4)
    assert macro_f1_contributions(predicted, labels, 4)[7] == pytest.approx(expected)
    assert accuracy_contributions(predicted, labels).mean() == (predicted == labels).mean()


@pytest.mark.parametrize(
    ("rows", "least", "most"), [(300, 0.3, 1.0), (1300, 0.3, 1.0), (300, 0.9, 0.999), (1300, 0.16, 0.5)]
)
def test_a_calibrated_model_shows_the_error_that_chance_gives(rows, least, most):
    """The mean binned error of 300 calibrated models is what is said of one of them, within a tenth."""
    maker = np.random.default_rng(0)
    confidence = maker.uniform(least, most, rows)
    errors = [expected_calibration_error(confidence, maker.random(rows) < confidence) for _ in range(300)]
    assert np.mean(errors) == pytest.approx(calibration_error_by_chance(confidence), rel=0.1)


def test_the_error_by_chance_by_hand():
    # a bin of one row: .9 off with a chance of .1, .1 with .9. One of 300: √(2 · 27 / π)
    assert calibration_error_by_chance(np.array([0.9])) == pytest.approx(0.18)
    assert calibration_error_by_chance(np.full(300, 0.9)) == pytest.approx(np.sqrt(2 * 27 / np.pi) / 300)


def test_calibration_error_by_hand():
    # two rows in the bin of .9, one right: |.9 − .5| · 2/3; one row in the bin of .6, right: .4 · 1/3
    confidence, correct = np.array([0.9, 0.9, 0.6]), np.array([1.0, 0.0, 1.0])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.4 * 2 / 3 + 0.4 / 3)


def test_mcnemar_by_hand():
    labels = np.array([0] * 6)
    found = mcnemar(np.array([0, 0, 0, 0, 0, 1]), np.array([1] * 6), labels)
    assert found == {"student_only_right": 5, "undistilled_only_right": 0, "p": pytest.approx(2 / 2**5)}
    assert mcnemar(np.array([0] * 6), np.array([0] * 6), labels)["p"] == 1.0


def test_an_interval_of_1300_rows_and_five_trainings_needs_no_loop_over_rows(monkeypatch):
    """The jackknife reads the confusion table: as many tables as trainings, however many rows there are."""
    from alambique.evaluation import contributions

    made = []
    confusion = contributions.confusion
    monkeypatch.setattr(contributions, "confusion", lambda *arguments: made.append(1) or confusion(*arguments))
    maker = np.random.default_rng(0)
    labels = maker.integers(0, 6, 1300)
    found = interval_over([of_macro_f1(maker.integers(0, 6, 1300), labels, 6) for _ in range(5)])
    assert found.low < 1 / 6 < found.high
    assert len(made) == 5
