"""What each row of a split contributes to a figure, with pseudo-rows that keep few mistakes from looking like none.

An interval made from the rows alone is empty where every row is right: nothing varies. Where few are wrong it covers 50 to
90 % instead of 95. The remedy is to count a few rows that are not there, half of them right and half wrong:

- a share: two right and two wrong rows (Agresti and Coull 1998, "Approximate is Better than 'Exact' for Interval Estimation
  of Binomial Proportions");
- macro-F1, a mean over C classes: the same four rows, divided among the classes (Price and Bonett 2004, "An improved
  confidence interval for a linear function of binomial proportions");
- two models on the same rows: one row that only the first gets right and one that only the second does (Bonett and Price
  2012, "Adjusted Wald Confidence Interval for a Difference of Binomial Proportions Based on Paired Data"; 2006 for the
  ratio), divided among the classes in the same way.

The figure itself is reported as it is; its interval is centred on the figure of rows and pseudo-rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from alambique.evaluation.metrics import TableFigure, confusion, macro_f1_of

_OF_A_SHARE = 2.0  # pseudo-rows of either kind
_OF_A_PAIR = 1.0
OfTable = Callable[[np.ndarray], TableFigure]  # a figure of a (C, C) table, whose cells may hold fractions of a row


def _none() -> np.ndarray:
    return np.zeros(0)


@dataclass(frozen=True)
class Contributions:
    """A figure of one training, as one contribution per row.

    Attributes:
        figure: as it is reported.
        centre: the same with the pseudo-rows, up to the jackknife's bias the weighted mean of all contributions.
        rows: (N,) one per row.
        pseudo: (P,) those of pseudo-rows.
        weights: (P,) how many rows each of these counts as.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.contributions import of_share
        >>> parts = of_share(np.array([1, 1, 1, 0]))
        >>> parts.figure, float(parts.centre), parts.weights.tolist()
        (0.75, 0.625, [2.0, 2.0])
    """

    figure: float
    centre: float
    rows: np.ndarray
    pseudo: np.ndarray = field(default_factory=_none)
    weights: np.ndarray = field(default_factory=_none)


def mean_of(contributions: Sequence[Contributions]) -> Contributions:
    """The mean of a figure over several trainings, on the same rows."""
    return Contributions(
        float(np.mean([each.figure for each in contributions])),
        float(np.mean([each.centre for each in contributions])),
        np.mean([each.rows for each in contributions], axis=0),
        np.mean([each.pseudo for each in contributions], axis=0),
        contributions[0].weights,
    )


def pseudo_values(whole: float, without: np.ndarray, count: float | None = None) -> np.ndarray:
    """Jackknife pseudo-values, (N,): n·θ − (n − 1)·θ without the row.

    Args:
        whole: θ.
        without: (N,) θ without each row.
        count: n, where pseudo-rows are among them.
    """
    count = len(without) if count is None else count
    return count * whole - (count - 1) * without


def of_mean(values: np.ndarray) -> Contributions:
    """The mean of (N,) values, without pseudo-rows."""
    return Contributions(float(values.mean()), float(values.mean()), values)


def of_share(values: np.ndarray) -> Contributions:
    """The mean of (N,) values that are 0 or 1, or of counts of steps: two pseudo-rows of 0 and two of 1.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.contributions import of_share
        >>> from alambique.evaluation.intervals import interval_over
        >>> accuracy = interval_over([of_share(np.ones(300))]).within(0.0, 1.0)  # 300 of 300 rows right
        >>> round(accuracy.mean, 3), round(accuracy.low, 3), round(accuracy.high, 3)
        (1.0, 0.984, 1.0)
    """
    centre = (values.sum() + _OF_A_SHARE) / (len(values) + 2 * _OF_A_SHARE)
    pseudo, weights = np.array([0.0, 1.0]), np.full(2, _OF_A_SHARE)
    return Contributions(float(values.mean()), float(centre), values, pseudo, weights)


def of_macro_f1(predicted: np.ndarray, labels: np.ndarray, classes: int) -> Contributions:
    """Macro-F1 of (N,) predicted classes.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.contributions import of_macro_f1
        >>> from alambique.evaluation.intervals import interval_over
        >>> labels = np.array([0, 1] * 150)
        >>> quality = interval_over([of_macro_f1(labels, labels, 2)]).within(0.0, 1.0)
        >>> round(quality.mean, 3), round(quality.low, 3), round(quality.high, 3)
        (1.0, 0.984, 1.0)
    """
    return of_table(macro_f1_of, predicted, labels, classes)


def of_table(figure: OfTable, predicted: np.ndarray, labels: np.ndarray, classes: int) -> Contributions:
    """Any figure of the (C, C) confusion table of (N,) predicted classes; :func:`of_macro_f1` is one."""
    table, pseudo = confusion(predicted, labels, classes), _PseudoTables.of(labels, classes, _OF_A_SHARE)
    rows = len(labels) + 2 * _OF_A_SHARE
    whole = figure(table + pseudo.right + pseudo.wrong)
    return Contributions(
        figure(table).value,
        whole.value,
        pseudo_values(whole.value, whole.without[labels, predicted], rows),
        whole.value + rows * whole.slope.ravel(),
        (pseudo.right + pseudo.wrong).ravel(),
    )


def of_macro_f1_gain(student: np.ndarray, other: np.ndarray, labels: np.ndarray, classes: int) -> Contributions:
    """Macro-F1 of one model less that of another, (N,) predicted classes each, on the same rows.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.contributions import of_macro_f1_gain
        >>> from alambique.evaluation.intervals import helped, interval_over
        >>> labels = np.array([0, 1] * 150)
        >>> student, twins = labels, (labels.copy(), labels.copy(), labels.copy())
        >>> twins[0][:40], twins[1][10:52], twins[2][:44] = 0, 0, 0  # three trainings
        >>> gain = interval_over([of_macro_f1_gain(student, twin, labels, 2) for twin in twins])
        >>> round(gain.mean, 3), helped(gain)
        (0.07, 'yes')
    """
    return of_table_gain(macro_f1_of, student, other, labels, classes)


def of_table_gain(
    figure: OfTable, student: np.ndarray, other: np.ndarray, labels: np.ndarray, classes: int
) -> Contributions:
    """Any figure of one model's confusion table less that of another's; :func:`of_macro_f1_gain` is one."""
    pair = _Pair.of(figure, student, other, labels, classes)
    mine, theirs, rows = pair.mine, pair.theirs, pair.rows
    gain = mine.value - theirs.value
    without = mine.without[labels, student] - theirs.without[labels, other]
    only_mine = _right(mine) - theirs.slope
    only_theirs = mine.slope - _right(theirs)
    pseudo = gain + rows * np.stack([only_mine, only_theirs]).ravel()
    return Contributions(
        pair.figures[0] - pair.figures[1], gain, pseudo_values(gain, without, rows), pseudo, pair.weights
    )


def of_macro_f1_ratio(
    student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, classes: int
) -> Contributions | None:
    """Macro-F1 of one model as a fraction of another's; None where the other's is 0: there is nothing to retain.

    Args:
        student: (N,) its predicted classes.
        teacher: (N,) its predicted classes.
        labels: (N,).
        classes: how many.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.contributions import of_macro_f1_ratio
        >>> from alambique.evaluation.intervals import interval_over
        >>> labels = np.array([0, 1] * 150)
        >>> student = labels.copy()
        >>> student[:40] = 0
        >>> round(interval_over([of_macro_f1_ratio(student, labels, labels, 2)]).mean, 3)
        0.933
    """
    return of_table_ratio(macro_f1_of, student, teacher, labels, classes)


def of_table_ratio(
    figure: OfTable, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, classes: int
) -> Contributions | None:
    """Any figure of one model's confusion table as a fraction of another's; None unless both are above 0."""
    pair = _Pair.of(figure, student, teacher, labels, classes)
    if pair.figures[1] <= 0 or min(pair.mine.value, pair.theirs.value) <= 0:
        return None
    mine, theirs, rows = pair.mine, pair.theirs, pair.rows
    ratio = mine.value / theirs.value
    without = mine.without[labels, student] / theirs.without[labels, teacher]
    only_mine = _right(mine) / mine.value - theirs.slope / theirs.value
    only_theirs = mine.slope / mine.value - _right(theirs) / theirs.value
    pseudo = ratio * (1 + rows * np.stack([only_mine, only_theirs]).ravel())
    return Contributions(
        pair.figures[0] / pair.figures[1], ratio, pseudo_values(ratio, without, rows), pseudo, pair.weights
    )


@dataclass(frozen=True)
class _PseudoTables:
    """Right and wrong pseudo-rows as (C, C) tables: alike for each class that has rows, wrong ones alike for each answer."""

    right: np.ndarray
    wrong: np.ndarray

    @classmethod
    def of(cls, labels: np.ndarray, classes: int, number: float) -> "_PseudoTables":
        there = np.bincount(labels, minlength=classes) > 0
        each = np.where(there, number / there.sum(), 0.0)
        others = (1 - np.eye(classes)) / max(classes - 1, 1)
        return cls(np.diag(each), each[:, None] * others)


@dataclass(frozen=True)
class _Pair:
    """Two models on the same rows, pseudo-rows included.

    Attributes:
        figures: those of both without the pseudo-rows.
        mine: the figure of the first.
        theirs: the figure of the second.
        rows: number of rows and pseudo-rows.
        weights: (2·C²,) of pseudo-rows by label and wrong answer: those only the first gets right, those only the second.
    """

    figures: tuple[float, float]
    mine: TableFigure
    theirs: TableFigure
    rows: float
    weights: np.ndarray

    @classmethod
    def of(cls, figure: OfTable, student: np.ndarray, other: np.ndarray, labels: np.ndarray, classes: int) -> "_Pair":
        pseudo = _PseudoTables.of(labels, classes, _OF_A_PAIR)
        tables = [confusion(predicted, labels, classes) for predicted in (student, other)]
        mine, theirs = (figure(table + pseudo.right + pseudo.wrong) for table in tables)
        return cls(
            (figure(tables[0]).value, figure(tables[1]).value), mine, theirs,
            len(labels) + 2 * _OF_A_PAIR, np.tile(pseudo.wrong.ravel(), 2),
        )  # fmt: skip


def _right(figure: TableFigure) -> np.ndarray:
    """(C, 1) the slope for a right row of each class."""
    return figure.slope.diagonal()[:, None]
