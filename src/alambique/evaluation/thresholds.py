"""Thresholds at which the probability of a label becomes a decision, chosen on valid."""

import numpy as np

FEWEST = 5  # rows of a label on valid that a threshold of its own needs
HALF = 0.5


def choose_thresholds(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Choose for each label the threshold of the greatest F1.

    A label of fewer than :data:`FEWEST` rows has the threshold that all labels have in common, that of the greatest
    micro-F1: of so few rows, its own would be chance. Yang 2001, "A Study of Thresholding Strategies for Text
    Categorization" (SIGIR), calls this SCut with a fallback for rare categories. Of thresholds with the same F1 it is the
    one nearest to that of all labels.

    Args:
        probabilities: (N, L) of a model that was not trained on these rows.
        labels: (N, L) 0 or 1.

    Returns:
        (L,) float64; a label is decided where its probability is at least the threshold.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.thresholds import choose_thresholds
        >>> probabilities = np.array([[0.9], [0.8], [0.4], [0.35], [0.3], [0.1]])
        >>> choose_thresholds(probabilities, np.array([[1], [1], [1], [1], [1], [0]])).round(3).tolist()  # of 0.3 and 0.1
        [0.2]
    """
    if not labels.any():
        return np.full(labels.shape[1], HALF)
    common = best_threshold(probabilities.ravel(), labels.ravel(), near=HALF)
    counts = labels.sum(0)
    return np.array([
        best_threshold(probabilities[:, label], labels[:, label], near=common) if counts[label] >= FEWEST else common
        for label in range(labels.shape[1])
    ])  # fmt: skip


def best_threshold(probabilities: np.ndarray, truths: np.ndarray, *, near: float) -> float:
    """The threshold of the greatest F1, halfway between two probabilities that there are.

    Args:
        probabilities: (N,).
        truths: (N,) 0 or 1; one at least is 1.
        near: decides between thresholds that are as good.
    """
    order = np.argsort(-probabilities, kind="stable")
    falling = probabilities[order].astype(np.float64)
    hits, given = np.cumsum(truths[order]), np.arange(1, len(order) + 1)
    scores = 2 * hits / (given + hits[-1])
    ends = np.append(falling[1:] != falling[:-1], True)
    below = np.append(falling[1:], 0.0)
    best = ends & (scores >= scores[ends].max() - 1e-12)
    middles = (falling[best] + below[best]) / 2
    return float(middles[np.abs(middles - near).argmin()])
