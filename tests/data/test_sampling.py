"""Stratified samples: quotas by largest remainder, fixed by the seed."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alambique.artefacts.splits import Split, row_ids
from alambique.data.sampling import complete, split_off, split_off_by_order, stratified_sample
from alambique.errors import DataError
from alambique.recipe.recipe import Recipe

OLD_TEST = ["19", "23", "24", "26", "36", "42", "46", "56", "80"]
OLD_VALID = ["1", "15", "59", "61", "74", "81", "83", "84"]


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


def rows_by_class(count):
    return split_of([f"text {i}" for i in range(count)], [0 if i % 3 else 1 for i in range(count)])


def test_the_order_of_the_rows_does_not_matter():
    train = rows_by_class(300)
    shuffled = train.take(np.random.default_rng(1).permutation(300))
    for name in ("test", "valid"):
        assert set(split_off(train, name, 0.1, 0)[1].ids) == set(split_off(shuffled, name, 0.1, 0)[1].ids)


def test_conflicting_labels_of_a_text_do_not_bring_the_order_back():
    train = split_of([f"text {i % 40}" for i in range(120)], [(i % 40 + (i >= 80)) % 2 for i in range(120)])
    chosen = set(split_off(train, "test", 0.2, 0)[1].texts)
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(120)
        assert set(split_off(train.take(order), "test", 0.2, 0)[1].texts) == chosen


def test_a_row_that_is_added_changes_two_texts_of_a_draw_at_most():
    longer = rows_by_class(331)
    for size in range(300, 330):
        before, after = (set(split_off(longer.take(range(n)), "test", 0.1, 0)[1].texts) for n in (size, size + 1))
        assert len(before - after) <= 2  # it takes a place itself, or moves a row from one class's share to the other's


def test_every_text_can_be_drawn():
    train = rows_by_class(30)
    drawn = {text for seed in range(120) for text in split_off(train, "test", 0.1, seed)[1].texts}
    assert drawn == set(train.texts)


def test_texts_that_differ_by_form_alone_stay_together():
    words = [f"Caf\u00e9 {i % 10}" if i < 10 else f"cafe\u0301  {i % 10}" for i in range(20)]
    rest, new = split_off(split_of(words, [i % 2 for i in range(20)]), "test", 0.2, 0)
    assert (len(rest), len(new)) == (16, 4)
    assert {text[-1] for text in rest.texts}.isdisjoint(text[-1] for text in new.texts)


def test_a_class_that_no_text_has_most_often_stays_in_train():
    texts = [f"text {i % 12}" for i in range(36)] + ["text 3"]
    labels = [i % 2 for i in range(12)] * 3 + [2]
    for seed in range(20):  # with some, text 3 would be moved
        rest, new = split_off(split_of(texts, labels), "test", 0.34, seed)
        assert set(rest.labels.tolist()) == {0, 1, 2}
        assert len(rest) + len(new) == 37


def data_of(**keys):
    return Recipe.from_dict({"data": {"source": "x", "text": "text", "label": "label", **keys}}).data


def digests(splits):
    return {name: split.digest for name, split in splits.items()}


def test_a_run_that_was_split_by_the_order_of_its_rows_keeps_its_splits():
    train, data = rows_by_class(90), data_of(split_seed=3)
    rest, test = split_off_by_order(train, "test", 0.1, 3)
    rest, valid = split_off_by_order(rest, "valid", 0.1, 3)
    # as version 0.1.0 drew them
    assert [text.removeprefix("text ") for text in test.texts] == OLD_TEST
    assert [text.removeprefix("text ") for text in valid.texts] == OLD_VALID
    before = digests({"train": rest, "valid": valid, "test": test})
    assert digests(complete({"train": train}, data, before)[0]) == before
    new = digests(complete({"train": train}, data)[0])
    assert new != before
    assert digests(complete({"train": train}, data, {**before, "test": "of other rows"})[0]) == new
    assert digests(complete({"train": train}, data_of(split_seed=4), before)[0]) not in (before, new)


def test_splits_that_are_given_are_taken_as_they_are():
    train = rows_by_class(60)
    given = {name: replace(train.take(range(first, first + 20)), name=name)
             for name, first in (("train", 0), ("valid", 20), ("test", 40))}  # fmt: skip
    assert complete(given, data_of()) == (given, [])
