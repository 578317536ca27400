"""The section ``decide`` of a recipe: thresholds at which the student's probabilities become decisions. Free of torch."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from alambique.recipe.section import Section

Share = Annotated[float, Field(gt=0, lt=1)]


class Decide(Section):
    """Thresholds of the student, used by `predict`, `serve`, the page and the card ([imbalance.md](imbalance.md)).

    Where a row has one label: `{class: fraud, at_precision: 0.9}`. Where it has any number: `{thresholds: {joy: 0.3}}`.
    """

    label: Annotated[str, Field(alias="class", min_length=1)] | None = None
    """The label that matters, where a row has one: a text gets it where its probability reaches a threshold, and else the
    most probable of the other labels."""
    at_precision: Share | None = None
    """The precision that is promised: the threshold is the one with the largest recall on valid whose precision there is at
    least this. Test measures the promise. Needs `class`."""
    thresholds: dict[str, Share] | None = None
    """Thresholds by label, where a row has any number of labels, in the place of those chosen on valid; labels that are not
    named keep theirs."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.label is None) != (self.at_precision is None):
            given, missing = ("class", "at_precision") if self.at_precision is None else ("at_precision", "class")
            raise ValueError(f"has {given} without {missing}; give both, as in {{class: fraud, at_precision: 0.9}}")
        if self.label is not None and self.thresholds is not None:
            raise ValueError("has class, for rows with one label, and thresholds, for rows with any number; give one")
        if self.label is None and not self.thresholds:
            raise ValueError("has neither class nor thresholds; leave it out, or give one of them")
        return self
