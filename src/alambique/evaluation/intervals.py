"""Intervals that count what varies: the rows of a split, and the seeds of the training.

A figure is reduced to one contribution for each seed and row (for a mean, the row's own value; otherwise jackknife
pseudo-values, Efron and Tibshirani 1993, "An Introduction to the Bootstrap", §11.5), with a few pseudo-rows
(:mod:`alambique.evaluation.contributions`). Rows and seeds are crossed random effects: the variance of the mean comes from
the mean squares of a two-way layout without replication, its degrees of freedom from Satterthwaite (1946), the interval
from Student's t (Searle, Casella and McCulloch 1992, "Variance Components", §4.3). With one seed the interval is over rows
only. What it covers is measured by ``python benchmarks/interval_coverage.py`` (docs/concepts.md).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import special, stats

from alambique.evaluation.contributions import Contributions, mean_of, pseudo_values
from alambique.evaluation.metrics import confusion, macro_f1_of

LEVEL = 0.95
# Where seeds differ, the mean square of few seeds and degrees of freedom that are estimated made 95 % intervals that cover
# 94 to 95 % and verdicts that are wrong in 5 to 6 % of runs without a gain. At this level they cover 95 to 96 %, and
# verdicts are wrong in 4 %.
_LEVEL_OF_SEVERAL = 0.965
# Two or three seeds that happen to be alike say little of how much seeds differ. Their mean square counts as at least this
# share of that of the rows, so that its few degrees of freedom make the interval wider. Without it two seeds cover as little
# as 85 %; a larger share would cover more, at a width that shows nothing where seeds do not differ (docs/LOG.md).
_LEAST_SHARE = {2: 0.75, 3: 0.6}
# With more seeds, a component that chance exceeds this often is pooled (Bancroft 1964, "Analysis and Inference for
# Incompletely Specified Models Involving the Use of Preliminary Tests of Significance").
_POOL_ABOVE = 0.5


def rule_of(metric: str, *, greater_is_better: bool = True) -> str:
    """How the answer follows from the gain, in words.

    Args:
        metric: what the gain is in; ``macro_f1`` is written as macro-F1.
        greater_is_better: if not, the gain is the other way round.
    """
    gain = "student minus undistilled" if greater_is_better else "undistilled minus student"
    title = (
        metric.replace("samples", "sample").replace("_f1", "-F1").replace("_", " ") if metric.isidentifier() else metric
    )
    return (
        f"yes if the whole 95 % interval of {gain} {title} on test lies above 0, no if it lies below 0, "
        "otherwise not shown; with a single training of each always not shown"
    )


@dataclass(frozen=True)
class Interval:
    """A figure's mean over seeds, its 95 % interval, and each seed's figure."""

    mean: float
    low: float
    high: float
    per_seed: tuple[float, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "per_seed": list(self.per_seed)}

    def within(self, least: float, most: float) -> "Interval":
        """The interval, ending where the figure cannot go further."""
        return replace(self, low=max(self.low, least), high=min(self.high, most))


def interval(per_seed: list[float], contributions: np.ndarray) -> Interval:
    """Compute the mean of a figure over seeds, and its 95 % interval over seeds and rows.

    It counts these contributions alone: where few rows are wrong, use :func:`interval_over`.

    Args:
        per_seed: (K,) the figure of each seed.
        contributions: (K, N), one per seed and row; their mean over rows is the figure, up to the jackknife's bias.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.intervals import accuracy_contributions, interval
        >>> labels = np.array([0, 1, 1, 0, 1])
        >>> correct = accuracy_contributions(np.array([0, 1, 0, 0, 1]), labels)
        >>> accuracy = interval([correct.mean()], correct[None, :])
        >>> round(accuracy.mean, 3), round(accuracy.low, 3), round(accuracy.high, 3)
        (0.8, 0.245, 1.355)
    """
    values = np.asarray(contributions, dtype=np.float64)
    return _interval(per_seed, float(np.mean(per_seed)), values, np.ones(values.shape[-1]))


def interval_over(contributions: Sequence[Contributions], students: int = 1) -> Interval:
    """Compute the 95 % interval of a figure over rows and trainings.

    With one teacher, each training of its student counts as a seed. With several, students of one teacher are alike in what
    they have from it, so their mean counts as one: it varies as teachers and students together do.

    Args:
        contributions: one for each training, those of the same teacher one after another.
        students: trainings per teacher.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.contributions import of_share
        >>> from alambique.evaluation.intervals import interval_over
        >>> right = np.ones((2, 300))  # two trainings
        >>> right[0, :9], right[1, 3:15] = 0, 0
        >>> accuracy = interval_over([of_share(each) for each in right])
        >>> round(accuracy.mean, 3), accuracy.per_seed
        (0.965, (0.97, 0.96))
    """
    figures, layers = [each.figure for each in contributions], list(contributions)
    if students < len(layers):
        layers = [mean_of(layers[first : first + students]) for first in range(0, len(layers), students)]
    values = np.stack([np.concatenate([layer.rows, layer.pseudo]) for layer in layers])
    weights = np.concatenate([np.ones(len(layers[0].rows)), layers[0].weights])
    return _interval(figures, float(np.mean([layer.centre for layer in layers])), values, weights)


def _interval(per_seed: Sequence[float], centre: float, values: np.ndarray, weights: np.ndarray) -> Interval:
    if (values == values[0]).all():  # nothing depends on the seed
        values = values[:1]
    variance, freedom = _variance_of_mean(values, weights)
    level = LEVEL if len(values) == 1 else _LEVEL_OF_SEVERAL
    reach = float(special.stdtrit(freedom, (1 + level) / 2)) * float(np.sqrt(variance)) if variance > 0 else 0.0
    mean = float(np.mean(per_seed))
    low, high = min(mean, centre - reach), max(mean, centre + reach)
    return Interval(mean, low, high, tuple(float(value) for value in per_seed))


def _variance_of_mean(values: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
    """Variance of the grand mean of a (K, M) layout and its degrees of freedom; each column counts as so many rows."""
    seeds, rows = len(values), float(weights.sum())
    if rows < 2:  # noqa: PLR2004 - nothing varies
        return 0.0, 1.0
    by_row, by_seed = values.mean(0), values @ weights / rows
    grand = by_seed.mean()
    ms_rows = seeds * float(weights @ (by_row - grand) ** 2) / (rows - 1)
    if seeds == 1:
        return ms_rows / rows, rows - 1
    ms_seeds = rows * float(((by_seed - grand) ** 2).sum()) / (seeds - 1)
    rest = values - by_row - by_seed[:, None] + grand
    ms_rest = float((rest**2 @ weights).sum()) / ((seeds - 1) * (rows - 1))
    # rows vary by their mean square; seeds add what theirs has beyond the rest
    counted = ms_seeds if _beyond(ms_seeds, ms_rest, seeds, rows) < _POOL_ABOVE else 0.0
    if seeds in _LEAST_SHARE:
        counted = max(ms_seeds, _LEAST_SHARE[seeds] * ms_rows)
    variance = (ms_rows + max(counted - ms_rest, 0.0)) / (seeds * rows)
    spread = (ms_rows**2 / (rows - 1) + counted**2 / (seeds - 1)) / (seeds * rows) ** 2
    # what is pooled enters the spread in full: never fewer degrees than the seeds alone have
    freedom = variance**2 / spread if spread > 0 else rows - 1
    return variance, max(freedom, seeds - 1)


def _beyond(ms_seeds: float, ms_rest: float, seeds: int, rows: float) -> float:
    """How often chance alone makes the seeds' mean square as large."""
    if ms_rest == 0:
        return 0.0
    return float(special.fdtrc(seeds - 1, (seeds - 1) * (rows - 1), ms_seeds / ms_rest))


def accuracy_contributions(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) 1 where the predicted class is the label."""
    return (predicted == labels).astype(np.float64)


def macro_f1_contributions(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Jackknife pseudo-values of macro-F1, (N,), as contributions to :func:`interval`.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.intervals import interval, macro_f1_contributions
        >>> from alambique.evaluation.metrics import macro_f1
        >>> labels = np.array([0, 1] * 20)
        >>> student, twin = labels.copy(), labels.copy()
        >>> student[:4], twin[:16] = 0, 0
        >>> gain = macro_f1(student, labels, 2) - macro_f1(twin, labels, 2)
        >>> contributions = macro_f1_contributions(student, labels, 2) - macro_f1_contributions(twin, labels, 2)
        >>> shown = interval([gain], contributions[None, :])
        >>> round(shown.mean, 3), shown.low > 0
        (0.158, True)
    """
    f1 = macro_f1_of(confusion(predicted, labels, classes))
    return pseudo_values(f1.value, f1.without[labels, predicted])


def mcnemar(student: np.ndarray, undistilled: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Compare two models on the same rows by McNemar's exact test (McNemar 1947).

    Args:
        student: (N,) predicted classes of the student.
        undistilled: (N,) predicted classes of its twin.
        labels: (N,) class indices.

    Returns:
        The number of rows that only one of them gets right, and the two-sided p-value ``p``.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.intervals import mcnemar
        >>> labels = np.array([0, 1, 1, 0, 1])
        >>> mcnemar(np.array([0, 1, 1, 0, 1]), np.array([0, 0, 0, 0, 0]), labels)
        {'student_only_right': 3, 'undistilled_only_right': 0, 'p': 0.25}
    """
    mine, theirs = student == labels, undistilled == labels
    only_mine, only_theirs = int((mine & ~theirs).sum()), int((~mine & theirs).sum())
    p = 1.0 if only_mine + only_theirs == 0 else float(stats.binomtest(only_mine, only_mine + only_theirs).pvalue)
    return {"student_only_right": only_mine, "undistilled_only_right": only_theirs, "p": p}


def helped(gain: Interval) -> str:
    """``yes``, ``no`` or ``not shown``, by :func:`rule_of`; rows alone cannot tell what another seed would give."""
    if len(gain.per_seed) == 1 or gain.low <= 0 <= gain.high:
        return "not shown"
    return "yes" if gain.low > 0 else "no"
