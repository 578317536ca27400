"""Words that are to be replaced: which are chosen, what that depends on, and what is put in their place."""

import numpy as np
import pytest
from word_rows import TRAIN, split_of

from alambique.data.word_replacement import Gapped, gapped_rows, with_words


def test_words_are_chosen_at_the_rate_and_the_text_is_whole_around_them():
    rows = gapped_rows(TRAIN, 1, 0.15, seed=0)
    assert sum(len(gapped) for (gapped,) in rows) == pytest.approx(0.15 * 4000, abs=3.5 * (4000 * 0.15 * 0.85) ** 0.5)
    draws = [draw for (gapped,) in rows for draw in gapped.draws]
    assert len(set(draws)) == len(draws)
    assert 0 <= min(draws) < 0.02
    assert 0.98 < max(draws) < 1
    for text, (gapped,) in zip(TRAIN.texts, rows, strict=True):
        assert len(gapped.parts) - 1 == len(gapped.words) == len(gapped.draws) == len(gapped)
        assert gapped.filled([None] * len(gapped)) == text


def test_other_numbers_and_seeds_choose_otherwise_and_rows_do_not_depend_on_each_other():
    made = [gapped_rows(TRAIN, number, 0.3, seed) for number, seed in ((1, 0), (2, 0), (1, 1))]
    assert made[0] != made[1] != made[2] != made[0]
    order = np.random.default_rng(0).permutation(200)[:50]
    assert gapped_rows(TRAIN.take(order), 1, 0.3, 0) == [made[0][i] for i in order]


def test_more_words_are_chosen_at_a_higher_rate_and_none_is_spared():
    fewer, more = (gapped_rows(TRAIN, 1, rate, 0) for rate in (0.1, 0.4))
    for (few,), (many,) in zip(fewer, more, strict=True):
        assert set(few.words) <= set(many.words)


@pytest.mark.parametrize("text", ["", " ", "\n", "word", " word! ", "語の無い文", "... - !"])
def test_a_text_of_one_word_or_none_stays(text):
    ((gapped,),) = gapped_rows(split_of([text]), 1, 0.99, 0)
    assert gapped == Gapped((text,), (), ())


def test_one_word_stays_whatever_the_rate():
    assert {len(gapped) for (gapped,) in gapped_rows(split_of(["one two three"] * 50), 1, 0.999, 0)} == {2}


def test_punctuation_and_blanks_around_a_word_stay(monkeypatch):
    monkeypatch.setattr("alambique.data.sampling.drawn", lambda *_: b"0")
    ((gapped,),) = gapped_rows(split_of(['"Well,  don\'t (half-done)\n#tag: - !" x y z']), 1, 0.9, 0)
    kept = "".join(gapped.parts)
    assert {"Well", "don't", "half-done", "tag"} & set(gapped.words)
    assert gapped.filled(["_"] * len(gapped)).count("_") == len(gapped)
    assert [mark for mark in '",  (\n#: - !"' if mark not in kept] == []


def test_a_word_that_is_too_long_for_one_stays():
    address = "https://example.org/a-long/address"
    rows = gapped_rows(split_of([f"see {address} for more"] * 30), 1, 0.9, 0)
    assert all(address not in gapped.words for (gapped,) in rows)
    assert any("see" in gapped.words for (gapped,) in rows)


def test_both_texts_of_a_pair_have_gaps_and_metadata_none():
    train = split_of(["a b c d e f"], ("g h i j k l",), ("party: x y z",))
    (row,) = gapped_rows(train, 1, 0.7, 0)
    first, second = row
    assert len(first) > 0
    assert len(second) > 0
    view = with_words(train, [row], ["new"] * len(first) + [None] * len(second))
    assert view.texts == (first.filled(["new"] * len(first)),)
    assert view.pairs == train.pairs
    assert (view.metadata, view.ids, view.name) == (train.metadata, train.ids, "train")


def test_words_go_to_the_gaps_in_the_order_of_the_rows():
    rows = [
        (Gapped(("", " b"), ("a",), (0.1,)),),
        (Gapped(("c",), (), ()),),
        (Gapped(("", " ", "!"), ("d", "e"), (0, 0)),),
    ]
    assert with_words(split_of(["a b", "c", "d e!"]), rows, ["x", None, "y"]).texts == ("x b", "c", "d y!")


def test_as_many_words_as_gaps_are_wanted():
    rows = [(Gapped(("", " b"), ("a",), (0.1,)),)]
    with pytest.raises(ValueError, match="zip"):
        rows[0][0].filled([])
