"""Numbers as text."""

import pytest

from alambique.report.numbers import duration, grouped, interval, number, percent
from alambique.report.parts import Interval


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0.4567, 100), "45.7"),
        ((1234.5,), "1,234.5"),
        ((-0.0004, 100), "0.0"),
        ((-0.0004, 100, 1, "+"), "+0.0"),
        ((0.02, 100, 1, "+"), "+2.0"),
        ((-0.03, 100, 1, "+"), "-3.0"),
        ((0.84, 1, 2), "0.84"),
        ((None,), None),
        ((float("nan"), 100), None),
        ((float("inf"), 100), None),
    ],
)
def test_a_number(arguments, text):
    assert number(*arguments) == text


def test_whole_numbers_and_percents():
    assert (grouped(22715526), grouped(0), grouped(174.9), grouped(None)) == ("22,715,526", "0", "175", None)
    assert (percent(0.0), percent(1.0), percent(None)) == ("0.0", "100.0", "–")


def test_an_interval_that_lacks_an_end_is_empty():
    assert interval(Interval(mean=0.1, low=-0.01, high=0.2), sign="+") == "-1.0 to +20.0"
    assert interval(Interval(mean=1.4, low=1.3, high=1.5), 1, 2) == "1.30 to 1.50"
    assert interval(Interval(mean=0.1, low=None, high=0.2)) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.16, "0.2 s"),
        (59.4, "59.4 s"),
        (75.0, "1 min 15 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (7322, "2 h 2 min"),
    ],
)
def test_a_duration(seconds, text):
    assert duration(seconds) == text
