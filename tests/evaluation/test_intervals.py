import numpy as np
import pytest
from scipy import stats

from alambique.evaluation.intervals import (
    Interval,
    accuracy_contributions,
    calibration_contributions,
    helped,
    interval,
    macro_f1_contributions,
    mcnemar,
    pseudo_values,
    retention_contributions,
)
from alambique.evaluation.metrics import expected_calibration_error, macro_f1, macro_f1_without

ROWS, CLASSES, DRAWS = 400, 4, 1000


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
    reach = stats.t.ppf(0.975, 32 / 19) * np.sqrt(4 / 3)
    assert (found.mean, found.low, found.high) == pytest.approx((2, 2 - reach, 2 + reach))
    assert found.per_seed == (1.0, 3.0)


def test_two_seeds_that_happen_to_be_alike_are_no_proof_that_seeds_are():
    # means: rows 0, 1.5, 1.5; seeds 1, 1. Squares: rows 2·(1 + .25 + .25)/2 = 1.5; seeds 0; rest 4·.25/2 = .5, of which
    # half counts for the seeds. Variance 1.5/6; freedom .25² / ((1.5²/2 + .25²/1) / 6²) = 2.25/1.1875
    found = interval([1.0, 1.0], np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]]))
    reach = stats.t.ppf(0.975, 2.25 / 1.1875) * np.sqrt(1.5 / 6)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))


def test_four_seeds_that_happen_to_be_alike_are_pooled():
    # as above, each seed twice: rows 4·1.5/2 = 3; seeds 0
    found = interval([1.0] * 4, np.array([[0.0, 1.0, 2.0], [0.0, 2.0, 1.0]] * 2))
    reach = stats.t.ppf(0.975, 2) * np.sqrt(3 / 12)
    assert (found.low, found.high) == pytest.approx((1 - reach, 1 + reach))


def test_nothing_varies():
    assert interval([0.0, 0.0], np.zeros((2, 5))) == Interval(0.0, 0.0, 0.0, (0.0, 0.0))


@pytest.mark.parametrize(
    ("low", "high", "answer"), [(0.01, 0.1, "yes"), (-0.1, -0.01, "no"), (-0.1, 0.1, "not shown"), (0, 0, "not shown")]
)
def test_the_rule(low, high, answer):
    assert helped(Interval((low + high) / 2, low, high, ())) == answer


def random_case(seed, rows=60):
    maker = np.random.default_rng(seed)
    return maker.normal(size=(rows, CLASSES)).argmax(-1), maker.integers(0, CLASSES, rows)


def test_macro_f1_without_a_row_is_macro_f1_of_the_others():
    predicted, labels = random_case(0)
    whole, without = macro_f1_without(predicted, labels, CLASSES)
    assert whole == pytest.approx(macro_f1(predicted, labels, CLASSES))
    for i in range(60):
        kept = np.arange(60) != i
        assert without[i] == pytest.approx(macro_f1(predicted[kept], labels[kept], CLASSES))


def test_calibration_pseudo_values_are_the_jackknifes():
    predicted, labels = random_case(1)
    confidence, correct = np.random.default_rng(1).uniform(0.25, 1, 60), (predicted == labels).astype(float)
    whole = expected_calibration_error(confidence, correct)
    found = calibration_contributions(confidence, correct)
    for i in range(60):
        kept = np.arange(60) != i
        without = expected_calibration_error(confidence[kept], correct[kept])
        assert found[i] == pytest.approx(60 * whole - 59 * without)


def test_calibration_error_by_hand():
    # two rows in the bin of .9, one right: |.9 − .5| · 2/3; one row in the bin of .6, right: .4 · 1/3
    confidence, correct = np.array([0.9, 0.9, 0.6]), np.array([1.0, 0.0, 1.0])
    assert expected_calibration_error(confidence, correct) == pytest.approx(0.4 * 2 / 3 + 0.4 / 3)


def test_retention_is_the_ratio():
    student, labels = random_case(2)
    teacher, _ = random_case(3)
    ratio, parts = retention_contributions(student, teacher, labels, CLASSES)
    assert ratio == pytest.approx(macro_f1(student, labels, CLASSES) / macro_f1(teacher, labels, CLASSES))
    kept = np.arange(60) != 7
    without = macro_f1(student[kept], labels[kept], CLASSES) / macro_f1(teacher[kept], labels[kept], CLASSES)
    assert parts[7] == pytest.approx(60 * ratio - 59 * without)


def test_a_teacher_that_gets_nothing_right_has_nothing_to_retain():
    labels = np.array([0, 1, 0, 1])
    ratio, parts = retention_contributions(np.array([0, 1, 0, 1]), np.array([1, 0, 1, 0]), labels, 2)
    assert np.isnan(ratio)
    assert np.isnan(parts).all()


def test_contributions_are_the_pseudo_values():
    predicted, labels = random_case(4)
    whole, without = macro_f1_without(predicted, labels, CLASSES)
    assert macro_f1_contributions(predicted, labels, CLASSES).tolist() == pseudo_values(whole, without).tolist()


def test_mcnemar_by_hand():
    labels = np.array([0] * 6)
    found = mcnemar(np.array([0, 0, 0, 0, 0, 1]), np.array([1] * 6), labels)
    assert found == {"student_only_right": 5, "undistilled_only_right": 0, "p": pytest.approx(2 / 2**5)}
    assert mcnemar(np.array([0] * 6), np.array([0] * 6), labels)["p"] == 1.0


class World:
    """Rows of several kinds, a teacher, and models that get a row right with a chance of kind and seed."""

    def __init__(self, seed):
        self.maker = np.random.default_rng(seed)

    def draw(self, seeds, skills, seed_spread, rows=ROWS):
        labels = self.maker.integers(0, CLASSES, rows)
        ease = self.maker.normal(size=rows)
        models = []
        for skill in skills:
            offsets = self.maker.normal(scale=seed_spread, size=(seeds, 1))
            chance = 1 / (1 + np.exp(-(skill + ease + offsets)))
            right = self.maker.random((seeds, rows)) < chance
            wrong = (labels + self.maker.integers(1, CLASSES, (seeds, rows))) % CLASSES
            models.append(np.where(right, labels, wrong))
        return labels, models


@pytest.mark.parametrize(
    ("seeds", "seed_spread", "least", "most"),
    [(1, 0.0, 930, 970), (5, 0.0, 930, 970), (5, 0.2, 930, 970), (2, 0.4, 890, DRAWS), (3, 0.2, 930, DRAWS)],
)
def test_intervals_cover_the_truth(seeds, seed_spread, least, most):
    """Of 1,000 draws 93 to 97 % cover the gain in macro-F1, the retention and the accuracy of the population.

    With two or three seeds it may be more, and with two that differ a little less: they cannot tell whether seeds differ.
    """
    population = World(1)
    labels, (student, twin, teacher) = population.draw(60, (0.4, 0.2, 0.6), seed_spread, rows=8000)
    f1 = [np.mean([macro_f1(z, labels, CLASSES) for z in model]) for model in (student, twin, teacher)]
    truth = {"gain": f1[0] - f1[1], "retention": f1[0] / f1[2], "accuracy": (student == labels).mean()}
    covered = dict.fromkeys(truth, 0)
    world = World(2)
    for _ in range(DRAWS):
        labels, (student, twin, teacher) = world.draw(seeds, (0.4, 0.2, 0.6), seed_spread)
        mine, theirs = ([macro_f1_without(z, labels, CLASSES) for z in model] for model in (student, twin))
        gains = [s[0] - t[0] for s, t in zip(mine, theirs, strict=True)]
        parts = [pseudo_values(*s) - pseudo_values(*t) for s, t in zip(mine, theirs, strict=True)]
        kept = [retention_contributions(s, t, labels, CLASSES) for s, t in zip(student, teacher, strict=True)]
        right = np.stack([accuracy_contributions(s, labels) for s in student])
        found = {
            "gain": interval(gains, np.stack(parts)),
            "retention": interval([ratio for ratio, _ in kept], np.stack([part for _, part in kept])),
            "accuracy": interval(right.mean(1).tolist(), right),
        }
        for name, value in truth.items():
            covered[name] += found[name].low <= value <= found[name].high
    for name, count in covered.items():
        assert least <= count <= most, (name, count)
