"""sweep.html: the trials of a sweep on one page that needs no other file, in the style of a run's report."""

from alambique.report.charts import Chart, chart
from alambique.sweep.plots import courses_chart, key_chart, trials_chart
from alambique.sweep.result import SweepResult
from alambique.sweep.words import command, epochs_text
from alambique.trials.page import rendered


def sweep_page(result: SweepResult) -> str:
    """Render the result of a sweep as one HTML file."""
    return rendered(
        "sweep", "sweep.html.jinja", {"epochs": epochs_text},
        result=result, charts=_charts(result), command=command(result),
    )  # fmt: skip


def _charts(result: SweepResult) -> list[Chart]:
    trials, best, metric = result.trials, result.best, result.metric_name
    drawn = []
    if result.winner is not None:
        caption = "With 95 % intervals. The winner has the student's colour."
        drawn.append(chart("Trials", trials_chart(trials, best, metric), caption))
    if any(trial.course for trial in trials):
        caption = "A dashed line with a cross at its end was pruned."
        drawn.append(chart("In the course of training", courses_chart(trials, best, metric), caption))
    if result.winner is not None:
        for number, key in enumerate(result.winner.values):
            caption = "One mark per finished trial; the other keys differ between marks."
            drawn.append(chart(key, key_chart(key, number, trials, best, metric), caption))
    return drawn
