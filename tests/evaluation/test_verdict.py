"""Two models on four rows, worked out by hand."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from alambique.artefacts.predictions import Predictions
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.verdict import best_seed, calibration, figures, stronger_twin, verdict

LABELS = np.array([0, 1, 2, 1])
TRUTH = [0, 1, 2, 1]
TEACHER = [0, 1, 2, 2]  # F1: 1; 2/3; 2/3
STUDENT = [0, 1, 1, 1]  # F1: 1; 4/5; 0
TWIN = [0, 0, 1, 1]  # F1: 2/3; 1/2; 0
TEACHER_F1, STUDENT_F1, TWIN_F1 = (1 + 2 / 3 + 2 / 3) / 3, (1 + 4 / 5) / 3, (2 / 3 + 1 / 2) / 3


def split_of(name, labels=LABELS):
    ids = tuple(f"{name}-{i}" for i in range(len(labels)))
    return Split(name, ids, ids, None, np.asarray(labels))


SPLITS = Splits(split_of("train"), split_of("valid"), split_of("test"), ("a", "b", "c"))


def predictions(name, valid, test, certainty=2.0):
    logits = {"valid": np.eye(3)[valid] * certainty, "test": np.eye(3)[test] * certainty}
    return Predictions(name, logits, 1, 1)


def seed(student, twin=TWIN, teacher=TEACHER, valid=None):
    answers = {"teacher": teacher, "student": student, "undistilled": twin}
    return {name: predictions(name, valid or answer, answer) for name, answer in answers.items()}


def test_figures_of_one_seed():
    shown = figures("student", [seed(STUDENT)], SPLITS.test, SINGLE_LABEL, ordinal=True)
    high = math.exp(2) / (math.exp(2) + 2)  # softmax of (2, 0, 0)
    low = 1 / (math.exp(2) + 2)
    assert {metric: value["mean"] for metric, value in shown.items()} == pytest.approx({
        "accuracy": 3 / 4,
        "macro_f1": STUDENT_F1,
        "expected_calibration_error": high - 3 / 4,  # all rows in one bin
        "agreement_with_teacher": 2 / 4,
        "kl_to_teacher": (high - low) * 2 * 2 / 4,  # two rows of four, whose logits are 2 apart
        "mean_absolute_error": 1 / 4,  # one row, one step away
        "quadratic_weighted_kappa": cohen_kappa_score(SPLITS.test.labels, STUDENT, weights="quadratic"),
    })  # fmt: skip
    assert all(value["per_seed"] == [value["mean"]] for value in shown.values())


def test_an_interval_ends_where_a_fraction_does():
    shown = figures("student", [seed(STUDENT)], SPLITS.test, SINGLE_LABEL, ordinal=False)
    assert shown["mean_absolute_error"] is None
    # of 1, 1, 0, 1 and two pseudo-rows of either kind: 5 of 8 are 1
    reach = stats.t.ppf(0.975, 7) * math.sqrt(5 / 8 * 3 / 8 / 7)
    assert 5 / 8 + reach > 1
    assert (shown["accuracy"]["low"], shown["accuracy"]["high"]) == pytest.approx((5 / 8 - reach, 1.0))
    kl = shown["kl_to_teacher"]  # not a fraction, so its interval may be below 0
    assert kl["low"] == pytest.approx(kl["mean"] * (1 - stats.t.ppf(0.975, 3) / math.sqrt(3)))  # of 0, 0, x, x


def test_the_calibration_error_has_no_interval_but_what_a_calibrated_model_shows():
    shown = figures("student", [seed(STUDENT), seed(TRUTH)], SPLITS.test, SINGLE_LABEL, ordinal=False)
    sure = math.exp(2) / (math.exp(2) + 2)  # of all four rows, which are in one bin: 3 or 4 of them are right
    error = shown["expected_calibration_error"]
    assert error["per_seed"] == pytest.approx([sure - 3 / 4, 1 - sure])
    assert error["mean"] == pytest.approx((1 - 3 / 4) / 2)
    assert (error["low"], error["high"]) == (None, None)
    assert error["if_calibrated"] == pytest.approx(math.sqrt(2 * 4 * sure * (1 - sure) / math.pi) / 4)


def test_a_teacher_agrees_with_itself_without_an_interval():
    shown = figures("teacher", [seed(STUDENT)], SPLITS.test, SINGLE_LABEL, ordinal=False)["agreement_with_teacher"]
    assert (shown["mean"], shown["low"], shown["high"]) == (1.0, 1.0, 1.0)


def test_figures_of_two_seeds():
    shown = figures("student", [seed(STUDENT), seed(TRUTH)], SPLITS.test, SINGLE_LABEL, ordinal=False)
    assert shown["accuracy"]["per_seed"] == [0.75, 1.0]
    assert shown["accuracy"]["mean"] == 0.875


def test_the_temperature_makes_confidence_what_accuracy_on_valid_is():
    student = predictions("student", STUDENT, TWIN)
    (fitted,) = calibration("student", [{"student": student}], SPLITS, SINGLE_LABEL)
    # softmax of (2/T, 0, 0) is 3/4 where exp(2/T) is 6; on test a half is right
    assert fitted["temperature"] == pytest.approx(2 / math.log(6), rel=1e-4)
    assert fitted["test_expected_calibration_error"] == pytest.approx(3 / 4 - 2 / 4, abs=1e-4)
    assert fitted["if_calibrated"] == pytest.approx(math.sqrt(2 * 4 * 3 / 16 / math.pi) / 4, abs=1e-4)


def test_the_verdict_compares_with_twin_and_teacher():
    found = verdict({4: seed(STUDENT)}, SPLITS.test, SINGLE_LABEL)
    assert found["gain"]["metric"] == found["retention"]["metric"] == "macro_f1"
    assert found["gain"]["mean"] == pytest.approx(STUDENT_F1 - TWIN_F1)
    assert found["gain"]["per_seed"] == [found["gain"]["mean"]]
    assert found["gain"]["low"] < 0 < found["gain"]["high"]
    assert found["helped"] == "not shown"
    assert found["counts"] == "rows only"
    assert found["retention"]["mean"] == pytest.approx(STUDENT_F1 / TEACHER_F1)
    # the twin has one row less right; a single row that differs proves nothing
    assert found["mcnemar"] == [{"seed": 4, "student_only_right": 1, "undistilled_only_right": 0, "p": 1.0}]


def test_the_verdict_over_two_seeds():
    found = verdict({1: seed(STUDENT), 2: seed(TRUTH)}, SPLITS.test, SINGLE_LABEL)
    assert found["gain"]["per_seed"] == pytest.approx([STUDENT_F1 - TWIN_F1, 1 - TWIN_F1])
    assert found["retention"]["per_seed"] == pytest.approx([STUDENT_F1 / TEACHER_F1, 1 / TEACHER_F1])
    assert found["counts"] == "rows and seeds"
    assert [each["seed"] for each in found["mcnemar"]] == [1, 2]
    # four rows decide nothing, and no difference can be larger than all
    assert (found["gain"]["low"], found["gain"]["high"]) == (-1.0, 1.0)
    assert found["resolution"] == {"rows": 4, "student_wrong": 0.5, "undistilled_wrong": 2.0, "difference": 1.0}


def test_several_students_of_one_teacher_are_counted_and_said():
    trainings = {0: seed(STUDENT), 10: seed(TRUTH), 20: seed(STUDENT)}
    found = verdict(trainings, SPLITS.test, SINGLE_LABEL, students=3)
    assert found["counts"] == "rows and student seeds"
    assert len(found["gain"]["per_seed"]) == 3
    assert found["gain"] == verdict(trainings, SPLITS.test, SINGLE_LABEL)["gain"]  # each counts as a seed


def test_students_of_several_teachers_are_counted_by_teacher():
    trainings = {0: seed(STUDENT), 10: seed(TRUTH), 1: seed(TWIN), 11: seed(STUDENT)}
    found = verdict(trainings, SPLITS.test, SINGLE_LABEL, students=2)
    assert found["counts"] == "rows and seeds"
    mean = (STUDENT_F1 + 1 + TWIN_F1 + STUDENT_F1) / 4 - TWIN_F1
    assert found["gain"]["mean"] == pytest.approx(mean)
    shown = figures("student", list(trainings.values()), SPLITS.test, SINGLE_LABEL, ordinal=False, students=2)
    assert shown["accuracy"]["per_seed"] == [0.75, 1.0, 0.5, 0.75]


def test_retention_ends_at_what_a_student_that_is_always_right_has_of_the_weakest_teacher():
    found = verdict({0: seed(TRUTH)}, SPLITS.test, SINGLE_LABEL)["retention"]
    assert found["low"] >= 0
    labels = np.arange(300) % 3
    teacher = labels.copy()
    teacher[:30] = (teacher[:30] + 1) % 3
    right, worse = labels.tolist(), teacher.tolist()
    models = seed(right, right, worse, valid=TRUTH)
    lowest = figures("teacher", [models], split_of("test", labels), SINGLE_LABEL, ordinal=False)["macro_f1"]["low"]
    found = verdict({0: models}, split_of("test", labels), SINGLE_LABEL)["retention"]
    assert 1 / 0.9 - 0.01 < found["mean"] < found["high"] <= 1 / lowest


def test_a_single_training_shows_nothing_whatever_its_rows_say():
    labels = np.arange(300) % 3
    right, wrong = labels.tolist(), ((labels + 1) % 3).tolist()
    found = verdict({0: seed(right, wrong, right, valid=TRUTH)}, split_of("test", labels), SINGLE_LABEL)
    assert found["gain"]["low"] > 0.9
    assert found["helped"] == "not shown"
    assert found["counts"] == "rows only"
    assert found["rule"].endswith("with a single training of each always not shown")


def test_students_of_one_teacher_are_counted_as_seeds_are():
    trainings = {0: seed(STUDENT), 1000: seed(TRUTH), 2000: seed(TWIN)}
    several = verdict(trainings, SPLITS.test, SINGLE_LABEL, students=3)
    assert several["counts"] == "rows and student seeds"
    assert {**several, "counts": "rows and seeds"} == verdict(trainings, SPLITS.test, SINGLE_LABEL)
    assert [each["seed"] for each in several["mcnemar"]] == [0, 1000, 2000]


def test_students_of_several_teachers_are_averaged_before_they_vary():
    """Two equal students of each teacher are as much as one; which of a teacher's students comes first does not matter."""
    alone = {0: seed(STUDENT), 1: seed(TWIN)}
    twice = {0: alone[0], 1000: alone[0], 1: alone[1], 1001: alone[1]}
    once, both = verdict(alone, SPLITS.test, SINGLE_LABEL), verdict(twice, SPLITS.test, SINGLE_LABEL, students=2)
    assert both["counts"] == "rows and seeds"
    for figure in ("gain", "retention"):
        for end in ("mean", "low", "high"):
            assert both[figure][end] == pytest.approx(once[figure][end]), (figure, end)
    assert both["gain"]["per_seed"] == pytest.approx([STUDENT_F1 - TWIN_F1] * 2 + [0.0] * 2)
    mixed = [seed(STUDENT), seed(TRUTH), seed(TWIN), seed(STUDENT)]
    shown, turned = (
        figures("student", trainings, SPLITS.test, SINGLE_LABEL, ordinal=False, students=2)["accuracy"]
        for trainings in (mixed, [mixed[1], mixed[0], mixed[3], mixed[2]])
    )
    assert (shown["mean"], shown["per_seed"], turned["per_seed"]) == (
        0.75,
        [0.75, 1.0, 0.5, 0.75],
        [1.0, 0.75, 0.75, 0.5],
    )
    assert (turned["low"], turned["high"]) == (shown["low"], shown["high"])


@pytest.mark.parametrize(("student", "twin", "helped"), [(0, 1, "yes"), (1, 0, "no"), (0, 0, "not shown")])
def test_a_gain_that_rows_and_seeds_agree_on(student, twin, helped):
    labels = np.arange(30) % 3
    test = split_of("test", labels)
    right = labels.tolist()
    wrong = ((labels + 1) % 3).tolist()
    mixed = [right[:24] + wrong[24:], wrong[:24] + right[24:]]  # 24 of 30 rows right, or 6
    seeds = {number: seed(mixed[student], mixed[twin], right, valid=TRUTH) for number in range(3)}
    assert verdict(seeds, test, SINGLE_LABEL)["helped"] == helped


def test_nothing_to_retain_of_a_teacher_that_is_never_right():
    found = verdict({0: seed(STUDENT, teacher=[1, 2, 0, 0])}, SPLITS.test, SINGLE_LABEL)
    assert found["retention"] == {
        "metric": "macro_f1", "of": "teacher", "mean": None, "low": None, "high": None, "per_seed": [],
    }  # fmt: skip


def test_retention_is_a_fraction_of_what_taught_the_student():
    several = seed(STUDENT, teacher=[1, 2, 0, 0])
    several["ensemble"] = several["student"]
    found = verdict({0: several}, SPLITS.test, SINGLE_LABEL)["retention"]
    assert (found["of"], found["mean"]) == ("ensemble", 1.0)


def test_the_best_seed_is_chosen_on_valid():
    seeds = {0: seed(TRUTH, valid=TWIN), 1: seed(TWIN, valid=STUDENT), 2: seed(TRUTH, valid=STUDENT)}
    assert best_seed(seeds, SPLITS, SINGLE_LABEL) == 1  # the first of two that are equal on valid


def two_twins(student, twin, once, valid):
    made = seed(student, twin)
    made["undistilled"] = predictions("undistilled", valid[0], twin)
    made["undistilled_once"] = predictions("undistilled_once", valid[1], once)
    return made


def test_of_two_twins_the_gain_is_over_the_one_that_is_better_on_valid():
    seeds = {0: two_twins(STUDENT, TWIN, TEACHER, (TWIN, TRUTH))}
    assert stronger_twin(seeds, SPLITS, SINGLE_LABEL) == "undistilled_once"
    over = verdict(seeds, SPLITS.test, SINGLE_LABEL, over="undistilled_once")
    assert (over["gain"]["over"], over["gain"]["mean"]) == ("undistilled_once", pytest.approx(STUDENT_F1 - TEACHER_F1))
    (other,) = over["other_gains"]
    assert (other["over"], other["mean"]) == ("undistilled", pytest.approx(STUDENT_F1 - TWIN_F1))
    assert over["resolution"]["undistilled_wrong"] == 1
    assert stronger_twin({0: two_twins(STUDENT, TWIN, TEACHER, (TRUTH, TRUTH))}, SPLITS, SINGLE_LABEL) == "undistilled"
    assert stronger_twin({0: seed(STUDENT)}, SPLITS, SINGLE_LABEL) == "undistilled"


def test_it_helped_only_if_it_did_over_both_twins():
    labels = np.arange(3).repeat(100)
    splits = Splits(*(split_of(name, labels) for name in ("train", "valid", "test")), ("a", "b", "c"))
    good, bad = labels.tolist(), np.where(np.arange(300) % 3 == 0, 2 - labels, labels).tolist()
    teacher = {"teacher": predictions("teacher", good, good)}

    def answer(first, second):
        seeds = {n: two_twins(good, first, second, (first, second)) | teacher for n in range(3)}
        return verdict(seeds, splits.test, SINGLE_LABEL)["helped"]

    assert answer(bad, bad) == "yes"
    assert answer(bad, good) == "not shown"
    assert verdict({n: seed(good, bad) | teacher for n in range(3)}, splits.test, SINGLE_LABEL)["helped"] == "yes"


def test_without_a_twin_retention_alone_is_measured():
    seeds = {0: {name: scored for name, scored in seed(STUDENT).items() if name != "undistilled"}}
    assert stronger_twin(seeds, SPLITS, SINGLE_LABEL) is None
    measured = verdict(seeds, SPLITS.test, SINGLE_LABEL, over=None)
    with_twin = verdict({0: seed(STUDENT)}, SPLITS.test, SINGLE_LABEL)
    assert measured == {
        "gain": None, "helped": "not measured", "retention": with_twin["retention"], "counts": "rows only",
    }  # fmt: skip
    assert measured["retention"]["mean"] == pytest.approx(STUDENT_F1 / TEACHER_F1)
