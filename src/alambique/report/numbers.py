"""Numbers as text for people; None and infinite values give no text, never a made-up number."""

import math

from alambique.report.parts import Interval
from alambique.report.verdict_report import Gain, Retention

NO_FIGURE = "–"


def number(value: float | None, scale: float = 1, digits: int = 1, sign: str = "") -> str | None:
    """Return ``scale`` times a value, rounded, with thousands separated; None if there is no value.

    Args:
        value: the number.
        scale: 100 for percent or points.
        digits: after the decimal point.
        sign: ``+`` to write it before positive numbers too.
    """
    if value is None or not math.isfinite(value):
        return None
    return f"{round(scale * value, digits) + 0.0:{sign},.{digits}f}"  # + 0.0: never "-0.0"


def grouped(value: float | None) -> str | None:
    """Return a whole number with thousands separated; None if there is no value."""
    return number(value, digits=0)


def percent(value: float | None) -> str:
    """Return a fraction in percent without the sign, a dash if there is no value."""
    return number(value, 100) or NO_FIGURE


def interval(figure: Interval | Gain | Retention, scale: float = 100, digits: int = 1, sign: str = "") -> str:
    """Return ``LOW to HIGH``, empty if the interval is not computed."""
    low, high = (number(end, scale, digits, sign) for end in (figure.low, figure.high))
    return f"{low} to {high}" if low and high else ""


def duration(seconds: float) -> str:
    """Return seconds in hours and minutes, minutes and seconds, or seconds."""
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:  # noqa: PLR2004
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
