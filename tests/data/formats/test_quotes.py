"""Whether the quotes of a tab-separated file are marks or characters."""

import pytest

from alambique.data.formats.quotes import Quotes


def look(text, skip=0):
    quotes = Quotes("\t")
    quotes.read_lines(text.splitlines(keepends=True), skip)
    return quotes.stray, quotes.doubled, quotes.whole_column


@pytest.mark.parametrize(
    ("text", "stray", "doubled", "whole_column"),
    [
        ("text\tlabel\na\tx\n", 0, 0, False),
        ('text\tlabel\n"a ""b"""\tx\nc\ty\n', 0, 1, False),  # as pandas writes it
        ('text\tlabel\n"a\tx\nb"\ty\n', 2, 0, False),  # as a reader of characters wrote it
        ('text\tlabel\nsay "no"\tx\n"a ""b"""\ty\n', 1, 1, False),  # both: one line shows that nothing is meant
        ('text\tlabel\n"all of it"\tx\nb\ty\n', 0, 0, False),  # quotes of the text itself, or not: nothing shows
        ('text\tlabel\n"a"\t"x"\n"b"\t"y"\n', 0, 0, True),
        ('"text"\t"label"\na\tx\n', 0, 0, True),
        ('text\tlabel\r\n"a"\tx\r\n"b"\ty\r\n', 0, 0, True),
        ('"a ""b"\t""""\n', 0, 1, True),
    ],
)
def test_what_lines_show(text, stray, doubled, whole_column):
    assert look(text) == (stray, doubled, whole_column)


def test_skipped_and_blank_lines_show_nothing():
    assert look('say "sep"\n\ntext\tlabel\na\tx\n', skip=1) == (0, 0, False)


def records(text):
    quotes = Quotes("\t")
    quotes.read_records(text.splitlines(keepends=True), 0)
    return quotes.stray, quotes.doubled


@pytest.mark.parametrize(
    ("text", "stray", "doubled"),
    [
        ('text\tlabel\n"two\nlines"\tx\nb\ty\n', 0, 0),
        ('text\tlabel\n"two\n""quoted"" lines"\tx\n', 0, 1),
        ('text\tlabel\n5" wide\tx\nb\ty\n', 1, 0),  # never closed
        ('text\tlabel\n5" wide\tx\n6" wide\ty\n', 1, 0),  # two lines that would be one record, but not a standard one
    ],
)
def test_what_records_of_several_lines_show(text, stray, doubled):
    assert records(text) == (stray, doubled)


def test_a_quote_that_is_never_closed_does_not_hold_the_file():
    assert records('a" b\tx\n' + "c\ty\n" * 3000) == (1, 0)
