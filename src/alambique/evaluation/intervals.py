"""Intervals that count what varies: the rows of a split, and the seeds of the training.

A figure is reduced to one contribution for each seed and row (for a mean, the row's own value; otherwise jackknife
pseudo-values, Efron and Tibshirani 1993, "An Introduction to the Bootstrap", §11.5). Rows and seeds are crossed random
effects: the variance of the mean comes from the mean squares of a two-way layout without replication, its degrees of
freedom from Satterthwaite (1946), the interval from Student's t (Searle, Casella and McCulloch 1992, "Variance Components",
§4.3). With one seed the interval is over rows only.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from alambique.evaluation.metrics import BINS, confidence_bins, macro_f1_without

LEVEL = 0.95
# A seeds' component this likely to be chance is pooled (Bancroft 1964, "Analysis and Inference for Incompletely Specified
# Models Involving the Use of Preliminary Tests of Significance", advises 0.25): counted always, it makes five seeds that do
# not differ cover 97 %; at 0.3 coverage lies between 93.4 and 96.5 % for three shapes of layout (docs/LOG.md).
_POOL_ABOVE = 0.3
# Two or three seeds that happen to be alike say little of how much seeds differ, and pooling them covered as little as 86 %.
# Their mean square then counts as at least this share of what chance gives, so that its few degrees of freedom make the
# interval wider. Simulated coverage is then 93 % or more with three seeds and 90 % or more with two; a larger share would
# cover more with two that differ, but at a width that shows nothing where they do not (docs/LOG.md).
_LEAST_SHARE = {2: 0.5, 3: 0.5}
RULE = (
    "yes if the whole 95 % interval of student minus undistilled macro-F1 on test lies above 0, no if it lies below 0, "
    "otherwise not shown"
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


def interval(per_seed: list[float], contributions: np.ndarray) -> Interval:
    """Compute the mean of a figure over seeds, and its 95 % interval over seeds and rows.

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
    mean = float(np.mean(per_seed))
    variance, freedom = _variance_of_mean(np.asarray(contributions, dtype=np.float64))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * float(np.sqrt(variance)) if variance > 0 else 0.0
    return Interval(mean, mean - reach, mean + reach, tuple(float(value) for value in per_seed))


def _variance_of_mean(values: np.ndarray) -> tuple[float, float]:
    """Variance of the grand mean of a (K, N) layout and its degrees of freedom."""
    seeds, rows = values.shape
    if rows < 2:  # noqa: PLR2004 - nothing varies
        return 0.0, 1.0
    by_row, by_seed, grand = values.mean(0), values.mean(1), values.mean()
    ms_rows = seeds * float(((by_row - grand) ** 2).sum()) / (rows - 1)
    if seeds == 1:
        return ms_rows / rows, rows - 1
    ms_seeds = rows * float(((by_seed - grand) ** 2).sum()) / (seeds - 1)
    rest = values - by_row - by_seed[:, None] + grand
    ms_rest = float((rest**2).sum()) / ((seeds - 1) * (rows - 1))
    # rows vary by their mean square; seeds add what theirs has beyond the rest
    counted = 0.0
    if seeds in _LEAST_SHARE:
        counted = max(ms_seeds, _LEAST_SHARE[seeds] * ms_rest)
    elif ms_seeds > ms_rest and _beyond(ms_seeds, ms_rest, seeds, rows) < _POOL_ABOVE:
        counted = ms_seeds  # it is beyond by more than chance often is
    variance = (ms_rows + max(counted - ms_rest, 0.0)) / (seeds * rows)
    spread = (ms_rows**2 / (rows - 1) + counted**2 / (seeds - 1)) / (seeds * rows) ** 2
    return variance, variance**2 / spread if spread > 0 else float(rows - 1)


def _beyond(ms_seeds: float, ms_rest: float, seeds: int, rows: int) -> float:
    if ms_rest == 0:
        return 0.0
    return float(stats.f.sf(ms_seeds / ms_rest, seeds - 1, (seeds - 1) * (rows - 1)))


def pseudo_values(whole: float, without: np.ndarray) -> np.ndarray:
    """Jackknife pseudo-values, (N,): N·θ − (N − 1)·θ without the row."""
    count = len(without)
    return count * whole - (count - 1) * without


def accuracy_contributions(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(N,) 1 where the predicted class is the label."""
    return (predicted == labels).astype(np.float64)


def macro_f1_contributions(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Jackknife pseudo-values of macro-F1, (N,), as contributions to :func:`interval`.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.intervals import helped, interval, macro_f1_contributions
        >>> from alambique.evaluation.metrics import macro_f1
        >>> labels = np.array([0, 1] * 20)
        >>> student, twin = labels.copy(), labels.copy()
        >>> student[:4], twin[:16] = 0, 0
        >>> gain = macro_f1(student, labels, 2) - macro_f1(twin, labels, 2)
        >>> contributions = macro_f1_contributions(student, labels, 2) - macro_f1_contributions(twin, labels, 2)
        >>> helped(interval([gain], contributions[None, :]))
        'yes'
    """
    whole, without = macro_f1_without(predicted, labels, classes)
    return pseudo_values(whole, without)


def retention_contributions(
    student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, classes: int
) -> tuple[float, np.ndarray]:
    """Student's macro-F1 as a fraction of the teacher's, and its (N,) pseudo-values.

    NaN where the teacher's macro-F1 is 0, or would be without some row: there is nothing to retain.

    Args:
        student: (N,) its predicted classes.
        teacher: (N,) its predicted classes.
        labels: (N,).
        classes: how many.
    """
    mine, mine_without = macro_f1_without(student, labels, classes)
    theirs, theirs_without = macro_f1_without(teacher, labels, classes)
    if theirs == 0 or not theirs_without.all():
        return float("nan"), np.full(len(labels), np.nan)
    return mine / theirs, pseudo_values(mine / theirs, mine_without / theirs_without)


def calibration_contributions(confidence: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """(N,) pseudo-values of the expected calibration error.

    The error is a sum over bins of |what the bin's rows add up to|; without a row only its own bin changes.

    Args:
        confidence: (N,) the probability of the predicted class.
        correct: (N,) 1 where the predicted class is the label, else 0.
    """
    bins = confidence_bins(confidence)
    gaps = np.bincount(bins, weights=confidence - correct, minlength=BINS)
    count = len(correct)
    total = float(np.abs(gaps).sum())
    changed = total - np.abs(gaps[bins]) + np.abs(gaps[bins] - (confidence - correct))
    return pseudo_values(total / count, changed / (count - 1))


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
    """``yes``, ``no`` or ``not shown``, by :data:`RULE`."""
    if gain.low > 0:
        return "yes"
    return "no" if gain.high < 0 else "not shown"
