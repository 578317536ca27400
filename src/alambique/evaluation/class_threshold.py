"""A threshold for the one class that matters: chosen on valid for a precision, its promise measured on test."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

_LEVEL = 0.95


def choose_class_threshold(probabilities: np.ndarray, positive: np.ndarray, at_precision: float) -> float | None:
    """Choose the threshold of the largest recall whose precision is at least ``at_precision``.

    It lies halfway between the last probability that is above it and the next.

    Args:
        probabilities: (N,) of the class, on valid.
        positive: (N,) whether a row is of the class.
        at_precision: from 0 to 1.

    Returns:
        None if no threshold has that precision.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.class_threshold import choose_class_threshold
        >>> probabilities, positive = np.array([0.9, 0.8, 0.6, 0.4, 0.2]), np.array([1, 1, 0, 1, 0])
        >>> round(choose_class_threshold(probabilities, positive, 0.75), 3)  # 3 of 4 above it are of the class
        0.3
        >>> round(choose_class_threshold(probabilities, positive, 0.9), 3)
        0.7
    """
    order = np.argsort(-probabilities, kind="stable")
    falling, hits = probabilities[order].astype(np.float64), np.cumsum(positive[order])
    ends = np.append(falling[1:] != falling[:-1], True)
    kept = np.flatnonzero(ends & (hits > 0) & (hits >= at_precision * np.arange(1, len(order) + 1)))
    if not len(kept):
        return None
    below = np.append(falling[1:], 0.0)
    return float((falling[kept[-1]] + below[kept[-1]]) / 2)


@dataclass(frozen=True)
class Share:
    """A fraction of some rows with its 95 % interval (Wilson 1927); all None where there are no rows."""

    mean: float | None
    low: float | None
    high: float | None
    rows: int

    @classmethod
    def of(cls, hits: int, rows: int) -> "Share":
        """So many of so many."""
        if not rows:
            return cls(None, None, None, 0)
        ends = stats.binomtest(hits, rows).proportion_ci(_LEVEL, method="wilson")
        return cls(hits / rows, float(ends.low), float(ends.high), rows)


def promise(given: np.ndarray, positive: np.ndarray) -> tuple[Share, Share]:
    """Precision and recall of (N,) decisions for a class, each with its interval over the rows that it is a share of.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.class_threshold import promise
        >>> precision, recall = promise(np.array([1, 1, 1, 0]) == 1, np.array([1, 1, 0, 1]) == 1)
        >>> round(precision.mean, 3), precision.rows, recall.rows
        (0.667, 3, 3)
    """
    hits = int((given & positive).sum())
    return Share.of(hits, int(given.sum())), Share.of(hits, int(positive.sum()))
