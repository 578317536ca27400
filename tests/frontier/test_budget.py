"""Budgets: what can be read, and what meets them."""

import pytest
from frontier_samples import point

from alambique.errors import RecipeError
from alambique.frontier.budget import Budget, megabytes, milliseconds, three_digits


@pytest.mark.parametrize(
    ("text", "cost", "limit"),
    [
        ("5 ms", "latency_ms", 5), ("5ms", "latency_ms", 5), (".5 s", "latency_ms", 500), ("200 us", "latency_ms", 0.2),
        ("200 µs", "latency_ms", 0.2), ("10 MB", "bytes", 10**7), ("10mb", "bytes", 10**7), ("1 MiB", "bytes", 2**20),
        ("2000/s", "texts_per_s", 2000), ("1,000,000/h", "texts_per_s", 10**6 / 3600),
        ("1e6 / h", "texts_per_s", 10**6 / 3600), ("120/min", "texts_per_s", 2),
    ],
)  # fmt: skip
def test_times_bytes_and_rates_are_read(text, cost, limit):
    budget = Budget.parse(text)
    assert (budget.cost, budget.text) == (cost, text)
    assert budget.limit == pytest.approx(limit)


@pytest.mark.parametrize(
    "text", ["5", "ms", "", "-5 ms", "0 MB", "5 parsecs", "10 MB/s", "1e999 ms", "1,5 ms", "five ms"]
)
def test_what_is_no_budget_is_refused(text):
    with pytest.raises(RecipeError) as refused:
        Budget.parse(text)
    assert str(refused.value) == (
        f'--budget "{text}" is not a number above 0 with a unit. Give the time of a text ("5 ms"), the bytes of model and '
        'tokenizer ("10 MB"), or texts per second, minute or hour ("2000/s", "1e6/h").'
    )


def test_excess_is_how_many_times_the_limit_a_point_costs():
    costs = point("3 layers", 0.6, 2.5, 20_000_000)  # 2,000 texts per second
    assert Budget.parse("5 ms").excess(costs) == 0.5
    assert Budget.parse("10 MB").excess(costs) == 2
    assert Budget.parse("2000/s").excess(costs) == 1
    assert Budget.parse("4000/s").excess(costs) == 2
    assert [Budget.parse(text).words(costs) for text in ("1 ms", "1 MB", "1/s")] == [
        "2.50 ms",
        "20.0 MB",
        "2,000 texts/s",
    ]


def test_costs_have_three_digits():
    assert [milliseconds(value) for value in (0.01234, 4.996, 12.34, 123.6)] == [
        "0.0123 ms",
        "5.00 ms",
        "12.3 ms",
        "124 ms",
    ]
    assert megabytes(9_449_000) == "9.45 MB"
    assert [three_digits(value) for value in (24744, 9.87)] == ["24,700", "9.87"]
