"""Rows whose label a teacher that was not trained on them confidently contradicts."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_CHUNK = 2**16  # rows that are looked at together


@dataclass(frozen=True)
class Contradictions:
    """The rows of a split that are contradicted, in the order of the rows.

    Attributes:
        rows: (n,) int64, rising positions.
        classes: (n,) int64, the class that contradicts the label of each.
        label_probabilities: (n,) the probability of the label.
        class_probabilities: (n,) the probability of that class.
        thresholds: (C,) of each class; NaN for a class that is the label of no row.
    """

    rows: np.ndarray
    classes: np.ndarray
    label_probabilities: np.ndarray
    class_probabilities: np.ndarray
    thresholds: np.ndarray


def contradictions(
    logits: np.ndarray, labels: np.ndarray, probabilities: Callable[[np.ndarray], np.ndarray]
) -> Contradictions:
    """Find rows whose label is contradicted, by the thresholds of confident learning.

    The threshold t_j of class j is the mean probability of j over the rows whose label is j (Northcutt, Jiang and Chuang
    2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", eq. 2). A row with label i belongs to class j if
    p_j is the largest of the probabilities that reach the threshold of their class (eq. 1); of equal ones the label's own,
    then the first. The row is contradicted if there is such a class, j ≠ i, and p_j > p_i. The last condition is not in
    eq. 1: it leaves alone rows whose label is the teacher's decision, as the authors' own tool (cleanlab) does.

    The probabilities must come from teachers that were not trained on the row; others repeat its label.

    Args:
        logits: (rows, C), perhaps mapped from disk.
        labels: (rows,) class indices; rows of a negative one have no label, set no threshold and are never contradicted.
        probabilities: makes probabilities of (n, C) logits.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.confident_learning import contradictions
        >>> p = np.array([[0.7, 0.3], [0.8, 0.2], [0.2, 0.8], [0.1, 0.9]])
        >>> labels = np.array([0, 0, 0, 1])  # the third row is far from the other rows of its class
        >>> contradictions(np.log(p), labels, np.exp).rows.tolist()
        []
        >>> p[3] = 0.25, 0.75  # now 0.8 is as sure as rows of class 1 are on average
        >>> contradictions(np.log(p), labels, np.exp).rows.tolist()
        [2]
    """
    starts = range(0, len(logits), _CHUNK)
    own = np.full(len(logits), np.nan)
    for start in starts:
        part = slice(start, start + _CHUNK)
        own[part] = _of_labels(probabilities(np.asarray(logits[part])), labels[part])
    thresholds = np.array([_mean(own[labels == label]) for label in range(logits.shape[1])])
    rows, classes, theirs = [], [], []
    for start in starts:
        part = slice(start, start + _CHUNK)
        values = probabilities(np.asarray(logits[part]))
        reached = np.where(values >= thresholds, values, -1.0)  # NaN is never reached
        largest = reached.max(-1)
        places = np.flatnonzero((largest > own[part]) & (labels[part] >= 0))  # a label's own class is not above itself
        rows.append(start + places)
        classes.append(reached[places].argmax(-1))
        theirs.append(largest[places])
    everywhere = np.concatenate(rows) if rows else np.zeros(0, dtype=np.int64)
    return Contradictions(
        everywhere, np.concatenate(classes) if rows else everywhere, own[everywhere],
        np.concatenate(theirs) if rows else own[:0], thresholds,
    )  # fmt: skip


def _of_labels(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(n,) the probability of each row's label; NaN without one."""
    own = probabilities[np.arange(len(labels)), np.maximum(labels, 0)]
    return np.where(labels >= 0, own, np.nan)


def _mean(values: np.ndarray) -> float:
    """Mean that does not depend on the order of the values; NaN of none."""
    return math.fsum(values.tolist()) / len(values) if len(values) else math.nan
