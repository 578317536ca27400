"""Words cut one by one, against the tokenizer itself."""

import string

from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from alambique.inference.word_pieces import WordPieces
from alambique.models.tokenizer import train_wordpiece
from conftest import rows

TRAINED = train_wordpiece([row["text"] for row in rows(300, 5)], vocabulary=120).backend_tokenizer
TRAINED.no_truncation()


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(string.printable + "éß漢[\x7f\x00"), max_size=40) | st.text(max_size=20))
def test_token_ids_are_those_of_the_tokenizer(text):
    words = WordPieces.of(TRAINED)
    ids = words.ids(text)
    if ids is None:
        assert not (text.isascii() and text.isprintable())
    else:
        assert [*words.before, *ids, *words.after] == TRAINED.encode(text).ids


def test_words_and_punctuation():
    words = WordPieces.of(TRAINED)
    for text in ("A lovely LAMP, isn't it?", "$1,000.50 (x_y) ~`^", "", "   ", "z" * 300, "superb  table"):
        assert [*words.before, *words.ids(text), *words.after] == TRAINED.encode(text).ids
    assert set(words.known) >= {"lovely", "lamp", "isn", "'", "t"}


def test_a_text_with_a_special_token_is_left_to_the_tokenizer():
    words = WordPieces.of(TRAINED)
    assert words.ids("a [SEP] b") is None
    assert words.ids("a [sep] b") is None
    assert words.ids("a SEP b") is not None


def test_what_is_remembered_has_an_end(monkeypatch):
    monkeypatch.setattr("alambique.inference.word_pieces._MOST", 2)
    words = WordPieces.of(TRAINED)
    expected = TRAINED.encode("lamp table door lamp").ids[1:-1]
    assert words.ids("lamp table door lamp") == expected
    assert len(words.known) == 2


def test_another_tokenizer_is_not_read_by_words():
    assert WordPieces.of(Tokenizer(models.WordLevel({"a": 0}, unk_token="a"))) is None  # noqa: S106
