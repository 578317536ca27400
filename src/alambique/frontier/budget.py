"""What a student may cost: ``5 ms``, ``10 MB``, ``2000/s``. Free of torch."""

import math
import re
from dataclasses import dataclass
from typing import Literal, Protocol

from alambique.errors import RecipeError
from alambique.report.numbers import number

Cost = Literal["latency_ms", "bytes", "texts_per_s"]
_TIMES = {"us": 1e-3, "µs": 1e-3, "μs": 1e-3, "ms": 1.0, "s": 1e3}
_SIZES = {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30}
_RATES = {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600}
_UNITS: dict[str, tuple[Cost, float]] = {
    **{unit: ("latency_ms", factor) for unit, factor in _TIMES.items()},
    **{unit: ("bytes", factor) for unit, factor in _SIZES.items()},
    **{unit: ("texts_per_s", factor) for unit, factor in _RATES.items()},
}
_BUDGET = re.compile(r"((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|\d{1,3}(?:,\d{3})+)([^\d.,]*)")
WORDS: dict[Cost, str] = {
    "latency_ms": "median time of a text", "bytes": "bytes", "texts_per_s": "texts per second",
}  # fmt: skip


class Costs(Protocol):
    """What a point costs."""

    @property
    def latency_ms(self) -> float:
        """Median milliseconds of a text alone."""

    @property
    def bytes(self) -> int:
        """Of model and tokenizer."""

    @property
    def texts_per_s(self) -> float:
        """In batches."""


@dataclass(frozen=True)
class Budget:
    """A limit for one of the costs.

    Attributes:
        text: as it was given.
        cost: which.
        limit: in milliseconds, bytes, or texts per second.

    Example:
        >>> from alambique.frontier.budget import Budget
        >>> Budget.parse("10 MB")
        Budget(text='10 MB', cost='bytes', limit=10000000.0)
        >>> round(Budget.parse("1,000,000/h").limit)
        278
    """

    text: str
    cost: Cost
    limit: float

    @classmethod
    def parse(cls, text: str) -> "Budget":
        """Read a budget.

        Raises:
            RecipeError: it cannot be read.
        """
        parts = _BUDGET.fullmatch("".join(text.split()))
        amount, unit = parts.groups() if parts else ("", "")
        known = _UNITS.get(unit.lower())
        value = float(amount.replace(",", "")) * known[1] if amount and known else 0.0
        if known is None or not 0 < value < math.inf:
            raise RecipeError(
                f'--budget "{text}" is not a number above 0 with a unit. Give the time of a text ("5 ms"), the bytes of '
                'model and tokenizer ("10 MB"), or texts per second, minute or hour ("2000/s", "1e6/h").'
            )
        return cls(" ".join(text.split()), known[0], value)

    def excess(self, point: Costs) -> float:
        """How many times the limit a point costs; 1 or less is within it."""
        if self.cost == "texts_per_s":
            return self.limit / max(point.texts_per_s, 1e-9)
        return (point.latency_ms if self.cost == "latency_ms" else point.bytes) / self.limit

    def words(self, point: Costs) -> str:
        """What a point costs, in the terms of this budget."""
        if self.cost == "latency_ms":
            return milliseconds(point.latency_ms)
        return megabytes(point.bytes) if self.cost == "bytes" else f"{three_digits(point.texts_per_s)} texts/s"


def milliseconds(value: float) -> str:
    """Three digits, with the unit."""
    return f"{three_digits(value)} ms"


def megabytes(count: float) -> str:
    """Three digits, with the unit."""
    return f"{three_digits(count / 1e6)} MB"


def three_digits(value: float) -> str:
    """A number rounded to three digits, with thousands separated."""
    digits = 2 - math.floor(math.log10(value)) if value > 0 else 0
    return number(round(value, digits), digits=max(0, digits)) or ""
