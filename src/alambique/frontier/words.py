"""A frontier in words: the sentence of the choice, and the table for the terminal."""

from pathlib import Path

from rich.table import Table

from alambique.errors import BudgetError
from alambique.frontier.budget import Budget, megabytes, milliseconds, three_digits
from alambique.frontier.folder import FRONTIER_HTML
from alambique.frontier.result import FrontierResult, Point, Reference
from alambique.report.names import model_title
from alambique.report.numbers import NO_FIGURE, interval, percent


def summary(result: FrontierResult) -> str:
    """Which student was chosen, with its figures, or which one comes nearest."""
    point = result.chosen or result.point(result.nearest)
    if point is None or point.valid is None:
        return "There is no choice: no student passed the parity gate."
    figures = (
        f"{result.metric_name} {percent(point.valid.mean)} % on valid ({interval(point.valid)}), "
        f"{milliseconds(point.latency_ms)} per text, {megabytes(point.bytes)}, "
        f"{three_digits(point.texts_per_s)} texts per second"
    )
    if result.chosen is None:
        return f"No student meets {result.budget}. The nearest is {point.name}: {figures}."
    within = f" within {result.budget}" if result.budgets else ""
    return f"The choice{within} is {point.name}: {figures}."


def marks(result: FrontierResult, point: Point) -> str:
    """What a point is besides: chosen, in the Pareto set, refused, outside the budget."""
    if not point.offered:
        return "refused"
    words = ["choice"] if point.name == result.choice else []
    words += ["Pareto"] if point.pareto else []
    words += ["over budget"] if result.budgets and not point.within else []
    return ", ".join(words)


def points_table(result: FrontierResult) -> Table:
    """Return a table with a row per point, then teacher and TF-IDF; the choice has a star."""
    caption = f"valid: {result.metric_name}, percent, with its 95 % interval over rows"
    caption += f" and trainings ({result.trainings} per student)" if result.trainings > 1 else ""
    table = Table(caption=f"{caption}; ms: of a text alone, median; * the choice", caption_justify="left")
    for column in ("student", "valid", "interval", "ms", "MB", "texts/s", ""):
        table.add_column(column, justify="left" if column in {"student", ""} else "right", no_wrap=column != "student")
    for point in result.points:
        star = "* " if point.name == result.choice else ""
        words = marks(result, point).removeprefix("choice").removeprefix(", ")
        table.add_row(f"{star}{point.name}", *_figures(point), words)
    for reference in result.references:
        table.add_row(model_title(reference.name), *_figures(reference), "")
    return table


def _figures(point: Point | Reference) -> tuple[str, ...]:
    valid = ("", "") if point.valid is None else (percent(point.valid.mean), interval(point.valid))
    return (
        *valid,
        *(
            three_digits(value) if value else NO_FIGURE
            for value in (point.latency_ms, (point.bytes or 0) / 1e6, point.texts_per_s)
        ),
    )


def unmet(result: FrontierResult, folder: Path) -> BudgetError:
    """The error where no student meets the budget.

    Args:
        result: without a choice.
        folder: of the frontier.
    """
    nearest = result.point(result.nearest)
    if nearest is None:
        return BudgetError("No student passed the parity gate, so there is no choice.")
    missed = [budget for budget in map(Budget.parse, result.budgets) if budget.excess(nearest) > 1]
    costs = " and ".join(f"{budget.words(nearest)}, where {budget.text} was asked for" for budget in missed)
    return BudgetError(
        f"No student meets {result.budget}. The nearest is {nearest.name}: {costs}. All students are kept, and "
        f"{folder / FRONTIER_HTML} shows them: the same command with another --budget trains nothing again, and --forms "
        "adds smaller students."
    )
