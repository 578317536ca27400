"""A student's figure on valid with its interval, and its difference to another's by the same rows."""

from dataclasses import dataclass

import numpy as np

from alambique.artefacts.splits import Split
from alambique.evaluation.intervals import Interval, interval_over
from alambique.evaluation.task import ScoredRows, Task, Thresholds
from alambique.report import parts


@dataclass(frozen=True)
class OnValid:
    """The logits of a student's trainings on valid.

    Attributes:
        valid: the rows.
        task: how they are scored.
        logits: of each training, (rows, C).
        students: trainings per teacher.
    """

    valid: Split
    task: Task
    logits: tuple[np.ndarray, ...]
    students: int

    @property
    def values(self) -> tuple[float, ...]:
        """The metric of the verdict, of each training."""
        return tuple(self.task.on_valid(self.task.verdict_metric, each, self.valid.labels) for each in self.logits)

    @property
    def mean(self) -> float:
        """The metric, the mean over trainings."""
        return float(np.mean(self.values))

    @property
    def figure(self) -> parts.Interval:
        """The metric with its 95 % interval over rows and trainings; without one where the metric has none."""
        task, labels = self.task, self.valid.labels
        metric = task.metrics[task.verdict_metric]
        if metric.contributions is None:
            return parts.Interval(mean=self.mean, low=None, high=None)
        rows = [ScoredRows(each, labels, each, Thresholds(task.fit_thresholds(each, labels))) for each in self.logits]
        return _part(interval_over([metric.contributions(each) for each in rows], self.students), metric.least)

    def ahead_of(self, other: "OnValid") -> parts.Interval | None:
        """The metric of these less that of the other's, with its interval; None where rows or trainings are not the same."""
        if self.valid.ids != other.valid.ids or len(self.logits) != len(other.logits):
            return None
        task, labels = self.task, self.valid.labels
        gains = [
            task.gain(mine, theirs, labels, Thresholds(*(task.fit_thresholds(e, labels) for e in (mine, theirs))))
            for mine, theirs in zip(self.logits, other.logits, strict=True)
        ]
        return _part(interval_over(gains, self.students), -task.reach)


def _part(over: Interval, least: float) -> parts.Interval:
    within = over.within(least, 1.0)
    return parts.Interval(mean=within.mean, low=within.low, high=within.high)
