"""Names and texts that a reader takes for the same."""

import pytest

from alambique.data.spelling import LookAlikes, look_alikes, plain_text, shown


@pytest.mark.parametrize(
    ("names", "difference"),
    [
        (("Bad", "bad"), "case"),
        (("Straße", "STRASSE"), "case"),
        (("caf\u00e9", "cafe\u0301"), "Unicode form"),
        (("\ufb01ne", "fine"), "Unicode form"),  # the ligature fi
        (("good", "good\u200b"), "invisible characters"),
        (("good", "\ufeffgood"), "invisible characters"),
        (("a b", "a  b"), "blanks"),
        (("a b", "a\u00a0b"), "blanks"),
        (("yes", "yes "), "blanks"),
        (("1", "01", "1.0", "+1"), "how a number is written"),
        (("-1", "-01"), "how a number is written"),
        (("half-true", "half_true", "half true"), "blanks, hyphens or underscores"),
        (("don't", "don\u2019t"), "quotation marks or dashes"),
        (("cat", "\u0441at"), "letters of another alphabet"),  # a Cyrillic es
        (("good", "Good\u200b"), "case and invisible characters"),
    ],
)
def test_names_that_look_alike(names, difference):
    assert look_alikes(("other", *names, "x")) == [LookAlikes(names, difference)]


@pytest.mark.parametrize("names", [
    ("-1", "1"), ("1.0", "1.1"), ("1", "10"), ("v1", "v01"), ("cafe", "caf\u00e9"), ("C", "C#"), ("C", "C++"), ("a", "a-"),
    ("good", "goods"), ("2", "\u0968"),
])  # fmt: skip
def test_names_that_do_not(names):
    assert look_alikes(names) == []


@pytest.mark.parametrize(("name", "quoted"), [
    ("good\u200b", r"'good\u200b'"), ("caf\u00e9", "'caf\u00e9'"), ("cafe\u0301", r"'cafe\u0301'"),
    ("a\u00a0b", r"'a\xa0b'"),
    ("a b", "'a b'"),
    ("\u0939\u093f\u0902\u0926\u0940", "'\u0939\u093f\u0902\u0926\u0940'"),  # Hindi's own marks
])  # fmt: skip
def test_what_is_not_seen_is_shown(name, quoted):
    assert shown(name) == quoted


@pytest.mark.parametrize(("text", "plain"), [
    ("A  Lamp\n", "a lamp"), ("Caf\u00e9", "cafe\u0301"), ("\ufb01ne", "FINE"), ("\uff21", "a"), ("\u00a0", ""),
])  # fmt: skip
def test_plain_text(text, plain):
    assert plain_text(text) == plain_text(plain)
    assert plain_text("a lamp") != plain_text("a lamp.")
