"""The comparison of the models as a table for the terminal, and the verdict below it."""

import sys

from rich.console import Console
from rich.table import Table

from alambique.report.names import model_title
from alambique.report.numbers import NO_FIGURE, grouped, percent
from alambique.report.schema import Report
from alambique.report.verdict_words import CHOSEN, verdict_words

WIDE = 110  # columns, where nobody's terminal sets them


def verdict_line(report: Report) -> str:
    """Return the verdict in a sentence, what cannot be told from it, and how to find out more."""
    words = verdict_words(report)
    return f"{words.sentence} {words.remarks}".rstrip()


def comparison(report: Report) -> Table:
    """Return a table with a row per model: size and quality on valid and test, in percent."""
    means = f", means over {report.means_over}" if report.means_over else ""
    table = Table(title=None, caption=f"percent{means}; {CHOSEN}", caption_justify="left")
    table.add_column("model", no_wrap=True)
    for column in ("parameters", "valid acc", "valid F1", "test acc", "test F1", "agrees"):
        table.add_column(column, justify="right", no_wrap=True)
    for name, model in report.models.items():
        figures = (
            model.valid.accuracy, model.valid.macro_f1, model.test.accuracy, model.test.macro_f1,
            model.test.agreement_with_teacher,
        )  # fmt: skip
        table.add_row(
            model_title(name, several=report.data.several),
            grouped(model.parameters) or NO_FIGURE,
            *(percent(figure.mean) for figure in figures),
        )
    return table


def print_table(table: Table) -> None:
    """Print a table on standard output, as wide as the terminal."""
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)
