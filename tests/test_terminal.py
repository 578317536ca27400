import pytest

from alambique.terminal import LONGEST_LINE, is_unsafe, sanitise


@pytest.mark.parametrize(
    ("character", "unsafe"),
    [
        ("a", False), ("é", False), ("語", False), (" ", False), ("\u00a0", False), ("\U0001f600", False), ("\u200d", False),
        ("\x1b", True), ("\x00", True), ("\t", True), ("\r", True), ("\n", True), ("\x7f", True), ("\x9b", True),
        ("\u2028", True), ("\u2029", True), ("\ud800", True),  # line and paragraph separators, half of a character
        ("\u202e", True), ("\u2066", True), ("\u2069", True),  # from right to left, isolates
    ],
)  # fmt: skip
def test_characters_that_do_something_to_a_terminal(character, unsafe):
    assert is_unsafe(character) == unsafe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text", "plain text"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("two\nlines\r\n", "two\nlines\\r\n"),
        ("a\tb", "a\\tb"),
        ("abc\u202edef", "abc\\u202edef"),
        ("half \ud83d", "half \\ud83d"),
        ("a\u2028b", "a\\u2028b"),
        ("C:\\new", "C:\\new"),  # a backslash of the user's own stays as it is
    ],
)
def test_unsafe_characters_are_shown_as_escapes(text, shown):
    assert sanitise(text) == shown


def test_the_middle_of_a_long_line_is_left_out():
    assert LONGEST_LINE == 600
    assert sanitise("x" * 600) == "x" * 600
    assert sanitise("a" * 300 + "b" + "c" * 300) == f"{'a' * 300} … (1 characters) … {'c' * 300}"
    assert sanitise("short\n" + "a" * 700) == f"short\n{'a' * 300} … (100 characters) … {'a' * 300}"


def test_a_line_is_as_long_as_it_is_shown():
    shown = "\\x1b" * 75  # 300 of the 800 characters that 200 escapes take
    assert sanitise("\x1b" * 200) == f"{shown} … (200 characters) … {shown}"
