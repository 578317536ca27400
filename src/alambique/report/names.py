"""Display names of models and metrics, the same on the page, the card and the terminal."""

from typing import NamedTuple

TEACHERS = "teachers/"  # how the name of a further teacher begins
_MODELS = {
    "teacher": "Teacher",
    "ensemble": "Teachers together",
    "student": "Student (distilled)",
    "undistilled": "Student without distillation",
    "undistilled_once": "Student without distillation, fewer steps",
    "tfidf": "TF-IDF + logistic regression",
    "majority": "Majority class",
}
_METRICS = {
    "macro_f1": "macro-F1",
    "micro_f1": "micro-F1",
    "samples_f1": "sample-F1",
    "mean_average_precision": "mean average precision",
    "quadratic_weighted_kappa": "quadratic weighted kappa",
    "mean_absolute_error": "mean absolute error",
}


class Unit(NamedTuple):
    """How differences in a metric are written.

    Attributes:
        scale: what a difference is multiplied by.
        digits: decimal places.
        name: of the unit, in the plural.
        before: what stands between a gain and the metric's name.
    """

    scale: float = 100
    digits: int = 1
    name: str = "points"
    before: str = "points of"


_STEPS = Unit(1, 2, "steps", "steps taken off the")


def model_title(name: str, *, several: bool = False) -> str:
    """Return the display name of a model of the report: ``teachers/fold-0`` is ``Teacher fold-0``.

    Args:
        name: in report.json.
        several: whether rows have any number of labels, of which no class is that of the majority.
    """
    if several and name == "majority":
        return "Label frequencies"
    if name.startswith(TEACHERS):
        return f"Teacher {name.removeprefix(TEACHERS)}"
    return _MODELS.get(name, name)


def model_role(name: str) -> str:
    """Return the role of a model, which decides its colour: the same for all teachers, and for all undistilled students."""
    if name.startswith("undistilled"):
        return "undistilled"
    return "teacher" if name.startswith(TEACHERS) or name == "ensemble" else name


def metric_title(metric: str) -> str:
    """Return the display name of a metric; one without a display name is shown as it is."""
    return _METRICS.get(metric, metric)


def unit_of(metric: str) -> Unit:
    """Return the unit of differences in a metric: points of a fraction, or steps of labels in order."""
    return _STEPS if metric == "mean_absolute_error" else Unit()
