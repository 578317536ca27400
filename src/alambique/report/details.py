"""What the page shows beyond report.json: the numbers of its charts, and the rows that distillation changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix

from alambique.artefacts.predictions import Scored
from alambique.artefacts.splits import MULTI_LABEL, Splits
from alambique.evaluation.metrics import BINS, confidence_bins
from alambique.evaluation.task import Task
from alambique.report.label_sets import LabelDetails, label_details
from alambique.report.names import metric_title, unit_of
from alambique.report.results import RunResults
from alambique.run.integrity import read_json
from alambique.run.layout import HISTORY, MODELS, STUDENT, UNDISTILLED

SHOWN = 20  # changed rows of each kind whose texts the page has


class Point(NamedTuple):
    """A value of a learning curve."""

    epoch: float
    value: float


Curve = Sequence[Point]
Matrix = Sequence[Sequence[int]]


@dataclass(frozen=True)
class ConfidenceBin:
    """The rows of test whose confidence lies in one bin; confidence and accuracy are means over them, 0 to 1."""

    rows: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class ChangedRow:
    """A row of test on which only one of student and undistilled student is right: id, text and three label names."""

    id: str
    text: str
    label: str
    student: str
    undistilled: str


@dataclass(frozen=True)
class ChangedRows:
    """Rows that distillation fixed or broke: how many, and the first of them in the order of the data."""

    fixed_total: int
    broken_total: int
    fixed: Sequence[ChangedRow]
    broken: Sequence[ChangedRow]


@dataclass(frozen=True)
class Details:
    """Numbers of the charts, by model, of the seed in ``student/``; what is empty is not drawn.

    Attributes:
        confusion: (classes, classes) number of rows of test by true label and prediction.
        reliability: bins of confidence on test.
        losses: training loss by epoch.
        quality: the metric on valid that epochs are chosen by, by epoch.
        quality_title: what that metric is.
        quality_scale: what its values are multiplied by.
        token_lengths: tokens of each training text, special tokens included, nothing cut.
        changed_rows: rows of test that distillation fixed or broke; None where there is no undistilled student.
        labels: how labels stand together, where a row has any number of them.
    """

    confusion: Mapping[str, Matrix] = field(default_factory=dict)
    reliability: Mapping[str, Sequence[ConfidenceBin]] = field(default_factory=dict)
    losses: Mapping[str, Curve] = field(default_factory=dict)
    quality: Mapping[str, Curve] = field(default_factory=dict)
    quality_title: str = "macro-F1 on valid, %"
    quality_scale: float = 100
    token_lengths: Sequence[int] = ()
    changed_rows: ChangedRows | None = None
    labels: LabelDetails | None = None


def collect_details(results: RunResults, token_lengths: Sequence[int]) -> Details:
    """Compute the details of a run.

    Args:
        results: of the run.
        token_lengths: tokens of each training text, special tokens included, nothing cut.
    """
    scored, test, task = results.seeds[results.best], results.splits.test, results.task
    unit = unit_of(task.epoch_title)
    classes = list(range(len(results.splits.label_names)))
    logits = {name: scored[name].logits["test"] for name in MODELS if name in scored}
    histories = {
        name: read_json(results.run.path / name / HISTORY) or [] for name in (STUDENT, UNDISTILLED) if name in scored
    }
    return Details(
        confusion={} if results.splits.task == MULTI_LABEL else {
            name: confusion_matrix(test.labels, task.decide(values), labels=classes).tolist()
            for name, values in logits.items()
        },
        reliability={name: _reliability(task, values, test.labels) for name, values in logits.items()},
        losses={name: _curve(history, "loss") for name, history in histories.items()},
        quality={name: _curve(history, f"eval_{task.epoch_metric}") for name, history in histories.items()},
        quality_title=f"{metric_title(task.epoch_title)} on valid, {'%' if unit.scale > 1 else unit.name}",
        quality_scale=unit.scale,
        token_lengths=token_lengths,
        changed_rows=_changed(task, scored, results.splits, results.stronger_twin),
        labels=label_details(scored, results.splits, task) if results.splits.task == MULTI_LABEL else None,
    )  # fmt: skip


def _curve(history: list[dict[str, float]], key: str) -> list[Point]:
    """A key of the trainer's log by epoch, from the entries that have it."""
    return [Point(entry["epoch"], entry[key]) for entry in history if key in entry]


def _reliability(task: Task, logits: np.ndarray, labels: np.ndarray) -> list[ConfidenceBin]:
    """The bins that have rows, from low to high confidence."""
    confidence, right = task.calibration(logits, labels)
    bins = confidence_bins(confidence)
    return [
        ConfidenceBin(int(inside.sum()), float(confidence[inside].mean()), float(right[inside].mean()))
        for inside in (bins == index for index in range(BINS))
        if inside.any()
    ]


def _changed(task: Task, scored: Scored, splits: Splits, over: str | None) -> ChangedRows | None:
    if over is None:
        return None
    valid, test, names = splits.valid, splits.test, splits.label_names
    logits = [scored[name].logits for name in (STUDENT, over)]
    thresholds = [task.fit_thresholds(each["valid"], valid.labels) if task.several else None for each in logits]
    student, twin = (task.decide(each["test"], cut) for each, cut in zip(logits, thresholds, strict=True))
    mine, theirs = (task.right(each["test"], test.labels, cut) for each, cut in zip(logits, thresholds, strict=True))
    fixed, broken = np.flatnonzero(mine & ~theirs), np.flatnonzero(~mine & theirs)
    texts = test.segments()

    def shown(rows: np.ndarray) -> list[ChangedRow]:
        return [
            ChangedRow(
                test.ids[i], " / ".join(texts[i]),
                *(task.words(each[i], names) for each in (test.labels, student, twin)),
            )
            for i in rows[:SHOWN].tolist()
        ]  # fmt: skip

    return ChangedRows(len(fixed), len(broken), shown(fixed), shown(broken))
