"""The figures that a verdict may be about, for rows that have any number of labels: value, interval, gain and retention."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from alambique.evaluation import contributions, label_f1, label_rankings, rankings
from alambique.evaluation.contributions import Contributions
from alambique.recipe import verdict as sections

_PAIR = 1.0  # pseudo-rows on which only the first model is right, and only the second: Bonett and Price 2012


@dataclass(frozen=True)
class Decided:
    """A model's answers to the rows of a split, (N, L) each.

    Attributes:
        probabilities: of the labels.
        given: 1 where the model gives the label.
        labels: 1 where the row has it.
    """

    probabilities: np.ndarray
    given: np.ndarray
    labels: np.ndarray


class LabelMetric(ABC):
    """One figure, a fraction of which more is better, with what a verdict needs of it.

    Attributes:
        key: its name in report.json.
        logged: its name in the log of a training.
        title: what the report calls it, with its unit.
    """

    key: str
    logged: str
    title: str

    @abstractmethod
    def value(self, rows: Decided) -> float:
        """The figure."""

    @abstractmethod
    def contributions(self, rows: Decided) -> Contributions:
        """Of the rows to the figure."""

    @abstractmethod
    def gain(self, mine: Decided, other: Decided) -> Contributions:
        """How much better one model is than another on the same rows."""

    @abstractmethod
    def ratio(self, mine: Decided, other: Decided) -> Contributions | None:
        """The figure as a fraction of that of another; None where there is none."""


@dataclass(frozen=True)
class OfF1(LabelMetric):
    """F1 over labels.

    Attributes:
        pooled: micro-F1; else macro-F1.
        label: index of the only label that counts; None: all.
    """

    key: str
    logged: str
    title: str
    pooled: bool
    label: int | None = None

    def value(self, rows: Decided) -> float:
        """The mean of quotients, or the quotient of sums."""
        return label_f1.Sums.of(self._some(rows.given), self._some(rows.labels), pooled=self.pooled).value

    def contributions(self, rows: Decided) -> Contributions:
        """By the jackknife, with pseudo-rows."""
        return label_f1.of_f1(self._some(rows.given), self._some(rows.labels), pooled=self.pooled)

    def gain(self, mine: Decided, other: Decided) -> Contributions:
        """By the jackknife, paired by row."""
        return label_f1.of_f1_gain(*map(self._some, (mine.given, other.given, mine.labels)), pooled=self.pooled)

    def ratio(self, mine: Decided, other: Decided) -> Contributions | None:
        """By the jackknife, paired by row."""
        return label_f1.of_f1_ratio(*map(self._some, (mine.given, other.given, mine.labels)), pooled=self.pooled)

    def _some(self, values: np.ndarray) -> np.ndarray:
        return values if self.label is None else values[:, [self.label]]


@dataclass(frozen=True)
class OfRows(LabelMetric):
    """The mean over rows of a value from 0 to 1.

    Attributes:
        each: from (N, L) given and true labels to (N,) values.
    """

    key: str
    logged: str
    title: str
    each: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def value(self, rows: Decided) -> float:
        """The mean."""
        return float(self._values(rows).mean())

    def contributions(self, rows: Decided) -> Contributions:
        """The values, with two pseudo-rows of 0 and two of 1."""
        return contributions.of_share(self._values(rows))

    def gain(self, mine: Decided, other: Decided) -> Contributions:
        """The differences, with a pseudo-row in favour of either."""
        differences = self._values(mine) - self._values(other)
        centre = differences.sum() / (len(differences) + 2 * _PAIR)
        return Contributions(
            float(differences.mean()), float(centre), differences, np.array([1.0, -1.0]), np.full(2, _PAIR)
        )

    def ratio(self, mine: Decided, other: Decided) -> Contributions | None:
        """By the jackknife, with a pseudo-row in favour of either."""
        first, second = (np.append(self._values(rows), pseudo) for rows, pseudo in ((mine, (1, 0)), (other, (0, 1))))
        whole = second[:-2].mean()
        if whole <= 0:
            return None
        ratio = float(first.sum() / second.sum())
        left = np.maximum(second.sum() - second, 1.0)  # the only row on which the other is right cannot be left out
        values = contributions.pseudo_values(ratio, (first.sum() - first) / left)
        return Contributions(float(first[:-2].mean() / whole), ratio, values[:-2], values[-2:], np.full(2, _PAIR))

    def _values(self, rows: Decided) -> np.ndarray:
        return self.each(rows.given, rows.labels)


@dataclass(frozen=True)
class OfRanking(LabelMetric):
    """A figure of the rows in the order of one label's probability, by the Bayesian bootstrap.

    Attributes:
        figure: of the order.
        label: index of the label.
    """

    key: str
    logged: str
    title: str
    figure: rankings.RankingFigure
    label: int

    def value(self, rows: Decided) -> float:
        """The figure of the order."""
        return self.figure.value(*self._column(rows))

    def contributions(self, rows: Decided) -> Contributions:
        """With pseudo-rows."""
        return rankings.of_ranking(self.figure, *self._column(rows))

    def gain(self, mine: Decided, other: Decided) -> Contributions:
        """The same replicates for both."""
        return rankings.of_ranking_gain(self.figure, self._column(mine)[0], *self._column(other))

    def ratio(self, mine: Decided, other: Decided) -> Contributions | None:
        """The same replicates for both."""
        return rankings.of_ranking_ratio(self.figure, self._column(mine)[0], *self._column(other))

    def _column(self, rows: Decided) -> tuple[np.ndarray, np.ndarray]:
        return rows.probabilities[:, self.label], rows.labels[:, self.label].astype(bool)


@dataclass(frozen=True)
class OfAllRankings(LabelMetric):
    """Mean average precision over labels, by the infinitesimal jackknife."""

    key: str
    logged: str
    title: str

    def value(self, rows: Decided) -> float:
        """The mean over labels."""
        return label_rankings.mean_average_precision(rows.probabilities, rows.labels)

    def contributions(self, rows: Decided) -> Contributions:
        """With pseudo-rows."""
        return label_rankings.of_mean_average_precision(rows.probabilities, rows.labels)

    def gain(self, mine: Decided, other: Decided) -> Contributions:
        """Paired by row."""
        return label_rankings.of_mean_average_precision_gain(mine.probabilities, other.probabilities, mine.labels)

    def ratio(self, mine: Decided, other: Decided) -> Contributions | None:
        """Paired by row."""
        return label_rankings.of_mean_average_precision_ratio(mine.probabilities, other.probabilities, mine.labels)


def exact(given: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) 1 where a row is given exactly its labels."""
    return np.asarray((given == labels).all(-1)).astype(np.float64)


def sample_f1(given: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) F1 of each row's labels; 1 for a row that has none and is given none, as with ``zero_division=1``."""
    sizes = (given + labels).sum(-1)
    return np.divide(2.0 * (given * labels).sum(-1), sizes, out=np.ones(len(given)), where=sizes > 0)


def label_metric(section: sections.Metric, label_names: tuple[str, ...]) -> LabelMetric:
    """The figure that a section of the recipe names.

    Args:
        section: of the recipe; a class that it names is a label.
        label_names: of the data, by index; needed for a figure of one label.

    Raises:
        ValueError: it is not defined for rows that have any number of labels.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.label_metrics import Decided, label_metric
        >>> from alambique.recipe.verdict import MicroF1
        >>> given, labels = np.array([[1, 0], [1, 1]]), np.array([[1, 0], [0, 1]])
        >>> label_metric(MicroF1(), ()).value(Decided(given.astype(float), given, labels))  # 2 · 2 / (3 + 2)
        0.8
    """
    name = section.name
    match section:
        case sections.MacroF1():
            return OfF1(name, name, "macro-F1, %", pooled=False)
        case sections.MicroF1():
            return OfF1(name, name, "micro-F1, %", pooled=True)
        case sections.SamplesF1():
            return OfRows(name, name, "sample-F1, %", sample_f1)
        case sections.Accuracy():
            return OfRows(name, name, "subset accuracy, %", exact)
        case sections.MeanAveragePrecision():
            return OfAllRankings(name, name, "mean average precision, %")
        case sections.ClassF1():
            key = f"F1 of {section.label}"
            return OfF1(key, name, f"{key}, %", pooled=False, label=label_names.index(section.label))
        case sections.ClassRecall():
            key = f"recall of {section.label} at precision {section.at_precision:g}"
            figure = rankings.RankingFigure(section.at_precision)
        case sections.ClassAveragePrecision():
            key, figure = f"average precision of {section.label}", rankings.RankingFigure()
        case _:
            raise ValueError(f"{name} is not defined for rows that have any number of labels")
    return OfRanking(key, name, f"{key}, %", figure, label_names.index(section.label))
