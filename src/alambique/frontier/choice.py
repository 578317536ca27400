"""The Pareto set of points, and which of them is chosen. Free of torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from alambique.frontier.budget import Budget
from alambique.frontier.result import Point

_NORMAL = 1.96  # half of a 95 % interval in standard errors


@dataclass(frozen=True)
class Choice:
    """A choice, or the point that comes nearest to the budget.

    Attributes:
        point: the choice; None if none meets the budget.
        why: by which rule.
        nearest: None where there is a choice.
    """

    point: Point | None
    why: str | None
    nearest: Point | None = None


def pareto(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that no other is at least as good as in quality, time, bytes and rate, and better in one."""
    return tuple(point for point in points if not any(_dominates(other, point) for other in points))


def _dominates(other: Point, point: Point) -> bool:
    mine, theirs = _merits(point), _merits(other)
    return all(b >= a for a, b in zip(mine, theirs, strict=True)) and theirs != mine


def _merits(point: Point) -> tuple[float, ...]:
    return (point.quality, -point.latency_ms, -point.bytes, point.texts_per_s)


def best_of(points: Sequence[Point]) -> Point | None:
    """The point with the best figure on valid; of equal ones the fastest."""
    return max(points, key=lambda point: (point.quality, -point.latency_ms), default=None)


def choose(points: Sequence[Point], budgets: Sequence[Budget]) -> Choice:
    """Choose a point.

    With a budget it is the best on valid of those within it. Without one it is the fastest that is not more than a standard
    error behind the best (the one-standard-error rule: Breiman et al. 1984, "Classification and Regression Trees", §3.4.3);
    the error is that of the difference, by the same rows.

    Args:
        points: that passed the parity gate, each with ``behind``.
        budgets: all of which are to be met.
    """
    if budgets:
        within = [point for point in points if _excess(point, budgets) <= 1]
        best = best_of(within)
        if best is not None:
            return Choice(best, "the best on valid of those within the budget")
        nearest = min(points, key=lambda point: _excess(point, budgets), default=None)
        return Choice(None, None, nearest)
    near = [point for point in points if _within_an_error(point)]
    fastest = min(near, key=lambda point: (point.latency_ms, -point.quality), default=None)
    why = None if fastest is None else "the fastest within one standard error of the best on valid"
    return Choice(fastest, why)


def _excess(point: Point, budgets: Sequence[Budget]) -> float:
    return max(budget.excess(point) for budget in budgets)


def _within_an_error(point: Point) -> bool:
    behind = point.behind
    if behind is None:  # the best itself
        return True
    if behind.low is None or behind.high is None:
        return behind.mean <= 0
    return behind.mean <= (behind.high - behind.low) / 2 / _NORMAL
