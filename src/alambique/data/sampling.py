"""Stratified samples, fixed by a seed; valid and test where the source lacks them."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from alambique.artefacts.splits import SPLIT_NAMES, Split
from alambique.data.spelling import plain_text
from alambique.errors import DataError
from alambique.recipe.sections import Data

SPLIT_OFF_SHARE = 0.1
_FEWEST = 3
_SEED_OF = {"test": 4, "valid": 5}
SplitOff = Callable[[Split, str, float, int], tuple[Split, Split]]


@dataclass(frozen=True)
class Drawing:
    """How rows are drawn so that each label keeps its share.

    Attributes:
        split_off: moves a share of train to a new split.
        sample: positions of so many rows.
        earlier: how versions up to 0.1.0 split off; None where they did not know such labels.
    """

    split_off: SplitOff
    sample: Callable[[np.ndarray, int, int], np.ndarray]
    earlier: SplitOff | None = None


def complete(
    splits: Mapping[str, Split], data: Data, recorded: Mapping[str, str] | None = None, drawing: Drawing | None = None
) -> tuple[dict[str, Split], list[str]]:
    """Split off what is missing of valid and test, then sample if ``data.max_rows`` asks for it.

    Args:
        splits: by name; train is there.
        data: ``split_seed`` and ``max_rows``.
        recorded: the digest of each split of a run that goes on. Versions up to 0.1.0 drew by the order of the rows; where
            the run's splits were drawn so, they are drawn so again.
        drawing: by default that of rows with one label each.

    Returns:
        All three splits, and a note about each change.

    Raises:
        DataError: train has too few rows to split.
    """
    drawing = drawing or ONE_LABEL
    made, notes = _completed(splits, data, drawing.split_off, drawing)
    missing = len(splits) < len(SPLIT_NAMES)
    if drawing.earlier and missing and recorded and recorded != {name: split.digest for name, split in made.items()}:
        try:
            earlier, earlier_notes = _completed(splits, data, drawing.earlier, drawing)
        except DataError:  # it refused what can be split now
            return made, notes
        if recorded == {name: split.digest for name, split in earlier.items()}:
            return earlier, earlier_notes
    return made, notes


def _completed(
    splits: Mapping[str, Split], data: Data, off: SplitOff, drawing: Drawing
) -> tuple[dict[str, Split], list[str]]:
    made, notes = dict(splits), []
    for name in ("test", "valid"):
        if name not in made:
            made["train"], made[name] = off(made["train"], name, SPLIT_OFF_SHARE, data.split_seed)
            notes.append(
                f"The source has no labelled {name} split: {len(made[name])} rows were split off train, stratified by "
                f"label, with data.split_seed {data.split_seed}."
            )
    if data.max_rows is not None:
        for name in SPLIT_NAMES:
            chosen = drawing.sample(made[name].labels, data.max_rows, data.split_seed)
            if len(chosen) < len(made[name]):
                notes.append(f"{name}: a stratified sample of {len(chosen)} of {len(made[name])} rows (data.max_rows).")
                made[name] = made[name].take(chosen)
    return made, notes


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
    order = np.random.default_rng(seed).permutation(len(labels))
    shuffled = labels[order]
    chosen = [order[shuffled == c][:q] for c, q in zip(classes, _quotas(counts, rows), strict=True)]
    return np.sort(np.concatenate(chosen))


def _quotas(counts: np.ndarray, rows: int) -> np.ndarray:
    """Rows of each class in a sample, by largest remainder; a class keeps one row."""
    ideal = counts * rows / counts.sum()
    quota = np.maximum(np.floor(ideal).astype(int), 1)
    for i in np.argsort(quota - ideal, kind="stable"):
        if quota.sum() >= rows:
            break
        quota[i] = min(quota[i] + 1, counts[i])
    while quota.sum() > max(rows, len(counts)):  # the rows that rare classes keep come out of the common ones
        quota[np.argmax(quota)] -= 1
    return quota


def split_off(train: Split, name: str, share: float, seed: int) -> tuple[Split, Split]:
    """Move a stratified share of train's different texts to a new split; equal texts stay together.

    A text is drawn by a hash of itself, so the order of the rows does not matter, and a row that is added changes a text or
    two of the draw. Texts that differ by case, blanks or Unicode form alone count as equal.

    Returns:
        The rest of train and the new split, whose ids keep the prefix of train: they are the same rows.

    Raises:
        DataError: train has too few texts to split.
    """
    texts, group = grouped([tuple(map(plain_text, row)) for row in train.contents()])
    label_of = labels_of_groups(train.labels, group, len(texts))
    classes, texts_of = np.unique(label_of, return_counts=True)
    frequent = texts_of >= _FEWEST  # a class with hardly any text stays in train, where it can at least be learnt
    wanted = _wanted(len(texts), share, frequent, name)
    ranks = np.argsort(np.argsort([drawn(text, name, seed) for text in texts], kind="stable"))
    quotas = _quotas(texts_of[frequent], wanted)
    chosen = [
        members[np.argsort(ranks[members])][:quota]
        for members, quota in zip((np.flatnonzero(label_of == c) for c in classes[frequent]), quotas, strict=True)
    ]
    moved = np.isin(group, np.concatenate(chosen))
    return parted(train, _keeping_all_classes(train.labels, group, moved), name)


def grouped(rows: list[tuple[str, ...]]) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """Give the different rows, and which of them each row is."""
    first: dict[tuple[str, ...], int] = {}
    group = np.array([first.setdefault(row, len(first)) for row in rows], dtype=np.int64)
    return list(first), group


def labels_of_groups(labels: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Give the most frequent label of each group of rows, of equally frequent ones the first."""
    pairs, counts = np.unique(np.stack([group, labels]), axis=1, return_counts=True)
    order = np.lexsort((-pairs[1], counts))  # the last that is written stays
    most = np.zeros(groups, dtype=np.int64)
    for g, label in pairs[:, order].T:
        most[g] = label
    return most


def _wanted(texts: int, share: float, frequent: np.ndarray, name: str) -> int:
    wanted = max(round(texts * share), int(frequent.sum()))
    if not frequent.any() or wanted * 3 > texts:
        raise DataError(
            f"train has {texts} different texts in {len(frequent)} classes: too few to split a {name} split off. "
            f"Give a {name} file."
        )
    return wanted


def drawn(text: tuple[str, ...], name: str, seed: int) -> bytes:
    """Draw a number for a text from its hash; ``name`` is what is drawn for, or all draws would have the same order."""
    return hashlib.blake2b(json.dumps([seed, name, *text]).encode(), digest_size=16).digest()


def row_chance(row_id: str, name: str, seed: int) -> np.random.Generator:
    """Random numbers of a row's own: what other rows there are, and their order, changes nothing."""
    return np.random.default_rng(int.from_bytes(drawn((row_id,), name, seed), "big"))


def drawn_words(count: int, rate: float, chance: np.random.Generator) -> np.ndarray:
    """Draw words of a text, each with the same probability; one at least is not drawn.

    Args:
        count: of words.
        rate: probability of each, from 0 to 1.
        chance: of the row.

    Returns:
        (count,) bool.
    """
    draws = chance.random(count)
    chosen = draws < rate
    if count and chosen.all():
        chosen[draws.argmax()] = False
    return np.asarray(chosen)


def _keeping_all_classes(labels: np.ndarray, group: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Leave in train the texts that have all rows of a class: a class whose texts all have another label more often."""
    lost = np.setdiff1d(labels, labels[~moved])
    return moved & ~np.isin(group, group[np.isin(labels, lost)])


def parted(train: Split, moved: np.ndarray, name: str) -> tuple[Split, Split]:
    """The rows of train that stay, and those that are moved to a new split, by (rows,) bool."""
    taken = train.take(np.flatnonzero(moved))
    return train.take(np.flatnonzero(~moved)), replace(taken, name=name)


def split_off_by_order(train: Split, name: str, share: float, seed: int) -> tuple[Split, Split]:
    """Split off as versions up to 0.1.0 did, by the order of the rows, for runs that they made; see :func:`split_off`."""
    _, group = grouped(train.contents())
    distinct = np.unique(group, return_index=True)[1]
    labels = train.labels[distinct]
    classes, texts_of = np.unique(labels, return_counts=True)
    wanted = _wanted(len(distinct), share, texts_of >= _FEWEST, name)
    candidates = np.flatnonzero(np.isin(labels, classes[texts_of >= _FEWEST]))
    chosen = candidates[stratified_sample(labels[candidates], wanted, seed + _SEED_OF[name])]
    moved = np.isin(group, chosen)
    if set(classes) - set(train.labels[~moved]):
        raise DataError(
            f"a class has so few rows that none would stay in train after splitting {name} off. Give a {name} file."
        )
    return parted(train, moved, name)


ONE_LABEL = Drawing(split_off, stratified_sample, earlier=split_off_by_order)
