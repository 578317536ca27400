"""What the soft labels are worth: how right and how sure the teachers are on train, in and out of fold."""

from typing import Any, Self

import numpy as np

from alambique.artefacts.predictions import further_teachers
from alambique.artefacts.soft_labels import FACTS
from alambique.recipe.recipe import Recipe
from alambique.report.parts import Part
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import IN_SAMPLE, SOFT_LABELS


class Worth(Part):
    """Soft labels beside the labels of train, over seeds."""

    accuracy: float
    """Fraction of the rows of train whose largest soft label is the label."""
    confidence: float
    """Mean of the largest probability, as a fraction."""


class SoftLabelReport(Part):
    """How train was labelled, and what the labels are worth."""

    folds: int
    """Folds of train; with two or more, each row was labelled by a teacher that was not trained on it."""
    members: int
    """Teachers per fold, or for train."""
    labels: Worth
    """The soft labels that the student learnt from."""
    in_sample: Worth | None = None
    """Those of the teacher that was trained on these rows; null where they are the soft labels."""
    temperatures: tuple[tuple[float, ...], ...] = ()
    """By seed, the temperature of each teacher that labelled, in the order of `teachers/NAME`; empty if none was fitted."""

    @classmethod
    def of(cls, seed_runs: list[RunFolder], recipe: Recipe) -> Self | None:
        """Read it from a run; None where an earlier version made the soft labels, which did not record it."""
        worths = [_worth(run, SOFT_LABELS) for run in seed_runs]
        if not all(worths):
            return None
        members, further = recipe.soft_labels.members, further_teachers(seed_runs[0])
        by_folds = recipe.soft_labels.folds != 1 and len(further) > 0
        in_sample = [_worth(run, IN_SAMPLE) for run in seed_runs] if by_folds else []
        return cls(
            folds=len(further) // members if by_folds else 1,
            members=members,
            labels=_mean(worths),
            in_sample=_mean(in_sample) if in_sample and all(in_sample) else None,
            temperatures=tuple(tuple(worth["temperatures"]) for worth in worths if "temperatures" in worth),
        )


def _worth(run: RunFolder, name: str) -> dict[str, Any]:
    facts = read_json(run.path / name / FACTS)
    worth = facts.get("worth") if isinstance(facts, dict) else None
    return worth if isinstance(worth, dict) else {}


def _mean(worths: list[dict[str, Any]]) -> Worth:
    return Worth(**{name: float(np.mean([worth[name] for worth in worths])) for name in Worth.model_fields})
