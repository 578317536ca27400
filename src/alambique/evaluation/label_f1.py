"""F1 over the labels of rows that have any number of them: macro and micro, with what each row contributes.

F1 is 2·hits / (decided + there), a quotient of sums over rows: one for each label (macro, their mean), or one for all labels
(micro). Rows are left out one at a time (the jackknife), and a few pseudo-rows are counted, as in
:mod:`alambique.evaluation.contributions`: there they are divided among the classes, here among the labels that have rows.
"""

from dataclasses import dataclass

import numpy as np

from alambique.evaluation.contributions import Contributions

_HIT, _WRONG, _NEITHER = (
    (2.0, 2.0),
    (0.0, 1.0),
    (0.0, 0.0),
)  # added above and below: a hit; a label missed, or added; none
# pseudo-rows of one model, and as how many each counts
_ALONE, _ALONE_WEIGHTS = (_HIT, _WRONG), (1.0, 2.0)
# of two models, by the places of the same row: a hit against a miss, nothing against a label added, and reversed
_FIRST, _SECOND, _PAIR_WEIGHTS = (_HIT, _NEITHER, _WRONG, _WRONG), (_WRONG, _WRONG, _HIT, _NEITHER), (0.5,) * 4
Parts = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Sums:
    """What each row adds above and below the line, (N, G) each, for G labels or for all of them together (G = 1)."""

    above: np.ndarray
    below: np.ndarray

    @classmethod
    def of(cls, decided: np.ndarray, labels: np.ndarray, *, pooled: bool) -> "Sums":
        """Of (N, L) decisions and labels, 0 or 1; ``pooled``: for all labels together."""
        above, below = 2.0 * (decided * labels), (decided + labels).astype(np.float64)
        return cls(above.sum(1, keepdims=True), below.sum(1, keepdims=True)) if pooled else cls(above, below)

    @property
    def value(self) -> float:
        """The mean of the quotients; 0 where there is nothing to divide by."""
        return float(_quotients(self.above.sum(0), self.below.sum(0)).mean())


@dataclass(frozen=True)
class _Counted:
    """Sums with pseudo-rows, and what the mean of the quotients does as rows change."""

    quotients: np.ndarray  # (G,)
    below: np.ndarray  # (G,)
    without: np.ndarray  # (N,) the mean without each row

    @classmethod
    def of(cls, sums: Sums, pseudo: Parts, weights: tuple[float, ...], shares: np.ndarray) -> "_Counted":
        """Add pseudo-rows, of which each group has a share."""
        added = np.asarray(weights) @ np.asarray(pseudo)
        total, size = sums.above.sum(0) + added[0] * shares, sums.below.sum(0) + added[1] * shares
        quotients = _quotients(total, size)
        rows, groups = np.nonzero(sums.below)
        fewer = _quotients(total[groups] - sums.above[rows, groups], size[groups] - sums.below[rows, groups])
        change = np.bincount(rows, weights=fewer - quotients[groups], minlength=len(sums.below))
        return cls(quotients, size, quotients.mean() + change / len(quotients))

    @property
    def value(self) -> float:
        return float(self.quotients.mean())

    def slope(self, above: float, below: float) -> np.ndarray:
        """(G,) how the mean changes per row that adds so much to a group."""
        changes = above - self.quotients * below
        return np.asarray(_quotients(changes, self.below) / len(self.quotients))


def of_f1(decided: np.ndarray, labels: np.ndarray, *, pooled: bool) -> Contributions:
    """F1 of (N, L) decisions.

    Args:
        decided: 0 or 1.
        labels: 0 or 1.
        pooled: micro-F1; else macro-F1.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.label_f1 import of_f1
        >>> labels = np.array([[1, 0], [1, 1], [0, 1], [0, 0]])
        >>> decided = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
        >>> round(of_f1(decided, labels, pooled=False).figure, 3)  # F1 of 1 and 2/3
        0.833
        >>> round(of_f1(decided, labels, pooled=True).figure, 3)  # 2 · 3 / (3 + 4)
        0.857
    """
    sums, shares = Sums.of(decided, labels, pooled=pooled), _shares(labels, pooled=pooled)
    counted = _Counted.of(sums, _ALONE, _ALONE_WEIGHTS, shares)
    rows = len(labels) + sum(_ALONE_WEIGHTS)
    pseudo = np.concatenate([counted.value + rows * counted.slope(*part) for part in _ALONE])
    values = rows * counted.value - (rows - 1) * counted.without
    return Contributions(sums.value, counted.value, values, pseudo, np.outer(_ALONE_WEIGHTS, shares).ravel())


def of_f1_gain(mine: np.ndarray, other: np.ndarray, labels: np.ndarray, *, pooled: bool) -> Contributions:
    """F1 of one model's (N, L) decisions less that of another's, on the same rows."""
    pair = _pair(mine, other, labels, pooled=pooled)
    first, second = pair.counted
    gain = first.value - second.value
    pseudo = [gain + pair.rows * (first.slope(*a) - second.slope(*b)) for a, b in zip(_FIRST, _SECOND, strict=True)]
    values = pair.rows * gain - (pair.rows - 1) * (first.without - second.without)
    return Contributions(pair.figures[0] - pair.figures[1], gain, values, np.concatenate(pseudo), pair.weights)


def of_f1_ratio(mine: np.ndarray, other: np.ndarray, labels: np.ndarray, *, pooled: bool) -> Contributions | None:
    """F1 of one model's (N, L) decisions as a fraction of another's; None unless both are above 0."""
    pair = _pair(mine, other, labels, pooled=pooled)
    first, second = pair.counted
    if pair.figures[1] <= 0 or min(first.value, second.value) <= 0:
        return None
    ratio = first.value / second.value
    pseudo = [
        ratio * (1 + pair.rows * (first.slope(*a) / first.value - second.slope(*b) / second.value))
        for a, b in zip(_FIRST, _SECOND, strict=True)
    ]
    values = pair.rows * ratio - (pair.rows - 1) * first.without / second.without
    return Contributions(pair.figures[0] / pair.figures[1], ratio, values, np.concatenate(pseudo), pair.weights)


@dataclass(frozen=True)
class _Pair:
    figures: tuple[float, float]
    counted: tuple[_Counted, _Counted]
    rows: float
    weights: np.ndarray


def _pair(mine: np.ndarray, other: np.ndarray, labels: np.ndarray, *, pooled: bool) -> _Pair:
    shares = _shares(labels, pooled=pooled)
    sums = [Sums.of(decided, labels, pooled=pooled) for decided in (mine, other)]
    first, second = (
        _Counted.of(each, pseudo, _PAIR_WEIGHTS, shares) for each, pseudo in zip(sums, (_FIRST, _SECOND), strict=True)
    )
    return _Pair(
        (sums[0].value, sums[1].value), (first, second), len(labels) + sum(_PAIR_WEIGHTS),
        np.outer(_PAIR_WEIGHTS, shares).ravel(),
    )  # fmt: skip


def _shares(labels: np.ndarray, *, pooled: bool) -> np.ndarray:
    """(G,) share of the pseudo-rows of each group: alike for each that has rows."""
    there = np.array([labels.any()]) if pooled else labels.any(0)
    return np.asarray(there / max(1, there.sum()))


def _quotients(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotients, 0 where there is nothing to divide by."""
    return np.divide(above, below, out=np.zeros(np.shape(below)), where=below > 0)
