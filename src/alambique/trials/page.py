"""Pages in the style of a run's report, from a template of a room of ours."""

from collections.abc import Callable
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from alambique.report.numbers import interval, percent
from alambique.report.svg import showable


def rendered(room: str, template: str, filters: dict[str, Callable[..., Any]], **values: Any) -> str:
    """Render a template as one HTML file that needs no other.

    Args:
        room: the package below ``alambique`` that has it.
        template: its name.
        filters: beside ``percent`` and ``interval``.
        **values: what it shows.
    """
    pages = Environment(
        loader=ChoiceLoader([PackageLoader("alambique", room), PackageLoader("alambique", "report")]),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pages.filters |= {"percent": percent, "interval": interval, **filters}
    return showable(pages.get_template(template).render(**values)) + "\n"
