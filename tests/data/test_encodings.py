import codecs

import pytest

from alambique.data.encodings import guess_encoding

PORTUGUESE = "O atendimento não foi bom, a comida chegou fria e ninguém pediu desculpas. Ótima opção à noite.\n"
GERMAN = "Die Bedienung war sehr unhöflich und das Essen völlig überwürzt, schöne Grüße.\n"
POLISH = "Bardzo dobra obsługa, ale jedzenie było zimne i źle przyprawione, proszę się poprawić.\n"
RUSSIAN = "Очень хороший фильм, всем советую посмотреть его обязательно.\n"
JAPANESE = "この映画はとても面白かったです。もう一度見たいと思います。\n"


@pytest.mark.parametrize(
    ("text", "encoding", "guess"),
    [
        (PORTUGUESE, "utf-8", None),
        ("plain words\n", "ascii", None),
        (PORTUGUESE, "latin-1", "cp1252"),  # of which it is a part, but for control characters
        (GERMAN, "latin-1", "cp1252"),
        ("It\u2019s a \u201cgreat\u201d film \u2014 really.\n", "cp1252", "cp1252"),
        ("plain words and one caf\u00e9\n", "latin-1", "cp1252"),
        (POLISH, "cp1250", "cp1250"),
        (RUSSIAN, "cp1251", "cp1251"),
        (JAPANESE, "shift_jis", "shift_jis"),
        (PORTUGUESE, "utf-16-le", "utf-16-le"),
        (PORTUGUESE, "utf-16-be", "utf-16-be"),
    ],
)
def test_a_guess(text, encoding, guess):
    raw = (text * 5).encode(encoding)
    assert guess_encoding(raw) == guess
    assert raw.decode(guess or "utf-8") == text * 5


def test_lines_of_plain_letters_do_not_hide_the_others():
    raw = b"plain words\n" * 50_000 + PORTUGUESE.encode("cp1252")
    assert guess_encoding(raw) == "cp1252"


def test_bytes_that_are_no_text_of_the_likely_encoding_are_read_under_another():
    assert guess_encoding(b"caf\xe9 \x81\n" * 3) != "cp1252"  # which has no 0x81
    assert codecs.lookup(guess_encoding(b"caf\xe9 \x81\n" * 3)).decode(b"caf\xe9 \x81\n")
    assert guess_encoding(b"\0\1\2\xff") is None
