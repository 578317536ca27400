"""Figures of how well a score ranks the rows of one class before all others, and their intervals.

They are not smooth: a row may move the threshold at which a precision is reached, so jackknife pseudo-values would mislead
(Efron and Tibshirani 1993, §11.6). Their rows vary by the Bayesian bootstrap instead (Rubin 1981, "The Bayesian Bootstrap"):
each replicate weighs all rows by exponential variates, the same for all models on the same rows, so that a class of few
rows never vanishes. A replicate, stretched about the figure, then stands in the place of a row in
:mod:`alambique.evaluation.intervals`. A few pseudo-rows keep a class that is ranked without a mistake from looking
certain, and take the largest recall of few rows, which is optimistic, down (:data:`AVERAGE_PRECISION`, :data:`RECALL`).
"""

from dataclasses import dataclass

import numpy as np

from alambique.evaluation.contributions import Contributions

REPLICATES = 1000
_SEED = 0
_CHUNK = 2**22  # weights in memory at a time


@dataclass(frozen=True)
class Pseudo:
    """A pseudo-row: whether it is of the class, whether it ranks before all rows or behind, and as how many it counts."""

    positive: bool
    first: bool
    weight: float


AVERAGE_PRECISION = (Pseudo(True, True, 1.0), Pseudo(True, False, 1.0))  # noqa: FBT003
RECALL = (*AVERAGE_PRECISION, Pseudo(False, True, 0.5))  # noqa: FBT003


@dataclass(frozen=True)
class RankingFigure:
    """Average precision or, with a precision, the largest recall at it.

    Attributes:
        at_precision: None for average precision.
    """

    at_precision: float | None = None

    @property
    def pseudo(self) -> tuple[Pseudo, ...]:
        """The pseudo-rows of its interval."""
        return AVERAGE_PRECISION if self.at_precision is None else RECALL

    def value(self, scores: np.ndarray, positive: np.ndarray) -> float:
        """The figure of (N,) scores and (N,) truths; 0 where no row is of the class.

        Example:
            >>> import numpy as np
            >>> from alambique.evaluation.rankings import RankingFigure
            >>> scores, positive = np.array([0.9, 0.8, 0.7, 0.1]), np.array([1, 0, 1, 0])
            >>> round(RankingFigure().value(scores, positive), 4)  # (1/1 + 2/3) / 2
            0.8333
            >>> RankingFigure(at_precision=0.9).value(scores, positive)
            0.5
        """
        return float(_Ranking.of(scores, positive).measure(self, np.ones((len(scores), 1)))[0])

    def replicates(self, scores: np.ndarray, positive: np.ndarray, *, flipped: int = 0) -> tuple[float, np.ndarray]:
        """The figure with pseudo-rows, and (:data:`REPLICATES`,) of it with rows and pseudo-rows weighed at random.

        Args:
            scores: (N,).
            positive: (N,).
            flipped: of pseudo-rows in which two models differ: 0, all rank where they say; 1 and 2, the first model of a
                pair and the second, which rank them against each other.
        """
        pseudo = self.pseudo
        firsts = [each.first for each in pseudo]
        if flipped:
            pairs = [(each, other) for each in pseudo for other in (True, False)]
            pseudo, firsts = tuple(each for each, _ in pairs), [first == (flipped == 1) for _, first in pairs]
        edge = np.where(firsts, np.inf, -np.inf)
        ranking = _Ranking.of(
            np.concatenate([scores, edge]), np.concatenate([positive, [each.positive for each in pseudo]]).astype(bool)
        )
        share = 0.5 if flipped else 1.0
        weights = np.array([each.weight * share for each in pseudo])
        whole = ranking.measure(self, np.concatenate([np.ones(len(scores)), weights])[:, None])[0]
        random, made = np.random.default_rng(_SEED), []
        each = max(1, _CHUNK // (len(scores) + len(pseudo)))
        for start in range(0, REPLICATES, each):
            count = min(each, REPLICATES - start)
            drawn = random.standard_exponential((len(scores), count))
            more = random.gamma(weights[:, None], size=(len(weights), count))
            made.append(ranking.measure(self, np.concatenate([drawn, more])))
        return float(whole), np.concatenate(made)


@dataclass(frozen=True)
class _Ranking:
    """Rows by falling score; equal scores end together."""

    order: np.ndarray
    positive: np.ndarray
    ends: np.ndarray  # positions of the last row of each score

    @classmethod
    def of(cls, scores: np.ndarray, positive: np.ndarray) -> "_Ranking":
        order = np.argsort(-scores, kind="stable")
        ranked = scores[order]
        ends = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
        return cls(order, positive[order].astype(bool), ends)

    def measure(self, figure: RankingFigure, weights: np.ndarray) -> np.ndarray:
        """The figure, (B,), for (N, B) weights of the rows."""
        weights = weights[self.order]
        hits, given = np.cumsum(weights * self.positive[:, None], axis=0), np.cumsum(weights, axis=0)
        if len(self.ends) < len(self.order):
            hits, given = hits[self.ends], given[self.ends]
        precision = hits / given
        recall = np.divide(hits, hits[-1], out=np.zeros_like(hits), where=hits[-1] > 0)
        if figure.at_precision is not None:
            return np.asarray(np.where(precision >= figure.at_precision, recall, 0.0).max(axis=0))
        return np.asarray((precision * np.diff(recall, axis=0, prepend=0.0)).sum(axis=0))


def of_ranking(figure: RankingFigure, scores: np.ndarray, positive: np.ndarray) -> Contributions:
    """A figure of (N,) scores of rows that are (N,) of the class or not."""
    _, made = figure.replicates(scores, positive)
    return _stretched(figure.value(scores, positive), made)


def of_ranking_gain(figure: RankingFigure, mine: np.ndarray, other: np.ndarray, positive: np.ndarray) -> Contributions:
    """A figure of one model's scores less that of another's, on the same rows."""
    made = [figure.replicates(each, positive, flipped=n)[1] for n, each in ((1, mine), (2, other))]
    return _stretched(figure.value(mine, positive) - figure.value(other, positive), made[0] - made[1])


def of_ranking_ratio(
    figure: RankingFigure, mine: np.ndarray, other: np.ndarray, positive: np.ndarray
) -> Contributions | None:
    """A figure of one model's scores as a fraction of another's; None where the other's is 0."""
    values = [figure.value(each, positive) for each in (mine, other)]
    if values[1] <= 0:
        return None
    made = [figure.replicates(each, positive, flipped=n)[1] for n, each in ((1, mine), (2, other))]
    return _stretched(values[0] / values[1], made[0] / np.maximum(made[1], _LEAST))


_LEAST = 1e-6  # of a replicate of the figure that is divided by


def _stretched(figure: float, made: np.ndarray) -> Contributions:
    """Replicates in the place of rows: the variance of their mean is the variance of a replicate."""
    centre = float(made.mean())
    return Contributions(figure, centre, centre + np.sqrt(len(made)) * (made - centre))
