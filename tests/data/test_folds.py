"""Folds: stratified, duplicates together, whatever the order of the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alambique.artefacts.splits import Split, row_ids
from alambique.data.folds import assign_folds
from alambique.errors import DataError


def split_of(texts, labels):
    return Split("train", row_ids("train", [(text,) for text in texts]), tuple(texts), None, np.array(labels))


def test_each_class_is_shared_out_evenly():
    labels = np.repeat([0, 1, 2], [10, 5, 3])
    fold = assign_folds(split_of([f"text {i}" for i in range(18)], labels), 5, seed=0)
    counts = np.array([np.bincount(fold[labels == c], minlength=5) for c in range(3)])
    assert counts[0].tolist() == [2, 2, 2, 2, 2]
    assert counts[1].tolist() == [1, 1, 1, 1, 1]
    assert sorted(counts[2].tolist()) == [0, 0, 1, 1, 1]


@given(
    texts=st.lists(st.sampled_from(["Olá", "olá ", "ola", "fine", "FINE", "ﬁne", "b c", "b  c", "d", "e"]), min_size=8),
    folds=st.integers(2, 3),
    seed=st.integers(0, 3),
    order=st.randoms(),
)
def test_equal_texts_are_in_one_fold_and_the_order_does_not_matter(texts, folds, seed, order):
    texts = [*texts, "d", "e", "b c"]  # three different texts at least
    labels = [len(text) % 2 for text in texts]
    fold = assign_folds(split_of(texts, labels), folds, seed)
    of_text = {}
    for text, number in zip(texts, fold.tolist(), strict=True):
        assert of_text.setdefault(" ".join(text.replace("ﬁ", "fi").casefold().split()), number) == number
    assert set(fold.tolist()) <= set(range(folds))
    shuffled = list(range(len(texts)))
    order.shuffle(shuffled)
    again = assign_folds(split_of([texts[i] for i in shuffled], [labels[i] for i in shuffled]), folds, seed)
    if len({(t.casefold(), label) for t, label in zip(texts, labels, strict=True)}) == len(
        {t.casefold() for t in texts}
    ):
        assert again.tolist() == fold[shuffled].tolist()


def test_another_seed_draws_other_folds():
    split = split_of([f"text {i}" for i in range(40)], np.arange(40) % 2)
    assert assign_folds(split, 4, 0).tolist() != assign_folds(split, 4, 1).tolist()


def test_fewer_texts_than_folds():
    with pytest.raises(DataError) as raised:
        assign_folds(split_of(["a", "A", "b"], [0, 0, 1]), 3, 0)
    assert str(raised.value) == "train has 2 different texts: too few for soft_labels.folds: 3."
