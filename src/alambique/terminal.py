"""Text of users, on its way to a terminal: nothing in it may steer the terminal, and none of it fills the screen."""

import unicodedata

LONGEST_LINE = 600
_STEERS = {"Cc", "Cs", "Zl", "Zp"}  # categories of Unicode: controls, halves of characters, separators of lines
_TURNS = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)  # text that reads in another order than it is


def is_unsafe(character: str) -> bool:
    """Whether a character does something to a terminal, or to the order of what is around it, instead of being shown."""
    return unicodedata.category(character) in _STEERS or character in _TURNS


def sanitise(text: str) -> str:
    """Control characters as their escapes, but for line ends; the middle of very long lines left out."""
    return "\n".join(_shortened("".join(map(_shown, line))) for line in text.split("\n"))


def _shown(character: str) -> str:
    return character.encode("unicode_escape").decode() if is_unsafe(character) else character


def _shortened(line: str) -> str:
    if len(line) <= LONGEST_LINE:
        return line
    half = LONGEST_LINE // 2
    return f"{line[:half]} … ({len(line) - 2 * half} characters) … {line[-half:]}"
