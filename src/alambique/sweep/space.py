"""Which values the trials of a sweep try: ``--over KEY=VALUES``, a list or a range for each key."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from alambique.errors import RecipeError
from alambique.recipe.teacher_list import without_number

Values = tuple[str, ...]  # of one trial, in the order of the keys, each as --set takes it

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*(?:\s(\w+)\s*)?")
_WHOLE = re.compile(r"[-+]?\d+")
_PAIRS = {"[": "]", "{": "}", "(": ")"}
_FORM = "is not of the form key=values, as in --over student.epochs=6,12 or --over student.learning_rate=1e-5..1e-3 log"
# keys that make no difference to the figure on valid, or make it another figure
_REFUSED = {
    "seeds": "each trial is the mean over the seeds of the recipe; give them with --set",
    "student.seeds": "each trial is the mean over the trainings of the recipe; give their number with --set",
    "export": "a trial exports nothing",
    "teacher.allow_weak": "it changes no model; give it with --set",
}


@dataclass(frozen=True)
class Choices:
    """A key with a list of values, each a text as ``--set`` takes it."""

    key: str
    values: tuple[str, ...]

    @property
    def tried(self) -> tuple[str, ...]:
        """Values that a recipe must accept."""
        return self.values

    @property
    def given(self) -> str:
        """As ``--over`` takes it."""
        return f"{self.key}={','.join(self.values)}"


@dataclass(frozen=True)
class Range:
    """A key with a range of numbers, both ends included.

    Attributes:
        key: of the recipe.
        low: least value.
        high: greatest value.
        whole: whole numbers only.
        log: on a logarithmic scale.
    """

    key: str
    low: float
    high: float
    whole: bool
    log: bool

    @property
    def tried(self) -> tuple[str, ...]:
        """The ends, which a recipe must accept."""
        return self.text(self.low), self.text(self.high)

    @property
    def given(self) -> str:
        """As ``--over`` takes it."""
        return f"{self.key}={'..'.join(self.tried)}{' log' if self.log else ''}"

    def text(self, value: float) -> str:
        """A value as ``--set`` takes it: four digits, between the ends.

        Example:
            >>> from alambique.sweep.space import Range
            >>> Range("student.learning_rate", 1e-5, 1e-3, whole=False, log=True).text(0.000123456)
            '0.0001235'
        """
        if self.whole:
            return str(int(value))
        return repr(min(max(float(f"{value:.4g}"), self.low), self.high))


@dataclass(frozen=True)
class Space:
    """All values that trials may have, by key.

    Attributes:
        dimensions: one for each key.

    Example:
        >>> from alambique.sweep.space import Space
        >>> space = Space.parse(["student.epochs=6,12", "distillation.loss=kl,{name: dkd, beta: 2}"])
        >>> space.size
        4
        >>> space.overrides(next(space.combinations()))
        ('student.epochs=6', 'distillation.loss=kl')
    """

    dimensions: tuple[Choices | Range, ...]

    @classmethod
    def parse(cls, over: Sequence[str], sets: Sequence[str] = ()) -> "Space":
        """Read what ``--over`` was given.

        Args:
            over: each ``key=a,b,c``, or ``key=low..high`` with `` log`` at the end for a logarithmic scale.
            sets: what ``--set`` was given; no key may be in both.

        Raises:
            RecipeError: one cannot be read, or names a key that is not to be chosen on valid.
        """
        dimensions = tuple(_dimension(each) for each in over)
        keys = [each.key for each in dimensions]
        set_keys = {each.partition("=")[0].strip() for each in sets}
        for number, key in enumerate(keys):
            if key in keys[:number]:
                raise RecipeError(f"--over names {key} twice.")
            if key in set_keys:
                raise RecipeError(f"{key} is given with --set and with --over; leave one of them out.")
            declared = ".".join(without_number(tuple(key.split("."))))
            for refused, reason in _REFUSED.items():
                if declared == refused or declared.startswith(f"{refused}."):
                    raise RecipeError(f"--over {key}: {reason}.")
        return cls(dimensions)

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in the order in which they were given."""
        return tuple(each.key for each in self.dimensions)

    @property
    def given(self) -> tuple[str, ...]:
        """Each key with its values, as ``--over`` takes it."""
        return tuple(each.given for each in self.dimensions)

    @property
    def size(self) -> int | None:
        """Number of combinations; None where there is a range."""
        if any(isinstance(each, Range) for each in self.dimensions):
            return None
        return prod(len(each.tried) for each in self.dimensions)

    def combinations(self) -> Iterator[Values]:
        """All combinations of lists; of a range its two ends."""
        return itertools.product(*(each.tried for each in self.dimensions))

    def tried(self) -> int:
        """Number of :meth:`combinations`."""
        return prod(len(each.tried) for each in self.dimensions)

    def overrides(self, values: Values) -> tuple[str, ...]:
        """The values of a trial as ``--set`` takes them."""
        return tuple(f"{key}={value}" for key, value in zip(self.keys, values, strict=True))

    def by_key(self, values: Values) -> Mapping[str, str]:
        """The values of a trial by their keys."""
        return dict(zip(self.keys, values, strict=True))


def _dimension(over: str) -> Choices | Range:
    key, equals, text = over.partition("=")
    key = key.strip()
    if not equals or not key or not all(key.split(".")):
        raise RecipeError(f"--over {over} {_FORM}.")
    bounds = _RANGE.fullmatch(text)
    if bounds is not None:
        return _range(key, over, *bounds.groups())
    values = tuple(value.strip() for value in _at_commas(text, over))
    if not all(values):
        raise RecipeError(f"--over {over} lacks a value, or has a comma too many.")
    twice = next((value for number, value in enumerate(values) if value in values[:number]), None)
    if twice is not None:
        raise RecipeError(f"--over {over} names {twice} twice.")
    return Choices(key, values)


def _range(key: str, over: str, low: str, high: str, scale: str | None) -> Range:
    if scale not in (None, "log"):
        raise RecipeError(f"--over {over}: after a range there may be log, not {scale}.")
    least, most = float(low), float(high)
    if not least < most < float("inf"):
        raise RecipeError(f"--over {over}: the first end of a range must be less than the second, and both finite.")
    if scale == "log" and least <= 0:
        raise RecipeError(f"--over {over}: a logarithmic range must begin above 0.")
    whole = bool(_WHOLE.fullmatch(low) and _WHOLE.fullmatch(high))
    return Range(key, least, most, whole, log=scale == "log")


def _at_commas(text: str, over: str) -> list[str]:
    """Parts between commas that stand in no brackets and no quotes."""
    parts, quote = [""], ""
    closing: list[str] = []  # brackets that are to come
    for character in text:
        if character == "," and not closing and not quote:
            parts.append("")
            continue
        parts[-1] += character
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and (parts[-1][:-1].rstrip() or "[")[-1] in "[{(,:":  # not the one in "don't"
            quote = character
        elif character in _PAIRS:
            closing.append(_PAIRS[character])
        elif closing and character == closing[-1]:
            closing.pop()
    if quote or closing:
        raise RecipeError(f"--over {over} ends within {'quotes' if quote else 'brackets'}.")
    return parts
