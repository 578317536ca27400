"""sweep.html: the trials of a sweep on one page that needs no other file, in the style of a run's report."""

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alambique.report.charts import Chart
from alambique.report.numbers import interval, percent
from alambique.report.svg import showable
from alambique.sweep.plots import courses_chart, key_chart, trials_chart
from alambique.sweep.result import SweepResult
from alambique.sweep.words import command, epochs_text


def sweep_page(result: SweepResult) -> str:
    """Render the result of a sweep as one HTML file."""
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("alambique", "sweep"), PackageLoader("alambique", "report")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pages.filters |= {"percent": percent, "interval": interval, "epochs": epochs_text}
    page = pages.get_template("sweep.html.jinja").render(result=result, charts=_charts(result), command=command(result))
    return showable(page) + "\n"


def _charts(result: SweepResult) -> list[Chart]:
    trials, best, metric = result.trials, result.best, result.metric_name
    drawn = []
    if result.winner is not None:
        caption = "With 95 % intervals. The winner has the student's colour."
        drawn.append(_chart("Trials", trials_chart(trials, best, metric), caption))
    if any(trial.course for trial in trials):
        caption = "A dashed line with a cross at its end was pruned."
        drawn.append(_chart("In the course of training", courses_chart(trials, best, metric), caption))
    if result.winner is not None:
        for number, key in enumerate(result.winner.values):
            caption = "One mark per finished trial; the other keys differ between marks."
            drawn.append(_chart(key, key_chart(key, number, trials, best, metric), caption))
    return drawn


def _chart(title: str, svg: str, caption: str) -> Chart:
    return Chart(title, Markup(svg), caption)  # noqa: S704 - escaped by its maker
