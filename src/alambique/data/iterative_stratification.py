"""Shares of rows that have any number of labels, each with its share of every label.

The algorithm of Sechidis, Tsoumakas and Vlahavas 2011, "On the Stratification of Multi-Label Data" (ECML PKDD), figure 1:
the label with the fewest rows left is dealt out first, each of its rows to the part that lacks most of it. Packages of it
draw by the order of the rows; here a text is drawn by a hash of itself, so that the order of the rows does not matter, and
equal texts stay together.
"""

from collections.abc import Sequence

import numpy as np

from alambique.artefacts.splits import Split
from alambique.data.folds import texts_for_folds
from alambique.data.sampling import Drawing, drawn, grouped, parted
from alambique.data.spelling import plain_text
from alambique.errors import DataError

_LEAST = 3  # texts for each that is split off


def deal(labels: np.ndarray, shares: Sequence[float], order: np.ndarray) -> np.ndarray:
    """Deal rows out into parts.

    Args:
        labels: (N, L) 0 or 1.
        shares: of each part; they sum to 1.
        order: (N,) positions of the rows, in the order in which they are dealt; it decides between equals.

    Returns:
        (N,) int64, the part of each row.

    Example:
        >>> import numpy as np
        >>> from alambique.data.iterative_stratification import deal
        >>> labels = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0]])
        >>> deal(labels, [0.5, 0.5], np.arange(6)).tolist()  # each part has two of three, or one, of either label
        [1, 0, 0, 1, 0, 1]
    """
    part_of = np.full(len(labels), -1, dtype=np.int64)
    wanted = np.outer(shares, labels.sum(0)).astype(np.float64)
    room = np.asarray(shares, dtype=np.float64) * len(labels)
    left, ranked = labels.sum(0).astype(np.int64), labels[order].astype(bool)
    while left.any():
        label = int(np.argmin(np.where(left > 0, left, len(labels) + 1)))
        for row in order[ranked[:, label]].tolist():
            if part_of[row] >= 0:
                continue
            part = int(np.lexsort((-room, -wanted[:, label]))[0])
            part_of[row] = part
            own = labels[row]
            wanted[part] -= own
            left -= own
            room[part] -= 1
    for row in order[part_of[order] < 0].tolist():  # those without labels
        part = int(room.argmax())
        part_of[row] = part
        room[part] -= 1
    return part_of


def split_off_sets(train: Split, name: str, share: float, seed: int) -> tuple[Split, Split]:
    """Move a share of train's different texts to a new split; equal texts stay together, and train keeps every label.

    Args:
        train: rows with (rows, L) labels.
        name: of the new split.
        share: of the texts.
        seed: of the draw.

    Returns:
        The rest of train and the new split, whose ids keep the prefix of train: they are the same rows.

    Raises:
        DataError: train has too few texts to split.
    """
    texts, group = grouped([tuple(map(plain_text, row)) for row in train.contents()])
    if round(len(texts) * share) < 1 or len(texts) < _LEAST:
        raise DataError(
            f"train has {len(texts)} different texts: too few to split a {name} split off. Give a {name} file."
        )
    moved = (deal(labels_of_texts(train.labels, group), [1 - share, share], _order(texts, name, seed)) == 1)[group]
    lost = (train.labels[~moved].sum(0) == 0) & (train.labels.sum(0) > 0)
    returned = np.isin(group, group[train.labels[:, lost].any(1)])
    return parted(train, moved & ~returned, name)


def sample_of_sets(labels: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Positions of a sample in which each label has about its share; a label keeps one row.

    Args:
        labels: (N, L) 0 or 1.
        rows: the size of the sample; N or more takes every row.
        seed: fixes the choice.

    Returns:
        Rising positions.
    """
    if rows >= len(labels):
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    chosen = deal(labels, [rows / len(labels), 1 - rows / len(labels)], order) == 0
    for label in np.flatnonzero((labels[chosen].sum(0) == 0) & (labels.sum(0) > 0)):
        chosen[order[labels[order, label] == 1][0]] = True
    counts = labels[chosen].sum(0)
    for row in order[::-1]:
        if chosen.sum() <= rows:
            break
        if chosen[row] and not (labels[row] & (counts == 1)).any():
            chosen[row] = False
            counts = counts - labels[row]
    spare = order[~chosen[order]]
    chosen[spare[: max(0, rows - int(chosen.sum()))]] = True
    return np.flatnonzero(chosen)


def folds_of_sets(train: Split, folds: int, seed: int) -> np.ndarray:
    """Give each row of train a fold, in which each label has its share; equal texts are in one fold.

    Args:
        train: rows with (rows, L) labels.
        folds: their number, 2 or more.
        seed: of the draw.

    Returns:
        (rows,) int64, from 0 to ``folds`` − 1.

    Raises:
        DataError: train has fewer different texts than folds.
    """
    texts, group = texts_for_folds(train, folds)
    labels = labels_of_texts(train.labels, group)
    return np.asarray(deal(labels, [1 / folds] * folds, _order(texts, "folds", seed))[group])


def labels_of_texts(labels: np.ndarray, group: np.ndarray) -> np.ndarray:
    """(texts, L) 0 or 1: a text has the labels that any of its rows has.

    Args:
        labels: (rows, L).
        group: (rows,) which text each row is.
    """
    united = np.zeros((int(group.max()) + 1, labels.shape[1]), dtype=np.int64)
    np.maximum.at(united, group, labels)
    return united


def _order(texts: Sequence[tuple[str, ...]], name: str, seed: int) -> np.ndarray:
    return np.array(sorted(range(len(texts)), key=lambda place: drawn(texts[place], name, seed)), dtype=np.int64)


SEVERAL_LABELS = Drawing(split_off_sets, sample_of_sets)
