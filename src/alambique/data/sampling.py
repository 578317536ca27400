"""Stratified samples, fixed by a seed."""

from dataclasses import replace

import numpy as np

from alambique.artefacts.splits import Split
from alambique.errors import DataError

_FEWEST = 3
_SEED_OF = {"test": 4, "valid": 5}


def stratified_sample(labels: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Positions of a sample in which each class has its share, rounded by largest remainder; a class keeps one row.

    Args:
        labels: (N,) class indices.
        rows: the size of the sample; N or more takes every row.
        seed: fixes the choice.

    Returns:
        Rising positions; more than ``rows`` only if there are more classes than that.
    """
    if rows >= len(labels):
        return np.arange(len(labels))
    classes, counts = np.unique(labels, return_counts=True)
    ideal = counts * rows / len(labels)
    quota = np.maximum(np.floor(ideal).astype(int), 1)
    for i in np.argsort(quota - ideal, kind="stable"):
        if quota.sum() >= rows:
            break
        quota[i] = min(quota[i] + 1, counts[i])
    while quota.sum() > max(rows, len(classes)):  # the rows that rare classes keep come out of the common ones
        quota[np.argmax(quota)] -= 1
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = labels[order]
    chosen = [order[shuffled == c][:q] for c, q in zip(classes, quota, strict=True)]
    return np.sort(np.concatenate(chosen))


def split_off(train: Split, name: str, share: float, seed: int) -> tuple[Split, Split]:
    """Move a stratified share of train's different texts to a new split; equal texts stay together.

    Returns:
        The rest of train and the new split, whose ids keep the prefix of train: they are the same rows.

    Raises:
        DataError: train has too few rows to split.
    """
    first: dict[tuple[str, ...], int] = {}
    group = np.array([first.setdefault(row, i) for i, row in enumerate(train.contents())])
    distinct = np.unique(group)
    classes, texts_of = np.unique(train.labels[distinct], return_counts=True)
    # a class with hardly any text stays in train, where it can at least be learnt
    frequent = np.isin(train.labels[distinct], classes[texts_of >= _FEWEST])
    wanted = max(round(len(distinct) * share), int((texts_of >= _FEWEST).sum()))
    if not frequent.any() or wanted * 3 > len(distinct):
        raise DataError(
            f"train has {len(distinct)} different texts in {len(classes)} classes: too few to split a {name} split off. "
            f"Give a {name} file."
        )
    # another seed for another split, or valid would be drawn by the order that test was drawn by
    candidates = distinct[frequent]
    chosen = candidates[stratified_sample(train.labels[candidates], wanted, seed + _SEED_OF[name])]
    moved = np.isin(group, chosen)
    rest, new = np.flatnonzero(~moved), np.flatnonzero(moved)
    lost = set(classes) - set(train.labels[rest])
    if lost:
        raise DataError(
            f"a class has so few rows that none would stay in train after splitting {name} off. Give a {name} file."
        )
    taken = train.take(new)
    return train.take(rest), replace(taken, name=name)
