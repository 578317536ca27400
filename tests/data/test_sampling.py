"""Stratified samples: quotas by largest remainder, fixed by the seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alambique.artefacts.splits import Split, row_ids
from alambique.data.sampling import split_off, stratified_sample
from alambique.errors import DataError


def labels_of(*counts):
    return np.repeat(np.arange(len(counts)), counts)


def quotas(counts, rows, seed=0):
    labels = labels_of(*counts)
    return np.bincount(labels[stratified_sample(labels, rows, seed)], minlength=len(counts)).tolist()


def split_of(texts, labels, pairs=None):
    rows = [(text,) for text in texts] if pairs is None else list(zip(texts, pairs, strict=True))
    return Split("train", row_ids("train", rows), tuple(texts), pairs, np.array(labels, dtype=np.int64))


@pytest.mark.parametrize(
    ("counts", "rows", "expected"),
    [
        ((50, 50), 10, [5, 5]),
        ((60, 40), 10, [6, 4]),
        ((5, 3, 2), 4, [2, 1, 1]),  # 2, 1.2, 0.8
        ((7, 2, 1), 5, [3, 1, 1]),  # 3.5, 1, 0.5: the last is raised to a row
        ((3, 3, 4), 5, [2, 1, 2]),  # 1.5, 1.5, 2: of equal remainders the first
        ((9, 45, 46), 10, [1, 4, 5]),  # 0.9, 4.5, 4.6: the raised class gets no second row
        ((97, 1, 1, 1), 10, [7, 1, 1, 1]),  # what rare classes keep comes out of the common one
        ((97, 1, 1, 1), 3, [1, 1, 1, 1]),  # more rows than asked only because there are more classes
        ((2, 1), 3, [2, 1]),
        ((2, 1), 99, [2, 1]),
    ],
)
def test_quotas(counts, rows, expected):
    assert quotas(counts, rows) == expected


@given(counts=st.lists(st.integers(1, 40), min_size=1, max_size=6), rows=st.integers(1, 120), seed=st.integers(0, 5))
def test_a_sample_has_the_size_asked_for(counts, rows, seed):
    found = quotas(counts, rows, seed)
    assert sum(found) == min(max(rows, len(counts)), sum(counts))
    assert all(1 <= quota <= count for quota, count in zip(found, counts, strict=True))


def test_positions_rise_and_stand_once():
    labels = np.tile([2, 0, 1], 30)
    positions = stratified_sample(labels, 20, 3)
    assert len(positions) == 20
    assert (np.diff(positions) > 0).all()


def test_the_seed_fixes_the_choice():
    labels = labels_of(60, 40)
    first = stratified_sample(labels, 10, 1).tolist()
    assert stratified_sample(labels, 10, 1).tolist() == first
    assert stratified_sample(labels, 10, 2).tolist() != first


def test_every_row_can_be_chosen():
    labels = labels_of(6, 4)
    seen = {position for seed in range(60) for position in stratified_sample(labels, 5, seed).tolist()}
    assert seen == set(range(10))


def test_all_rows_where_more_are_asked_for():
    assert stratified_sample(labels_of(2, 1), 3, 0).tolist() == [0, 1, 2]


def test_split_off_moves_rows_and_keeps_their_ids():
    train = split_of([f"text {i}" for i in range(20)], [0, 1] * 10)
    rest, new = split_off(train, "valid", 0.2, 0)
    assert (rest.name, new.name) == ("train", "valid")
    assert np.bincount(new.labels).tolist() == [2, 2]
    assert np.bincount(rest.labels).tolist() == [8, 8]
    where = dict(zip(train.ids, zip(train.texts, train.labels.tolist(), strict=True), strict=True))
    for split in (rest, new):
        assert [where[i] for i in split.ids] == list(zip(split.texts, split.labels.tolist(), strict=True))
    assert sorted(rest.ids + new.ids) == sorted(train.ids)


def test_split_off_keeps_equal_rows_together():
    texts = [f"text {i % 10}" for i in range(40)]
    rest, new = split_off(split_of(texts, [i % 2 for i in range(40)]), "test", 0.2, 0)
    assert (len(set(new.texts)), len(new)) == (2, 8)
    assert not set(new.texts) & set(rest.texts)


def test_rows_are_equal_only_if_both_segments_are():
    pairs = tuple(f"pair {i % 4}" for i in range(40))
    train = split_of([f"text {i % 10}" for i in range(40)], [i % 2 for i in range(40)], pairs)
    rest, new = split_off(train, "test", 0.2, 0)  # 20 different pairs of texts
    assert len(set(new.segments())) == 4
    assert not set(new.segments()) & set(rest.segments())


def test_valid_and_test_are_drawn_in_other_orders():
    train = split_of([f"text {i}" for i in range(60)], [0, 1] * 30)
    assert set(split_off(train, "test", 0.2, 0)[1].ids) != set(split_off(train, "valid", 0.2, 0)[1].ids)


def test_at_most_a_third_is_split_off():
    train = split_of([f"text {i}" for i in range(9)], [0, 1, 2] * 3)
    assert len(split_off(train, "test", 0.1, 0)[1]) == 3  # 0.9 rows, but one of each class
    with pytest.raises(DataError) as caught:
        split_off(train.take(range(5)), "test", 0.1, 0)
    assert str(caught.value) == (
        "train has 5 different texts in 3 classes: too few to split a test split off. Give a test file."
    )


def test_a_class_of_hardly_any_texts_stays_in_train():
    train = split_of([f"text {i}" for i in range(30)], [0] * 28 + [1] * 2)
    rest, new = split_off(train, "valid", 0.1, 0)
    assert new.labels.tolist() == [0, 0, 0]
    assert rest.labels.tolist() == [0] * 25 + [1] * 2
