"""Texts and label names that a reader takes for the same, though their characters differ."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

_NUMBER = re.compile(r"\+?0*(\d+)(?:\.0+)?")
_MINUS = re.compile(r"-0*(\d+)(?:\.0+)?")
_JOINTS = re.compile(r"(?<=\w)[\s_-]+(?=\w)")
# letters of the Greek and Cyrillic alphabets that look like a Latin one
_LATIN = str.maketrans("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧΟοАВЕКМНОРСТХІЅЈаеорсухіѕј", "ABEZHIKMNOPTYXOoABEKMHOPCTXISJaeopcyxisj")
_MARKS = str.maketrans("’‘`´ʼ“”‐‑‒–—−", "'''''\"\"------")


def plain_text(text: str) -> str:
    """Reduce a text to what equal texts share: Unicode form NFKC, case folded, each run of blanks one space."""
    if text.isascii():
        return " ".join(text.casefold().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _visible(name: str) -> str:
    # formats of Unicode: the zero-width space, the soft hyphen, marks of direction, the byte-order mark
    return "".join(character for character in name if unicodedata.category(character) != "Cf")


def _as_number(name: str) -> str:
    return _NUMBER.sub(r"\1", name) if _NUMBER.fullmatch(name) else _MINUS.sub(r"-\1", name, count=1)


# what may differ, in the order in which it is named; each is blind to that difference alone
_DIFFERENCES: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("blanks", lambda name: " ".join(name.split())),
    ("Unicode form", lambda name: unicodedata.normalize("NFKC", name)),
    ("case", str.casefold),
    ("invisible characters", _visible),
    ("how a number is written", _as_number),
    ("blanks, hyphens or underscores", lambda name: _JOINTS.sub("-", name)),
    ("quotation marks or dashes", lambda name: name.translate(_MARKS)),
    ("letters of another alphabet", lambda name: name.translate(_LATIN)),
)


def plain_name(name: str) -> str:
    """Reduce a label name to what look-alikes share: case, Unicode form, blanks, invisible characters, forms of numbers."""
    name = unicodedata.normalize("NFKC", _visible(name)).translate(_MARKS).translate(_LATIN).casefold()
    return _JOINTS.sub("-", _as_number(name.strip()))


@dataclass(frozen=True)
class LookAlikes:
    """Label names that a reader takes for one.

    Attributes:
        names: two or more, in the order given.
        difference: by what alone they differ, in words.
    """

    names: tuple[str, ...]
    difference: str


def look_alikes(names: Iterable[str]) -> list[LookAlikes]:
    """Group the names that differ by little that is seen.

    Example:
        >>> from alambique.data.spelling import look_alikes
        >>> look_alikes(["good", "bad", "Good", "1", "01"])[0]
        LookAlikes(names=('good', 'Good'), difference='case')
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        groups[plain_name(name)].append(name)
    return [LookAlikes(tuple(group), _difference(group)) for group in groups.values() if len(group) > 1]


def _difference(group: Sequence[str]) -> str:
    for size in range(1, len(_DIFFERENCES)):
        for chosen in combinations(_DIFFERENCES, size):
            reduced = set(group)
            for _, blind in chosen:
                reduced = {blind(name) for name in reduced}
            if len(reduced) == 1:
                return " and ".join(words for words, _ in chosen)
    return "spelling"


def shown(name: str) -> str:
    """Quote a name; what is not seen in it, or hard to tell from another, is written as an escape."""
    decomposed = unicodedata.normalize("NFC", name) != name
    return f"'{''.join(_escaped(character, marks=decomposed) for character in name)}'"


def _escaped(character: str, *, marks: bool) -> str:
    category = unicodedata.category(character)
    hidden = category == "Cf" or (marks and category == "Mn") or (character.isspace() and character != " ")
    return character.encode("unicode_escape").decode() if hidden else character
