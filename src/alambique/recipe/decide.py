"""The section ``decide`` of a recipe: thresholds at which the student's probabilities become decisions. Free of torch."""

import math
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from alambique.recipe.section import Section

Share = Annotated[float, Field(gt=0, lt=1)]


def _thresholds(value: Any) -> Any:
    """A mapping from label to a number between 0 and 1, which may be text, as a recipe's labels are.

    Raises:
        ValueError: it is not.
    """
    if value is None:
        return None
    if not isinstance(value, dict) or not value:
        raise ValueError("must be a mapping {label: threshold}, or null")
    return {label: _threshold(label, threshold) for label, threshold in value.items()}


def _threshold(label: str, value: Any) -> float:
    try:
        threshold = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        threshold = math.nan
    if not 0 < threshold < 1:
        raise ValueError(f"gives label {label!r} the threshold {value}; a threshold is a number between 0 and 1")
    return threshold


class Decide(Section):
    """Thresholds of the student, used by `predict`, `serve`, the page and the card ([imbalance.md](imbalance.md)).

    Where a row has one label: `{class: fraud, at_precision: 0.9}`. Where it has any number: `{thresholds: {joy: 0.3}}`.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    label: Annotated[str | None, Field(alias="class", min_length=1)] = None
    """The label that matters, where a row has one: a text gets it where its probability reaches a threshold, and else the
    most probable of the other labels."""
    at_precision: Share | None = None
    """The precision that is promised: the threshold is the one with the largest recall on valid whose precision there is at
    least this. Test measures the promise. Needs `class`."""
    thresholds: Annotated[dict[str, float] | None, BeforeValidator(_thresholds)] = None
    """Thresholds by label, where a row has any number of labels, in the place of those chosen on valid; labels that are not
    named keep theirs."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.label is None) != (self.at_precision is None):
            given, missing = ("class", "at_precision") if self.at_precision is None else ("at_precision", "class")
            raise ValueError(f"has {given} without {missing}; give both, as in {{class: fraud, at_precision: 0.9}}")
        if self.label is not None and self.thresholds is not None:
            raise ValueError("has class, for rows with one label, and thresholds, for rows with any number; give one")
        return self
