"""The result of a sweep in words: the table for the terminal, and the command that takes the winner's values."""

import shlex

from rich.table import Table

from alambique.report.numbers import NO_FIGURE, interval, percent
from alambique.sweep.result import SweepResult, TrialResult


def command(result: SweepResult) -> str:
    """The command that distils the winner, with ``--set`` and a line for each of its values."""
    given = [f"--set {shlex.quote(each)}" for each in (*result.sets, *result.best_sets)]
    return " \\\n  ".join([f"alambique distill {shlex.quote(result.recipe)}", *given])


def epochs_text(trial: TrialResult) -> str:
    """Epochs that a trial made, of those that were planned."""
    if not trial.epochs:
        return NO_FIGURE
    made = ", ".join(map(str, dict.fromkeys(trial.epochs)))
    return made if set(trial.epochs) == {trial.planned} else f"{made} of {trial.planned}"


def trials_table(result: SweepResult) -> Table:
    """Return a table with a row per trial; the winner has a star."""
    caption = f"valid: {result.metric_name}, percent, with its 95 % interval over rows"
    caption += f" and trainings ({result.trainings} per trial)" if result.trainings > 1 else ""
    table = Table(caption=f"{caption}; * the winner", caption_justify="left")
    table.add_column("trial", justify="right", no_wrap=True)
    for over in result.over:
        key = over.partition("=")[0].replace(".", ".\n")  # else long keys leave no room
        table.add_column(key, justify="right", overflow="fold")
    table.add_column("valid", justify="right", no_wrap=True)
    table.add_column("interval", justify="right", no_wrap=True)
    table.add_column("epochs", justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    for trial in result.trials:
        valid = ("", "") if trial.valid is None else (percent(trial.valid.mean), interval(trial.valid))
        star = "* " if trial.number == result.best else ""
        table.add_row(f"{star}{trial.number}", *trial.values.values(), *valid, epochs_text(trial), trial.status)
    return table
