"""report.html: one file that explains itself, from the report and the details of the run."""

import base64
import hashlib
import re
from functools import cache

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from alambique.evaluation.task import Task
from alambique.report.charts import charts, confusion_matrices, gain_chart, label_charts
from alambique.report.details import Details
from alambique.report.headline import student_sentence, tiles
from alambique.report.model_card import source_name
from alambique.report.model_table import model_table
from alambique.report.names import model_role, model_title
from alambique.report.numbers import duration, number, percent
from alambique.report.schema import Report
from alambique.report.svg import showable
from alambique.report.training_words import epochs_sentence
from alambique.report.verdict_words import CHOSEN, verdict_words

_MINUS = re.compile(r"(?<!\w)-(?=\d)")


def html_page(report: Report, details: Details, task: Task) -> str:
    """Render the report as one HTML file that needs no other and no network.

    Args:
        report: what is null in it is left out or shown as "not computed".
        details: what the charts and the changed rows are made from; what is empty is left out.
        task: names the figures and their units.
    """
    page = _template().render(
        report=report,
        source=source_name(report),
        words=verdict_words(report),
        chosen=CHOSEN,
        student=student_sentence(report),
        epochs=epochs_sentence(report),
        tiles=tiles(report),
        gain=gain_chart(report),
        test_table=model_table(report.models, "test", task),
        valid_table=model_table(report.models, "valid", task),
        charts=charts(report, details),
        label_charts=label_charts(details),
        confusion=confusion_matrices(report, details),
        changed=details.changed_rows,
        machine=_machine(report),
        recipe=yaml.safe_dump(report.recipe, sort_keys=False, allow_unicode=True, width=72),
    )
    return showable(page) + "\n"


@cache
def _template() -> Template:
    """Compiled once in a process: that took a third of the time of a page."""
    pages = Environment(
        loader=PackageLoader("alambique", "report"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pages.filters |= {"digest": _digest, "duration": duration, "number": number, "percent": percent}
    pages.filters |= {"model_title": model_title, "model_role": model_role, "typographic": _typographic}
    return pages.get_template("page.html.jinja")


def _machine(report: Report) -> list[tuple[str, str]]:
    """Name and value of each line about the machine."""
    facts = report.environment.model_dump(exclude={"versions"}, exclude_unset=True)
    return [(name, _fact(value)) for name, value in facts.items()]


def _fact(value: object) -> str:
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _typographic(text: str) -> str:
    """A true minus sign before numbers, and no line break before a percent sign."""
    return _MINUS.sub("−", text).replace(" %", "\u00a0%")


def _digest(text: str) -> str:
    """How a page's policy names the one script that may run."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
