"""The model card, from report.json alone."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

NAMES = {
    "teacher": "Teacher",
    "student": "Student (distilled)",
    "undistilled": "Student without distillation",
    "tfidf": "TF-IDF + logistic regression",
    "majority": "Majority class",
}


def model_card(report: dict[str, Any]) -> str:
    """Markdown with the Hub's metadata block."""
    pages = Environment(  # noqa: S701 - Markdown, not HTML
        loader=PackageLoader("alambique", "report"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    pages.filters |= {"percent": _percent, "plain": _plain}
    return pages.get_template("card.md.jinja").render(report=report, names=NAMES, source=source_name(report))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _plain(text: object) -> str:
    """Text that Markdown shows as it is, on one line."""
    kept = " ".join(str(text).split())
    for mark in "\\`*_[]<>|#":
        kept = kept.replace(mark, f"\\{mark}")
    return kept


def source_name(report: dict[str, Any]) -> str:
    """The data's name, without the folders of this machine."""
    source = report["recipe"]["data"]["source"]
    if isinstance(source, dict):
        source = source["train"]
    source = str(source)
    return source.rstrip("/").split("/")[-1] if source.startswith(("/", "~", ".")) or "\\" in source else source
