"""Mean average precision over labels: how well the probabilities of each label rank its rows before all others.

Average precision is smooth in the weights of the rows, so a row's part in it is its derivative, the infinitesimal jackknife
(Jaeckel 1972; Efron and Tibshirani 1993, §21). Two pseudo-rows of each label, one ranked first and one last, are divided
among the labels that have rows, as in :mod:`alambique.evaluation.label_f1`.
"""

from dataclasses import dataclass

import numpy as np

from alambique.evaluation.contributions import Contributions
from alambique.evaluation.rankings import RankingFigure

_PSEUDO = 1.0  # rows that each kind of pseudo-row counts as, over all labels


def mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> float:
    """The mean over labels of average precision, without interpolation; 0 for a label that no row has.

    Args:
        scores: (N, L).
        labels: (N, L) 0 or 1.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.label_rankings import mean_average_precision
        >>> scores = np.array([[0.9, 0.2], [0.8, 0.1], [0.7, 0.6]])
        >>> round(mean_average_precision(scores, np.array([[1, 0], [0, 0], [1, 1]])), 4)  # of (1/1 + 2/3) / 2 and 1
        0.9167
    """
    figure = RankingFigure()
    return float(np.mean([figure.value(scores[:, each], labels[:, each]) for each in range(labels.shape[1])]))


@dataclass(frozen=True)
class _Slopes:
    """Average precision of each label with pseudo-rows, and how their mean changes per row.

    Attributes:
        values: (L,).
        rows: (N,) derivative of the mean by the weight of each row.
        first: (L,) that by a pseudo-row that ranks first.
        last: (L,) that by a pseudo-row that ranks last.
    """

    values: np.ndarray
    rows: np.ndarray
    first: np.ndarray
    last: np.ndarray

    @property
    def value(self) -> float:
        return float(self.values.mean())


def _slopes(scores: np.ndarray, labels: np.ndarray, share: float) -> _Slopes:
    count = labels.shape[1]
    values, rows, edges = np.zeros(count), np.zeros(len(labels)), np.zeros((2, count))
    for label in np.flatnonzero(labels.any(0)):
        ranked = np.concatenate([[np.inf], scores[:, label].astype(np.float64), [-np.inf]])
        positive = np.concatenate([[1], labels[:, label], [1]]).astype(np.float64)
        weights = np.concatenate([[share], np.ones(len(labels)), [share]])
        values[label], slopes = _slopes_of(ranked, positive, weights)
        rows += slopes[1:-1] / count
        edges[:, label] = slopes[[0, -1]] / count
    return _Slopes(values, rows, edges[0], edges[1])


def _slopes_of(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Average precision of weighted rows, and its derivative by each weight."""
    order = np.argsort(-scores, kind="stable")
    ranked, truth = scores[order], positive[order]
    heavy = truth * weights[order]
    group = np.concatenate([[0], np.cumsum(ranked[1:] != ranked[:-1])])  # rows of one score stand together
    own = np.bincount(group, weights=heavy)
    hits, given = np.cumsum(own), np.cumsum(np.bincount(group, weights=weights[order]))
    total, precision = hits[-1], hits / given
    value = float(own @ precision / total)
    # a row is among those given, and perhaps among the hits, of its own group and of all that rank behind it
    by_hit = np.cumsum((own / given)[::-1])[::-1]
    by_given = np.cumsum((own * hits / given**2)[::-1])[::-1]
    slopes = (truth * (precision - value + by_hit)[group] - by_given[group]) / total
    placed = np.empty(len(slopes))
    placed[order] = slopes
    return value, placed


def of_mean_average_precision(scores: np.ndarray, labels: np.ndarray) -> Contributions:
    """The figure of (N, L) scores."""
    shares = _shares(labels)
    slopes, rows = _slopes(scores, labels, float(shares.max())), len(labels) + 2 * _PSEUDO
    pseudo = slopes.value + rows * np.concatenate([slopes.first, slopes.last])
    return Contributions(
        mean_average_precision(scores, labels),
        slopes.value,
        slopes.value + rows * slopes.rows,
        pseudo,
        np.tile(shares, 2),
    )


def of_mean_average_precision_gain(mine: np.ndarray, other: np.ndarray, labels: np.ndarray) -> Contributions:
    """The figure of one model's (N, L) scores less that of another's; they rank pseudo-rows against each other."""
    shares, rows = _shares(labels), len(labels) + 2 * _PSEUDO
    first, second = (_slopes(scores, labels, float(shares.max())) for scores in (mine, other))
    gain = first.value - second.value
    pseudo = gain + rows * np.concatenate([first.first - second.last, first.last - second.first])
    figure = mean_average_precision(mine, labels) - mean_average_precision(other, labels)
    return Contributions(figure, gain, gain + rows * (first.rows - second.rows), pseudo, np.tile(shares, 2))


def of_mean_average_precision_ratio(mine: np.ndarray, other: np.ndarray, labels: np.ndarray) -> Contributions | None:
    """The figure of one model's (N, L) scores as a fraction of another's; None where the other's is 0."""
    whole = mean_average_precision(other, labels)
    if whole <= 0:
        return None
    shares, rows = _shares(labels), len(labels) + 2 * _PSEUDO
    first, second = (_slopes(scores, labels, float(shares.max())) for scores in (mine, other))
    ratio = first.value / second.value
    edges = np.concatenate([
        first.first / first.value - second.last / second.value, first.last / first.value - second.first / second.value,
    ])  # fmt: skip
    values = ratio * (1 + rows * (first.rows / first.value - second.rows / second.value))
    figure = mean_average_precision(mine, labels) / whole
    return Contributions(figure, ratio, values, ratio * (1 + rows * edges), np.tile(shares, 2))


def _shares(labels: np.ndarray) -> np.ndarray:
    """(L,) as how many rows each of two pseudo-rows of a label counts."""
    there = labels.any(0)
    return np.asarray(_PSEUDO * there / max(1, there.sum()))
