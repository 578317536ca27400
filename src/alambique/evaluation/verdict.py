"""What the predictions of a run are worth, with intervals, and whether distillation helped."""

from typing import Any

import numpy as np

from alambique.artefacts.predictions import Scored
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.intervals import RULE, Interval, helped, interval
from alambique.evaluation.metrics import expected_calibration_error
from alambique.evaluation.task import Metric, ScoredRows, Task
from alambique.run.layout import STUDENT, TEACHER, UNDISTILLED


def figures(
    name: str, seeds: list[Scored], split: Split, task: Task, *, ordinal: bool, students: int = 1
) -> dict[str, Any]:
    """One model's figures on one split, each ``{"mean", "low", "high", "per_seed"}``.

    Fractions from 0 to 1, but for those that the task gives in other units; null where the labels have no order and the
    figure needs one. Of each teacher there are ``students`` trainings in ``seeds``, one after another.
    """
    rows = [ScoredRows(s[name].logits[split.name], split.labels, s[TEACHER].logits[split.name]) for s in seeds]
    return {
        key: None if metric.needs_order and not ordinal else _over_seeds(metric, rows, students)
        for key, metric in task.metrics.items()
    }


def calibration(name: str, seeds: list[Scored], splits: Splits, task: Task) -> list[dict[str, float]]:
    """For each seed the temperature fitted on valid, and the calibration error on test with it."""
    fitted = []
    for scored in seeds:
        logits = scored[name].logits
        temperature = task.fit_temperature(logits["valid"], splits.valid.labels)
        after = expected_calibration_error(*task.calibration(logits["test"], splits.test.labels, temperature))
        fitted.append({"temperature": temperature, "test_expected_calibration_error": after})
    return fitted


def verdict(seeds: dict[int, Scored], test: Split, task: Task, *, students: int = 1) -> dict[str, Any]:
    """Did distillation help? Student against its undistilled twin, and against the teacher, on test.

    Args:
        seeds: every training of student and twin, by its seed; those of the same teacher one after another.
        test: the rows.
        task: how logits become decisions and figures.
        students: trainings per teacher.
    """
    labels, metric = test.labels, task.verdict_metric
    gains, gain_parts, ratios, ratio_parts, tests = [], [], [], [], []
    for seed, scored in seeds.items():
        student, twin, teacher = (scored[name].logits[test.name] for name in (STUDENT, UNDISTILLED, TEACHER))
        gains.append(task.score(metric, student, labels) - task.score(metric, twin, labels))
        gain_parts.append(task.contributions(metric, student, labels) - task.contributions(metric, twin, labels))
        ratio, parts = task.retention(student, teacher, labels)
        ratios.append(ratio)
        ratio_parts.append(parts)
        tests.append({"seed": seed, **task.paired_test(student, twin, labels)})
    gain = interval(gains, per_unit(np.stack(gain_parts), students))
    nothing: dict[str, Any] = {"mean": None, "low": None, "high": None, "per_seed": []}
    retention = (
        nothing if np.isnan(ratios).any() else interval(ratios, per_unit(np.stack(ratio_parts), students)).as_dict()
    )
    return {
        "gain": {"metric": metric, **gain.as_dict()},
        "retention": {"metric": metric, **retention},
        "helped": helped(gain),
        "rule": RULE,
        "counts": _counts(len(seeds), students),
        "mcnemar": tests,
    }


def per_unit(contributions: np.ndarray, students: int) -> np.ndarray:
    """Contributions of the units whose variation an interval counts, (units, N).

    With one teacher, each training of its student is a unit. With several, students of one teacher are alike in what they
    have from it, so their mean is one unit.

    Args:
        contributions: (K, N), one row for each training, those of the same teacher one after another.
        students: trainings per teacher.
    """
    teachers = len(contributions) // students
    return contributions if teachers == 1 else contributions.reshape(teachers, students, -1).mean(1)


def _counts(trainings: int, students: int) -> str:
    if trainings == 1:
        return "rows only"
    return "rows and student seeds" if trainings == students else "rows and seeds"


def best_seed(seeds: dict[int, Scored], splits: Splits, task: Task) -> int:
    """The seed whose student has the best verdict metric on valid; the first of equals."""
    labels = splits.valid.labels
    return max(seeds, key=lambda seed: task.score(task.verdict_metric, seeds[seed][STUDENT].logits["valid"], labels))


def _over_seeds(metric: Metric, rows: list[ScoredRows], students: int) -> dict[str, Any]:
    contributions = per_unit(np.stack([metric.contributions(each) for each in rows]), students)
    over = interval([metric.value(each) for each in rows], contributions)
    return _clipped(over) if metric.fraction else over.as_dict()


def _clipped(fraction: Interval) -> dict[str, Any]:
    """A fraction's interval ends where the fraction does."""
    return fraction.as_dict() | {"low": max(0.0, fraction.low), "high": min(1.0, fraction.high)}
