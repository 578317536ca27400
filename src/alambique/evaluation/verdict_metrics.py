"""The figures that a verdict may be about, for rows of one class each: value, interval, gain and retention.

A figure of decisions follows from the confusion table, and a row's share in it from the jackknife
(:mod:`alambique.evaluation.contributions`); a figure of the ranking by a class's probability is resampled
(:mod:`alambique.evaluation.rankings`).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from alambique.evaluation import contributions, rankings, table_figures
from alambique.evaluation.contributions import Contributions
from alambique.evaluation.metrics import confusion, macro_f1_of
from alambique.evaluation.task import Metric, ScoredRows, Task
from alambique.recipe import verdict as sections


class VerdictMetric(ABC):
    """One figure, with what a verdict needs of it.

    Attributes:
        key: its name in report.json.
        logged: its name in the log of a training.
        title: what the report calls it, with its unit.
        fraction: it lies from 0 to 1, or is shown in percent as if it did.
        greater_is_better: if not, the gain is the other model's less the student's, and there is no retention.
        reach: the largest gain there can be.
    """

    key: str
    logged: str
    title: str
    fraction: bool = True
    needs_order: bool = False
    greater_is_better: bool = True
    reach: float = 1.0

    @abstractmethod
    def value(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The figure of (N, C) logits and (N,) class indices."""

    @abstractmethod
    def contributions(self, logits: np.ndarray, labels: np.ndarray) -> Contributions:
        """Of the rows to the figure."""

    @abstractmethod
    def gain(self, student: np.ndarray, other: np.ndarray, labels: np.ndarray) -> Contributions:
        """How much better (N, C) logits are than others of the same rows."""

    @abstractmethod
    def ratio(self, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray) -> Contributions | None:
        """The figure as a fraction of that of others; None where there is none."""

    def metric(self) -> Metric:
        """As a figure of the report."""
        return Metric(
            self.title, lambda scored: self.value(scored.logits, scored.labels), self._of_rows,
            fraction=self.fraction, least=1.0 - self.reach, digits=1 if self.fraction else 2, needs_order=self.needs_order,
        )  # fmt: skip

    def _of_rows(self, scored: ScoredRows) -> Contributions:
        return self.contributions(scored.logits, scored.labels)


@dataclass(frozen=True)
class OfDecisions(VerdictMetric):
    """A figure of the confusion table.

    Attributes:
        decide: from (N, C) logits to (N,) classes.
        figure: of the table.
        label: index of the class that the table sets against all others; None: the table of all classes.
    """

    key: str
    logged: str
    title: str
    decide: Callable[[np.ndarray], np.ndarray]
    figure: contributions.OfTable
    label: int | None = None
    fraction: bool = True
    needs_order: bool = False
    greater_is_better: bool = True
    reach: float = 1.0

    def value(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The figure of the table."""
        predicted, labels, classes = self._indices(self.decide(logits), labels, logits.shape[-1])
        return self.figure(confusion(predicted, labels, classes)).value

    def contributions(self, logits: np.ndarray, labels: np.ndarray) -> Contributions:
        """By the jackknife, with pseudo-rows."""
        return contributions.of_table(self.figure, *self._indices(self.decide(logits), labels, logits.shape[-1]))

    def gain(self, student: np.ndarray, other: np.ndarray, labels: np.ndarray) -> Contributions:
        """By the jackknife, paired by row."""
        first, second = (student, other) if self.greater_is_better else (other, student)
        return contributions.of_table_gain(self.figure, *self._pair(first, second, labels))

    def ratio(self, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray) -> Contributions | None:
        """By the jackknife, paired by row; None where less is better, of which no fraction is kept."""
        if not self.greater_is_better:
            return None
        return contributions.of_table_ratio(self.figure, *self._pair(student, teacher, labels))

    def _pair(
        self, first: np.ndarray, second: np.ndarray, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
        """Both decisions, the labels and the number of classes, as the table has them."""
        classes = first.shape[-1]
        mine, truth, count = self._indices(self.decide(first), labels, classes)
        return mine, self._indices(self.decide(second), labels, classes)[0], truth, count

    def _indices(
        self, predicted: np.ndarray, labels: np.ndarray, classes: int
    ) -> tuple[np.ndarray, np.ndarray, int]:  # fmt: skip
        if self.label is None:
            return predicted, labels, classes
        return (predicted == self.label).astype(np.int64), (labels == self.label).astype(np.int64), 2


@dataclass(frozen=True)
class OfRanking(VerdictMetric):
    """A figure of the rows in the order of one class's probability.

    Attributes:
        figure: of the order.
        label: index of the class.
        probabilities: from (N, C) logits.
    """

    key: str
    logged: str
    title: str
    figure: rankings.RankingFigure
    label: int
    probabilities: Callable[[np.ndarray], np.ndarray]

    def value(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The figure of the order."""
        return self.figure.value(self._scores(logits), labels == self.label)

    def contributions(self, logits: np.ndarray, labels: np.ndarray) -> Contributions:
        """By the Bayesian bootstrap, with pseudo-rows."""
        return rankings.of_ranking(self.figure, self._scores(logits), labels == self.label)

    def gain(self, student: np.ndarray, other: np.ndarray, labels: np.ndarray) -> Contributions:
        """By the Bayesian bootstrap, the same replicates for both."""
        return rankings.of_ranking_gain(
            self.figure, self._scores(student), self._scores(other), labels == self.label
        )  # fmt: skip

    def ratio(self, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray) -> Contributions | None:
        """By the Bayesian bootstrap, the same replicates for both."""
        return rankings.of_ranking_ratio(
            self.figure, self._scores(student), self._scores(teacher), labels == self.label
        )  # fmt: skip

    def _scores(self, logits: np.ndarray) -> np.ndarray:
        return np.asarray(self.probabilities(logits)[:, self.label])


def verdict_metric(section: sections.Metric, label_names: tuple[str, ...], task: Task) -> VerdictMetric:
    """The figure that a section of the recipe names.

    Args:
        section: of the recipe; a class that it names is a label.
        label_names: of the data, by index; needed for a figure of a class, or of steps.
        task: decides and gives probabilities.

    Raises:
        ValueError: it is for rows that have any number of labels.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.single_label import SINGLE_LABEL
        >>> from alambique.evaluation.verdict_metrics import verdict_metric
        >>> from alambique.recipe.verdict import ClassF1
        >>> f1 = verdict_metric(ClassF1(**{"class": "fraud"}), ("genuine", "fraud"), SINGLE_LABEL)
        >>> f1.key
        'F1 of fraud'
        >>> round(f1.value(np.eye(2)[[1, 1, 0, 0]], np.array([1, 0, 0, 0])), 3)  # 2 · 1 / (2 + 1)
        0.667
    """
    of_decisions = partial(OfDecisions, logged=section.name, decide=task.decide)
    match section:
        case sections.MacroF1():
            return of_decisions(key=section.name, title="macro-F1, %", figure=macro_f1_of)
        case sections.Accuracy():
            return of_decisions(key=section.name, title="accuracy, %", figure=table_figures.accuracy_of)
        case sections.QuadraticWeightedKappa():
            return of_decisions(
                key=section.name, title="quadratic weighted kappa, %", figure=table_figures.kappa_of, needs_order=True,
                reach=2.0,
            )  # fmt: skip
        case sections.MeanAbsoluteError():
            return of_decisions(
                key=section.name, title="mean absolute error, classes", figure=table_figures.steps_of, fraction=False,
                needs_order=True, greater_is_better=False, reach=float(max(1, len(label_names) - 1)),
            )  # fmt: skip
        case sections.ClassF1():
            key = f"F1 of {section.label}"
            return of_decisions(
                key=key, title=f"{key}, %", figure=table_figures.class_f1_of, label=label_names.index(section.label)
            )
        case sections.ClassRecall():
            key = f"recall of {section.label} at precision {section.at_precision:g}"
            figure = rankings.RankingFigure(section.at_precision)
        case sections.ClassAveragePrecision():
            key, figure = f"average precision of {section.label}", rankings.RankingFigure()
        case _:
            raise ValueError(f"{section.name} is for rows that have any number of labels")
    return OfRanking(key, section.name, f"{key}, %", figure, label_names.index(section.label), task.probabilities)
