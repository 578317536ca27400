"""What the predictions of a run are worth, with intervals, and whether distillation helped."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from alambique.artefacts.predictions import Predictions, Scored
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.intervals import Interval, helped, interval_over, rule_of
from alambique.evaluation.task import Metric, ScoredRows, Task, Thresholds
from alambique.run.layout import ENSEMBLE, STUDENT, TEACHER, UNDISTILLED, UNDISTILLED_ONCE

TWINS = (UNDISTILLED, UNDISTILLED_ONCE)
NOT_MEASURED = "not measured"
RULE_OF_TWO = (
    "There are two undistilled students, one with as many steps as the student and one with as many epochs over its own "
    "rows: the gain is over the one that is better on valid, and yes needs both."
)


def figures(
    name: str, seeds: list[Scored], split: Split, task: Task, *, ordinal: bool, students: int = 1,
    valid: Split | None = None,
) -> dict[str, Any]:  # fmt: skip
    """One model's figures on one split, each ``{"mean", "low", "high", "per_seed"}``.

    Fractions from 0 to 1, but for those that the task gives in other units; null where the labels have no order and the
    figure needs one. Of each teacher there are ``students`` trainings in ``seeds``, one after another. On ``valid``
    each training's thresholds are chosen; a task without any does not need it.
    """
    rows = [
        ScoredRows(
            s[name].logits[split.name], split.labels, s[TEACHER].logits[split.name],
            Thresholds(*(_thresholds(s[each], valid, task) for each in (name, TEACHER))),
        )
        for s in seeds
    ]  # fmt: skip
    return {
        key: None if metric.needs_order and not ordinal else _over_seeds(metric, rows, students)
        for key, metric in task.metrics.items()
    }


def calibration(name: str, seeds: list[Scored], splits: Splits, task: Task) -> list[dict[str, float]]:
    """For each seed the temperature fitted on valid, and the calibration error on test with it.

    Beside it ``if_calibrated``, the error that a calibrated model of this confidence shows on as many rows.
    """
    fitted = []
    for scored in seeds:
        logits = scored[name].logits
        temperature = task.fit_temperature(logits["valid"], splits.valid.labels)
        error, by_chance = task.calibration_error(logits["test"], splits.test.labels, temperature)
        fitted.append({
            "temperature": temperature, "test_expected_calibration_error": error, "if_calibrated": by_chance,
        })  # fmt: skip
    return fitted


def verdict(
    seeds: dict[int, Scored], test: Split, task: Task, *, students: int = 1, over: str | None = UNDISTILLED,
    valid: Split | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Did distillation help? Student against its undistilled twin, and against the teacher, on test.

    Where there is a second twin, distillation helped only if it did over both. Where there is none, since train has no
    labels, the gain is None, ``helped`` is "not measured", and what the student keeps of the teacher is measured alone.

    Args:
        seeds: every training of student and twins, by its seed; those of the same teacher one after another.
        test: the rows.
        task: how logits become decisions and figures.
        students: trainings per teacher.
        over: the twin that the gain is over, the one that is better on valid (:func:`stronger_twin`); None: there is no
            twin.
        valid: the rows that thresholds are chosen on; a task without any does not need them.
    """
    metric = {"metric": task.verdict_metric}
    there = [name for name in TWINS if all(name in scored for scored in seeds.values())]
    taught_by = ENSEMBLE if all(ENSEMBLE in scored for scored in seeds.values()) else TEACHER
    answers = {
        name: [_Answers.of(scored[place], test, valid, task) for scored in seeds.values()]
        for name, place in ((STUDENT, STUDENT), (TEACHER, taught_by), *((name, name) for name in there))
    }
    measured = {
        "retention": metric | {"of": taught_by} | _retention(answers, test.labels, task, students),
        "counts": _counts(len(seeds), students),
    }
    if over is None:
        return {"gain": None, "helped": NOT_MEASURED, **measured}
    gains = {
        name: interval_over([
            task.gain(mine.logits, twin.logits, test.labels, Thresholds(mine.thresholds, twin.thresholds))
            for mine, twin in zip(answers[STUDENT], answers[name], strict=True)
        ], students)
        for name in there
    }  # fmt: skip
    gain, rule = gains[over], rule_of(task.verdict_metric, greater_is_better=task.greater_is_better[0])
    tests = [
        task.paired_test(mine.logits, twin.logits, test.labels, Thresholds(mine.thresholds, twin.thresholds))
        for mine, twin in zip(answers[STUDENT], answers[over], strict=True)
    ]
    return measured | {
        "gain": metric | {"over": over} | gain.within(-task.reach, task.reach).as_dict(),
        "other_gains": [
            metric | {"over": name} | other.within(-task.reach, task.reach).as_dict()
            for name, other in gains.items()
            if name != over
        ],
        "helped": _helped_over_all(gain, [*gains.values()]),
        "rule": rule if len(there) == 1 else f"{rule} {RULE_OF_TWO}",
        "mcnemar": [{"seed": seed, **tested} for seed, tested in zip(seeds, tests, strict=True)],
        "resolution": {
            "rows": len(test),
            "student_wrong": _wrong(answers[STUDENT], test.labels, task),
            "undistilled_wrong": _wrong(answers[over], test.labels, task),
            "difference": min((gain.high - gain.low) / 2, task.reach),
        },
    }


@dataclass(frozen=True)
class _Answers:
    """One training's logits on test, (N, C), and the thresholds that were chosen for it on valid."""

    logits: np.ndarray
    thresholds: np.ndarray | None

    @classmethod
    def of(cls, predictions: Predictions, test: Split, valid: Split | None, task: Task) -> "_Answers":
        return cls(predictions.logits[test.name], _thresholds(predictions, valid, task))


def _thresholds(predictions: Predictions, valid: Split | None, task: Task) -> np.ndarray | None:
    return None if valid is None else task.fit_thresholds(predictions.logits[valid.name], valid.labels)


def stronger_twin(seeds: dict[int, Scored], splits: Splits, task: Task) -> str | None:
    """The twin with the better verdict metric on valid, on average over its trainings; the first of equals.

    None where there is no twin.
    """
    labels = splits.valid.labels
    there = [name for name in TWINS if all(name in scored for scored in seeds.values())]
    return max(there, default=None, key=lambda name: float(np.mean([
        task.merit(scored[name].logits["valid"], labels) for scored in seeds.values()
    ])))  # fmt: skip


def _helped_over_all(gain: Interval, gains: list[Interval]) -> str:
    answer = helped(gain)
    return answer if answer != "yes" or all(helped(each) == "yes" for each in gains) else "not shown"


def _retention(answers: dict[str, list[_Answers]], labels: np.ndarray, task: Task, students: int) -> dict[str, Any]:
    """Null where a teacher's metric is 0. No student has more than 1: the end is that by the teacher's own low end."""
    parts = [
        task.retention(student.logits, teacher.logits, labels, Thresholds(student.thresholds, teacher.thresholds))
        for student, teacher in zip(answers[STUDENT], answers[TEACHER], strict=True)
    ]
    if any(part is None for part in parts):
        return {"mean": None, "low": None, "high": None, "per_seed": []}
    contributions = task.metrics[task.verdict_metric].contributions
    teachers = [
        ScoredRows(each.logits, labels, each.logits, Thresholds(each.thresholds, each.thresholds))
        for each in answers[TEACHER][::students]
    ]
    most = math.inf
    if contributions is not None and (lowest := interval_over([contributions(each) for each in teachers]).low) > 0:
        most = 1 / lowest
    kept = interval_over([part for part in parts if part is not None], students)
    return kept.within(0.0, max(most, kept.mean)).as_dict()


def _wrong(answers: list[_Answers], labels: np.ndarray, task: Task) -> float:
    """Rows with a wrong decision, the mean over trainings."""
    return float(
        np.mean([(1 - task.right(each.logits, labels, each.thresholds).mean()) * len(labels) for each in answers])
    )


def _counts(trainings: int, students: int) -> str:
    """What the intervals are over."""
    if trainings == 1:
        return "rows only"
    return "rows and student seeds" if trainings == students else "rows and seeds"


def best_seed(seeds: dict[int, Scored], splits: Splits, task: Task) -> int:
    """The seed whose student has the best verdict metric on valid; the first of equals."""
    labels = splits.valid.labels
    return max(seeds, key=lambda seed: task.merit(seeds[seed][STUDENT].logits["valid"], labels))


def _over_seeds(metric: Metric, rows: list[ScoredRows], students: int) -> dict[str, Any]:
    if metric.contributions is None:
        values = [metric.value(each) for each in rows]
        figure = {"mean": float(np.mean(values)), "low": None, "high": None, "per_seed": values}
        by_chance = metric.by_chance
        return figure if by_chance is None else figure | {"if_calibrated": float(np.mean([*map(by_chance, rows)]))}
    over = interval_over([metric.contributions(each) for each in rows], students)
    return (over.within(metric.least, 1.0) if metric.fraction else over).as_dict()
