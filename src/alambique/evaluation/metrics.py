"""Figures of quality from decisions and probabilities, fractions from 0 to 1. How logits become those is the task's."""

from dataclasses import dataclass

import numpy as np
from sklearn.metrics import accuracy_score, f1_score

BINS = 15  # of the calibration error


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose predicted class is the label; predictions and labels are (N,).

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.metrics import accuracy
        >>> accuracy(predicted=np.array([0, 1, 1, 2]), labels=np.array([0, 1, 2, 2]))
        0.75
    """
    return float(accuracy_score(labels, predicted))


def macro_f1(predicted: np.ndarray, labels: np.ndarray, classes: int) -> float:
    """Mean of F1 over all classes; a class that is neither in the labels nor predicted counts as 0.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.metrics import macro_f1
        >>> round(macro_f1(np.array([0, 0, 1, 1]), np.array([0, 0, 0, 1]), classes=3), 3)  # F1 of 0.8, 2/3 and 0
        0.489
    """
    return float(f1_score(labels, predicted, labels=np.arange(classes), average="macro", zero_division=0))


def agreement(predicted: np.ndarray, others: np.ndarray) -> float:
    """Share of rows for which two models, (N,) each, predict the same class."""
    return float((predicted == others).mean())


def confusion(predicted: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Number of rows by true label and prediction, (C, C) float64; predictions and labels are (N,)."""
    return np.bincount(labels * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(np.float64)


@dataclass(frozen=True)
class TableFigure:
    """A figure of a confusion table, and what a row of each of its cells does to it.

    Attributes:
        value: the figure, such as macro-F1.
        without: (C, C) the same with one row fewer in the cell; means nothing for a cell that has less than one row.
        slope: (C, C) derivative of the figure by the number of rows of the cell.
    """

    value: float
    without: np.ndarray
    slope: np.ndarray


def macro_f1_of(table: np.ndarray) -> TableFigure:
    """Compute macro-F1 and its changes from a (C, C) table, whose cells may hold fractions of a row.

    F1 of a class is 2·hits / (predicted + there). A row changes only the class it is of and the class it was given.
    """
    hits, size = 2 * table.diagonal(), table.sum(0) + table.sum(1)
    scores = _ratio(hits, size)
    total, per_row = scores.sum(), _ratio(scores, size)
    wrong = _ratio(hits, size - 1) - scores
    without, slope = total + wrong[:, None] + wrong, -per_row[:, None] - per_row
    diagonal = np.arange(len(table))
    without[diagonal, diagonal] = total + _ratio(hits - 2, size - 2) - scores
    slope[diagonal, diagonal] = _ratio(2 - 2 * scores, size)
    return TableFigure(float(total / len(table)), without / len(table), slope / len(table))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotients, 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros(len(below)), where=below > 0)


def mean_absolute_error(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Mean distance in steps between the predicted class and the label, for labels in order."""
    return float(np.abs(predicted - labels).mean())


def confidence_bins(confidence: np.ndarray) -> np.ndarray:
    """The bin of each row by its confidence, (N,): one of :data:`BINS` bins of equal width."""
    return np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def expected_calibration_error(confidence: np.ndarray, correct: np.ndarray) -> float:
    """Mean gap between confidence and accuracy over bins of confidence, weighted by their rows.

    Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al. 2017,
    "On Calibration of Modern Neural Networks", equation 3, with 15 bins.

    Args:
        confidence: (N,) the probability of the predicted class.
        correct: (N,) 1 where the predicted class is the label, else 0.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.metrics import expected_calibration_error
        >>> confidence, correct = np.array([0.9, 0.9, 0.6]), np.array([1, 0, 1])
        >>> round(expected_calibration_error(confidence, correct), 3)  # (|1.8 - 1| + |0.6 - 1|) / 3
        0.4
    """
    gaps = np.bincount(confidence_bins(confidence), weights=confidence - correct, minlength=BINS)
    return float(np.abs(gaps).sum() / len(correct))


def calibration_error_by_chance(confidence: np.ndarray) -> float:
    """Expected calibration error that a calibrated model of this confidence shows on so few rows; it is above 0.

    In each bin the number of right rows has variance v = Σ p (1 − p). The mean of its distance from Σ p is that of a normal
    distribution, √(2 v / π), and at most 2 v, which is exact for a bin of one row. The bias is that of Bröcker 2012,
    "Estimating reliability and resolution of probability forecasts through decomposition of the empirical score".

    Args:
        confidence: (N,) the probability of the predicted class.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.metrics import calibration_error_by_chance
        >>> round(calibration_error_by_chance(np.full(300, 0.9)), 3)  # √(2 · 300 · .9 · .1 / π) / 300
        0.014
    """
    variance = np.bincount(confidence_bins(confidence), weights=confidence * (1 - confidence), minlength=BINS)
    return float(np.minimum(np.sqrt(2 * variance / np.pi), 2 * variance).sum() / len(confidence))
