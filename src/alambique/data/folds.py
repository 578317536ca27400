"""Folds of train, so that each row is labelled by a teacher that saw neither it nor a duplicate of it."""

import numpy as np

from alambique.artefacts.splits import Split
from alambique.data.sampling import drawn, grouped, labels_of_groups
from alambique.data.spelling import plain_text
from alambique.errors import DataError


def texts_for_folds(train: Split, folds: int) -> tuple[list[tuple[str, ...]], np.ndarray]:
    """The different texts of train, plain, and which of them each row is.

    Raises:
        DataError: there are fewer than folds.
    """
    texts, group = grouped([tuple(map(plain_text, row)) for row in train.contents()])
    if len(texts) < folds:
        raise DataError(f"train has {len(texts)} different texts: too few for soft_labels.folds: {folds}.")
    return texts, group


def assign_folds(train: Split, folds: int, seed: int) -> np.ndarray:
    """Give each row of train a fold, stratified by label; equal texts are in one fold.

    Texts that differ by case, blanks or Unicode form alone count as equal. The order of a class's texts is drawn by their
    hash, so the order of the rows does not matter. Each text goes to the fold that has the fewest rows of its class, of
    several to the one with the fewest rows.

    Args:
        train: the rows.
        folds: their number, 2 or more.
        seed: of the draw.

    Returns:
        (rows,) int64, from 0 to ``folds`` − 1.

    Raises:
        DataError: train has fewer different texts than folds.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split
        >>> from alambique.data.folds import assign_folds
        >>> train = Split("train", tuple("abcd"), ("Fine.", "poor", "fine.", "bad"), None, np.array([1, 0, 1, 0]))
        >>> fold = assign_folds(train, 2, seed=0)
        >>> bool(fold[0] == fold[2]), bool(fold[1] != fold[3])
        (True, True)
    """
    texts, group = texts_for_folds(train, folds)
    label_of = labels_of_groups(train.labels, group, len(texts))
    rows_of = np.bincount(group)
    order = sorted(range(len(texts)), key=lambda text: (label_of[text], drawn(texts[text], "folds", seed)))
    fold_of = np.zeros(len(texts), dtype=np.int64)
    of_class = np.zeros((int(label_of.max()) + 1, folds), dtype=np.int64)
    total = np.zeros(folds, dtype=np.int64)
    for text in order:
        fold = np.lexsort((total, of_class[label_of[text]]))[0]
        fold_of[text] = fold
        of_class[label_of[text], fold] += rows_of[text]
        total[fold] += rows_of[text]
    return fold_of[group]
