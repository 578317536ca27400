"""Figures of quality from decisions and probabilities, fractions from 0 to 1. How logits become those is the task's."""

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


def macro_f1_without(predicted: np.ndarray, labels: np.ndarray, classes: int) -> tuple[float, np.ndarray]:
    """Macro-F1, and what it would be without each row: (N,).

    F1 of a class is 2·hits / (predicted + there). Without a row only the class it is of and the class it was given change,
    so rows of one cell of the confusion matrix share one value.
    """
    cells = np.zeros((classes, classes))
    np.add.at(cells, (labels, predicted), 1)
    whole = _macro_f1_of(cells)
    without = np.zeros((classes, classes))
    for label, guess in zip(*np.nonzero(cells), strict=True):
        cells[label, guess] -= 1
        without[label, guess] = _macro_f1_of(cells)
        cells[label, guess] += 1
    return whole, without[labels, predicted]


def _macro_f1_of(confusion: np.ndarray) -> float:
    size = confusion.sum(0) + confusion.sum(1)
    return float(np.divide(2 * confusion.diagonal(), size, out=np.zeros(len(size)), where=size > 0).mean())


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
