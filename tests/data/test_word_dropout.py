"""Views of rows: what is left out, and what it depends on."""

from collections import Counter

import numpy as np
import pytest
from word_rows import TRAIN, split_of

from alambique.data.word_dropout import view_of


def test_words_are_left_out_in_their_order_at_the_rate():
    view = view_of(TRAIN, 1, 0.1, seed=0)
    assert (view.name, view.ids, view.labels.tolist()) == ("view-1", TRAIN.ids, TRAIN.labels.tolist())
    for text, own in zip(TRAIN.texts, view.texts, strict=True):
        words = iter(text.split())
        assert all(word in words for word in own.split())  # a subsequence
    left = sum(len(text.split()) for text in view.texts)
    assert left == pytest.approx(0.9 * 4000, abs=3.5 * (4000 * 0.09) ** 0.5)


def test_other_numbers_and_seeds_draw_otherwise_and_rows_do_not_depend_on_each_other():
    views = [view_of(TRAIN, number, 0.3, seed).texts for number, seed in ((1, 0), (2, 0), (1, 1))]
    assert len(set(views)) == 3
    assert view_of(TRAIN, 1, 0.3, 0).texts == views[0]
    order = np.random.default_rng(0).permutation(200)[:50]
    assert view_of(TRAIN.take(order), 1, 0.3, 0).texts == tuple(views[0][i] for i in order)


def test_equal_texts_of_two_rows_lose_words_of_their_own():
    view = view_of(split_of([TRAIN.texts[0]] * 40), 1, 0.5, 0)
    assert len(set(view.texts)) > 30


def test_a_word_stays_and_each_as_often():
    views = Counter(view_of(split_of(["one two"] * 900), 1, 0.999, 0).texts)
    assert set(views) <= {"one", "two", "one two"}
    assert abs(views["one"] - views["two"]) < 4 * 900**0.5 / 2


@pytest.mark.parametrize("text", ["", " ", "\n", "word", " word ", "語の無い文"])
def test_a_text_that_loses_nothing_is_itself(text):
    assert view_of(split_of([text]), 1, 0.99, 0).texts == (text,)


def test_what_stands_between_words_that_stay_is_left(monkeypatch):
    monkeypatch.setattr("alambique.data.word_dropout.row_chance", lambda *_: _Draws([0.9, 0.1, 0.9, 0.9]))
    assert view_of(split_of(["a  b\n c\td "]), 1, 0.5, 0).texts == ("a  c\td",)


class _Draws:
    def __init__(self, values):
        self.values = values

    def random(self, size):
        return np.array(self.values[:size])


def test_both_texts_of_a_pair_lose_words_and_metadata_none():
    train = split_of(["a b c d e f"], ("g h i j k l",), ("party: x y z",))
    view = view_of(train, 1, 0.5, 0)
    assert view.texts != train.texts
    assert view.pairs != train.pairs
    assert view.metadata == train.metadata
