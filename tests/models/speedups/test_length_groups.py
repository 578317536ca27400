import itertools

import numpy as np
import pytest

from alambique.models.speedups.length_groups import group_lengths


def cost(lengths, bounds, overhead, power):
    return sum(
        (last - first) * max(lengths[first:last]) ** power + overhead for first, last in itertools.pairwise(bounds)
    )


def test_groups_worked_out_by_hand():
    lengths = [4, 5, 5, 30]
    assert group_lengths(lengths, overhead=10) == [0, 3, 4]  # 15 + 30 + 2 · 10 = 65; a single group: 120 + 10
    assert group_lengths(lengths, overhead=80) == [0, 4]  # 200 against 205
    assert group_lengths(lengths, overhead=0.5) == [0, 1, 3, 4]
    assert group_lengths(lengths, overhead=80, power=2) == [0, 3, 4]  # 75 + 900 + 160 against 3600 + 80


def test_no_row_is_no_group():
    assert group_lengths([], overhead=1) == [0]
    assert group_lengths([7], overhead=1) == [0, 1]


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_cut_costs_less(seed, power):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, 20, 8).tolist()  # in any order
    overhead = float(random.integers(1, 60))
    cuts = [(0, *inner, 8) for count in range(8) for inner in itertools.combinations(range(1, 8), count)]
    least = min(cost(lengths, bounds, overhead, power) for bounds in cuts)
    assert cost(lengths, group_lengths(lengths, overhead=overhead, power=power), overhead, power) == least
