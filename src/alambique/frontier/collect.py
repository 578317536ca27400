"""From the runs of all forms and the measured costs to the points of a frontier."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.predictions import weight_bytes
from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import Segments
from alambique.evaluation.task import Task
from alambique.evaluation.verdict import figures
from alambique.frontier.budget import Budget
from alambique.frontier.choice import best_of, pareto
from alambique.frontier.costs import Timed
from alambique.frontier.form_run import TrainedForm
from alambique.frontier.result import FormResult, OnTest, Point, Reference
from alambique.frontier.variant import Logits, Variant, in_torch, shipped_bytes
from alambique.report.parts import Interval
from alambique.report.results import RunResults
from alambique.run.layout import STUDENT, TEACHER, TFIDF
from alambique.run.manifest import recorded_digest

_WEIGHT_BYTES = 8


def point_name(form: TrainedForm, variant: Variant) -> str:
    """The form and the precision."""
    return f"{form.form.name}, {variant.precision}"


def timed_models(trained: Sequence[TrainedForm]) -> dict[str, Timed]:
    """What is timed: teacher and TF-IDF, where there are such, then every student that passed the gate."""
    first = trained[0].results
    timed: dict[str, Timed] = {}
    teacher, length = _teacher_folder(first), first.recipe.data.max_length
    if teacher is not None:
        timed[TEACHER] = Timed(f"torch {recorded_digest(teacher)}", lambda: in_torch(teacher, length))
    if first.splits.labelled_train:
        timed[TFIDF] = Timed(f"tfidf {first.splits.train.digest}", lambda: _tfidf(first.splits, first.task))
    for form in trained:
        for variant in form.variants:
            if not variant.refused:
                timed[point_name(form, variant)] = Timed(variant.digest, variant.open)
    return timed


def points_of(trained: Sequence[TrainedForm], costs: Mapping[str, Any], budgets: Sequence[Budget]) -> tuple[Point, ...]:
    """All points, each with its figures, its difference to the best, and whether it is in the Pareto set."""
    made = [(form, variant, _point(form, variant, costs)) for form in trained for variant in form.variants]
    offered = [point for _, _, point in made if point.offered]
    best, front = best_of(offered), {point.name for point in pareto(offered)}
    ahead = next((variant.on_valid for _, variant, point in made if point is best), None)
    points = []
    for _, variant, point in made:
        behind = None
        if ahead is not None and variant.on_valid is not None and point is not best:
            behind = ahead.ahead_of(variant.on_valid)
        within = point.offered and all(budget.excess(point) <= 1 for budget in budgets)
        points.append(point.model_copy(update={"behind": behind, "within": within, "pareto": point.name in front}))
    return tuple(points)


def _point(form: TrainedForm, variant: Variant, costs: Mapping[str, Any]) -> Point:
    name = point_name(form, variant)
    start = Point(name=name, form=form.form.name, precision=variant.precision, runtime=variant.runtime)
    if variant.refused or variant.on_valid is None:
        return start.model_copy(update={"refused": variant.refused})
    return start.model_copy(update={"valid": variant.on_valid.figure, "bytes": variant.bytes, **_cost(costs[name])})


def _cost(measured: Mapping[str, Any]) -> dict[str, float]:
    latency = measured["latency_ms"]
    return {
        "latency_ms": latency["p50"], "latency_p99_ms": latency["p99"], "texts_per_s": measured["throughput_per_s"],
    }  # fmt: skip


def form_result(form: TrainedForm) -> FormResult:
    """The verdict of a form, on valid."""
    verdict = form.verdict
    gain = verdict["gain"]
    return FormResult(
        name=form.form.name,
        gain=None if gain is None else _interval(gain),
        helped=verdict["helped"],
        epochs=form.epochs,
    )


def references_of(trained: TrainedForm, costs: Mapping[str, Any]) -> tuple[Reference, ...]:
    """Teacher and TF-IDF on valid; of a teacher without weights no costs."""
    results = trained.results
    names = (TEACHER, TFIDF) if results.splits.labelled_train else (TEACHER,)
    scored = results.seeds[results.best]
    found = []
    for name in names:
        parameters = scored[name].parameters
        size = None if parameters is None else _WEIGHT_BYTES * parameters
        if name == TEACHER:
            folder = _teacher_folder(results)
            size = None if folder is None else shipped_bytes(folder, weight_bytes(folder))
        cost = _cost(costs[name]) if name in costs else {}
        found.append(Reference(name=name, valid=_on(results.splits.valid, name, results), bytes=size, **cost))
    return tuple(found)


def on_test(results: RunResults) -> OnTest:
    """The student of a whole run, its teacher and its twin, on test."""
    test, twin = results.splits.test, results.stronger_twin
    return OnTest(
        student=_on(test, STUDENT, results),
        teacher=_on(test, TEACHER, results),
        undistilled=None if twin is None else _on(test, twin, results),
    )


def _on(split: Split, name: str, results: RunResults) -> Interval:
    """A model's metric of the verdict on a split."""
    students = name not in (TEACHER, TFIDF)
    scored = list((results.trainings if students else results.seeds).values())
    every = figures(
        name, scored, split, results.task, ordinal=results.splits.ordinal,
        students=results.recipe.student.seeds if students else 1, valid=results.splits.valid,
    )  # fmt: skip
    return _interval(every[results.task.verdict_metric])


def _interval(values: Mapping[str, Any]) -> Interval:
    return Interval(mean=values["mean"], low=values["low"], high=values["high"])


def _teacher_folder(results: RunResults) -> Path | None:
    if results.recipe.teacher.answering is not None:
        return None
    return results.run.seeds_of(results.recipe)[results.best].path / TEACHER


def _tfidf(splits: Splits, task: Task) -> Logits:
    """TF-IDF fitted again, as a function of texts: a run keeps what it gives and not the model."""
    baseline = task.tfidf(splits.train, len(splits.label_names))

    def logits(segments: Segments) -> np.ndarray:
        columns = [tuple(row[place] for row in segments) for place in range(len(segments[0]))]
        labels = np.zeros((len(segments), *splits.valid.labels.shape[1:]), dtype=np.int64)
        rows = Split("valid", tuple(map(str, range(len(segments)))), columns[0], (*columns[1:], None)[0], labels)
        return baseline.logits(rows)

    return logits
