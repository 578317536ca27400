"""The Pareto set and the choice, by hand."""

import pytest
from frontier_samples import POINTS, around, point

from alambique.frontier.budget import Budget
from alambique.frontier.choice import best_of, choose, pareto
from alambique.report.parts import Interval

OFFERED = [each for each in POINTS if each.offered]


def chosen(*budgets, points=OFFERED):
    made = choose(points, [Budget.parse(text) for text in budgets])
    return made.point and made.point.name, made.nearest and made.nearest.name


def test_a_point_is_in_the_set_unless_another_is_as_good_in_all_and_better_in_one():
    assert [each.name for each in pareto(OFFERED)] == [each.name for each in POINTS if each.pareto]
    twins = [point("a", 0.5, 1.0, 10), point("b", 0.5, 1.0, 10)]
    assert pareto(twins) == tuple(twins)
    assert pareto([]) == ()


def test_the_best_is_the_fastest_of_equals():
    slow, fast = point("slow", 0.5, 2.0, 10), point("fast", 0.5, 1.0, 10)
    assert best_of([slow, fast]) is fast
    assert best_of([]) is None


@pytest.mark.parametrize(
    ("budgets", "name"),
    [
        (["10 MB"], "3 layers, pruned, int8"), (["5 ms"], "6 layers, int8"), (["1 s"], "6 layers, fp32"),
        (["2000/s"], "3 layers, pruned, int8"), (["5 ms", "18 MB"], "3 layers, pruned, int8"),
        (["9 MB", "1 ms"], "static, int8"),
    ],
)  # fmt: skip
def test_within_a_budget_the_best_on_valid_is_chosen(budgets, name):
    assert chosen(*budgets) == (name, None)


def test_where_none_meets_the_budget_the_nearest_is_told():
    assert chosen("5 MB") == (None, "static, int8")
    assert chosen("1 MB", "5 ms") == (None, "static, int8")
    assert chosen("5 MB", points=[]) == (None, None)


def test_without_a_budget_the_fastest_within_a_standard_error_of_the_best_is_chosen():
    assert choose(OFFERED, []).why == "the fastest within one standard error of the best on valid"
    assert chosen() == ("6 layers, int8", None)  # 0.01 behind, with an error of 0.02 / 1.96
    closer = point("2 layers", 0.6, 1.0, 10, behind=around(0.02, 0.04))
    assert chosen(points=[*OFFERED, closer]) == ("2 layers, int8", None)
    farther = point("2 layers", 0.6, 1.0, 10, behind=around(0.02, 0.039))
    assert chosen(points=[*OFFERED, farther]) == ("6 layers, int8", None)
    unknown = point("1 layer", 0.5, 0.5, 10, behind=Interval(mean=0.1, low=None, high=None))
    assert chosen(points=[*OFFERED, unknown]) == ("6 layers, int8", None)
    assert chosen(points=[]) == (None, None)
