"""Figures of a confusion table beside macro-F1, each with what a row of a cell does to it.

All take a (C, C) float64 table of rows by label and decision, whose cells may hold fractions of a row.
"""

import numpy as np

from alambique.evaluation.metrics import TableFigure


def accuracy_of(table: np.ndarray) -> TableFigure:
    """Share of rows on the diagonal."""
    return _mean_of(table, np.eye(len(table)))


def steps_of(table: np.ndarray) -> TableFigure:
    """Mean distance from the diagonal, in steps of classes in order."""
    return _mean_of(table, _distances(len(table)))


def class_f1_of(table: np.ndarray) -> TableFigure:
    """F1 of the class of index 1 in a table of two: 2·hits / (predicted + there); 0 where there is no such row."""
    hits, size = 2 * table[1, 1], table[1].sum() + table[:, 1].sum()
    value = _quotient(hits, size)
    counted = np.array([[0.0, 1.0], [1.0, 2.0]])  # how often a row of the cell is in the size
    right = np.array([[0.0, 0.0], [0.0, 2.0]])
    without = np.array([[_quotient(hits - right[i, j], size - counted[i, j]) for j in (0, 1)] for i in (0, 1)])
    return TableFigure(value, without, (right - value * counted) / size if size > 0 else np.zeros((2, 2)))


def kappa_of(table: np.ndarray) -> TableFigure:
    """Cohen's kappa with quadratic weights: 1 − Σ w·O / Σ w·E with w = (i − j)², E from the margins.

    Cohen 1968, "Weighted kappa: Nominal scale agreement with provision for scaled disagreement or partial credit". It is
    1 for a table without mistakes, also where all rows are of one class, which scikit-learn leaves undefined.
    """
    weights, rows, columns, total = _distances(len(table)) ** 2, table.sum(1), table.sum(0), table.sum()
    observed, expected = float((weights * table).sum()), float(rows @ weights @ columns)
    by_row, by_column = weights @ columns, weights.T @ rows  # of the expected, without its divisor
    both = by_row[:, None] + by_column
    value = 1 - _quotient(observed * total, expected)
    fewer = expected - both + weights
    above = (observed - weights) * (total - 1)
    without = 1 - np.divide(above, fewer, out=np.zeros_like(above), where=fewer > 0)
    if expected <= 0:
        return TableFigure(value, without, np.zeros_like(weights))
    slope = -(weights * total + observed) / expected + observed * total * both / expected**2
    return TableFigure(value, without, slope)


def _mean_of(table: np.ndarray, values: np.ndarray) -> TableFigure:
    """The mean over rows of a value of their cell."""
    total, summed = table.sum(), float((values * table).sum())
    value = _quotient(summed, total)
    without = (summed - values) / (total - 1) if total > 1 else np.zeros_like(values)
    return TableFigure(value, without, (values - value) / total)


def _distances(classes: int) -> np.ndarray:
    steps = np.arange(classes, dtype=np.float64)
    return np.abs(steps[:, None] - steps)


def _quotient(above: float, below: float) -> float:
    return float(above / below) if below > 0 else 0.0
