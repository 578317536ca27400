"""Rows of which words are left out or replaced."""

import numpy as np

from alambique.artefacts.splits import Split


def split_of(texts, pairs=None, metadata=None):
    ids = tuple(f"train-{i}" for i in range(len(texts)))
    return Split("train", ids, tuple(texts), pairs, np.zeros(len(texts), dtype=int), metadata)


TRAIN = split_of([" ".join(f"w{i}-{j}" for j in range(20)) for i in range(200)])
