"""frontier.html: the students of a frontier on one page that needs no other file, in the style of a run's report."""

import shlex
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from alambique.frontier.budget import megabytes, milliseconds, three_digits
from alambique.frontier.plots import AXES, cost_chart
from alambique.frontier.result import FrontierResult
from alambique.frontier.words import marks, summary
from alambique.report.charts import Chart, chart
from alambique.report.names import model_title
from alambique.trials.page import rendered

_TITLES = {
    "latency_ms": ("Quality against time", "Higher and further left is better."),
    "bytes": ("Quality against bytes", "Higher and further left is better."),
    "texts_per_s": ("Quality against texts per second", "Higher and further right is better."),
}


def frontier_page(result: FrontierResult, folder: str) -> str:
    """Render the result of a frontier as one HTML file.

    Args:
        result: what it shows.
        folder: of the frontier, as a command takes it.
    """
    filters: dict[str, Callable[..., Any]] = {
        "ms": milliseconds, "mb": megabytes, "rate": three_digits, "model_title": model_title,
        "marks": partial(marks, result),
    }  # fmt: skip
    return rendered(
        "frontier", "frontier.html.jinja", filters,
        result=result, charts=list(_charts(result)), summary=summary(result),
        folder=shlex.quote(folder),
    )  # fmt: skip


def _charts(result: FrontierResult) -> Iterator[Chart]:
    if not result.offered:
        return
    for name, axis in AXES.items():
        title, better = _TITLES[name]
        caption = (
            f"{better} Line and, of many, names and 95 % intervals are of the students that none beats at this cost."
        )
        yield chart(title, cost_chart(result, axis), caption)
