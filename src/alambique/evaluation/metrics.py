"""Figures of quality from logits, fractions from 0 to 1."""

import numpy as np
from scipy import optimize, special
from sklearn.metrics import accuracy_score, f1_score

BINS = 15  # of the calibration error


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose largest logit is the label's. ``logits`` (N, C), ``labels`` (N,)."""
    return float(accuracy_score(labels, logits.argmax(-1)))


def macro_f1(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over all C classes of F1; a class that is neither there nor predicted counts 0."""
    classes = np.arange(logits.shape[-1])
    return float(f1_score(labels, logits.argmax(-1), labels=classes, average="macro", zero_division=0))


def agreement(logits: np.ndarray, others: np.ndarray) -> float:
    """Share of rows on which two models, (N, C) each, choose the same class."""
    return float((logits.argmax(-1) == others.argmax(-1)).mean())


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


def mean_absolute_error(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean distance in steps between the chosen class and the label, for labels in order."""
    return float(np.abs(logits.argmax(-1) - labels).mean())


def softmax(logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """(N, C) probabilities."""
    return np.asarray(special.softmax(logits.astype(np.float64) / temperature, axis=-1))


def divergences(logits: np.ndarray, teacher: np.ndarray) -> np.ndarray:
    """(N,) KL(teacher ‖ model) of each row at temperature 1, in nats."""
    own = special.log_softmax(logits.astype(np.float64), axis=-1)
    theirs = special.log_softmax(teacher.astype(np.float64), axis=-1)
    return np.asarray((np.exp(theirs) * (theirs - own)).sum(-1))


def calibration_rows(probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Confidence, correctness (0 or 1) and bin of each row, (N,) each; :data:`BINS` bins of equal width."""
    confidence = probabilities.max(-1)
    right = (probabilities.argmax(-1) == labels).astype(np.float64)
    return confidence, right, np.minimum((confidence * BINS).astype(np.int64), BINS - 1)


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean gap between confidence and accuracy over bins of confidence, weighed by their rows.

    Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning"; Guo et al. 2017,
    "On Calibration of Modern Neural Networks", equation 3, with 15 bins.
    """
    confidence, right, bins = calibration_rows(probabilities, labels)
    return float(np.abs(np.bincount(bins, weights=confidence - right, minlength=BINS)).sum() / len(labels))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature that minimises cross-entropy (Guo et al. 2017, §4.2), from 0.05 to 20."""
    rows = np.arange(len(labels))

    def loss(log_temperature: float) -> float:
        scaled = special.log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=-1)
        return float(-scaled[rows, labels].mean())

    found = optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return float(np.exp(found.x))
