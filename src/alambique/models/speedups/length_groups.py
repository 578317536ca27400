"""Consecutive rows put into groups, each padded to its own longest row, so that little is padded."""

from collections.abc import Sequence

import numpy as np


def group_lengths(lengths: Sequence[int] | np.ndarray, *, overhead: float, power: int = 1) -> list[int]:
    """Where to cut rows into groups such that the whole cost is least.

    A group of r rows whose longest has T tokens costs r · T^power + ``overhead``. The best cut is found by dynamic
    programming over the rows in the order given; groups are few if that order is by length.

    Args:
        lengths: (B,) tokens of each row.
        overhead: of a group, in the unit of the cost: tokens, or for ``power=2`` pairs of tokens.
        power: 1 where the cost grows with the tokens, 2 where it grows with pairs of them, as attention's does.

    Returns:
        The bounds of the G groups: G + 1 row numbers, from 0 to B.

    Example:
        >>> from alambique.models.speedups.length_groups import group_lengths
        >>> group_lengths([4, 5, 5, 30], overhead=10)  # 3 · 5 + 30 and two groups; a single group would cost 4 · 30
        [0, 3, 4]
    """
    lengths = np.asarray(lengths, dtype=np.float64)
    least = np.zeros(len(lengths) + 1)  # cost of the first rows
    begins = np.zeros(len(lengths) + 1, dtype=np.int64)  # of the last group among them
    for end in range(1, len(lengths) + 1):
        longest = np.maximum.accumulate(lengths[end - 1 :: -1])[::-1]  # of the group from each row to this end
        costs = least[:end] + np.arange(end, 0, -1) * longest**power + overhead
        begins[end] = costs.argmin()
        least[end] = costs[begins[end]]
    bounds = [len(lengths)]
    while bounds[-1] > 0:
        bounds.append(int(begins[bounds[-1]]))
    return bounds[::-1]
