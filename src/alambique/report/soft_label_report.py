"""What the soft labels are worth: how right and how sure the teachers are on train, in and out of fold."""

from typing import Any, Self

import numpy as np

from alambique.artefacts.contradicted import TABLE, Contradicted, read_contradicted
from alambique.artefacts.predictions import further_teachers, teacher_labelled
from alambique.artefacts.soft_labels import FACTS
from alambique.recipe.recipe import Recipe
from alambique.report.parts import Part
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import CONTRADICTED, IN_SAMPLE, SOFT_LABELS
from alambique.run.manifest import recorded_digest


class Worth(Part):
    """Soft labels beside the labels of train, over seeds."""

    accuracy: float | None
    """Fraction of the rows of train whose largest soft label is the label; null where train has no labels."""
    confidence: float
    """Mean of the largest probability, as a fraction."""


class ContradictedReport(Part):
    """Rows of train whose label the out-of-fold soft labels confidently contradict (Northcutt et al. 2021)."""

    rows: tuple[int | None, ...]
    """Their number, by seed; null for a seed whose teacher needed no folds (`auto`)."""
    of: int
    """Rows of train."""
    weight: float
    """Weight of their hard labels in the student's training."""
    file: str
    """The table of these rows, in the folder of the run; with several seeds, that of the seed in `student/`."""


class SoftLabelReport(Part):
    """How train was labelled, and what the labels are worth."""

    folds: int
    """Folds of train; with two or more, each row was labelled by a teacher that was not trained on it."""
    members: int
    """Teachers of different seeds per fold, or for train; with a list of teachers, of each."""
    teachers: int = 1
    """Teachers in the recipe's list."""
    labels: Worth
    """The soft labels that the student learnt from."""
    in_sample: Worth | None = None
    """Those of the teacher that was trained on these rows; null where they are the soft labels."""
    temperatures: tuple[tuple[float, ...], ...] = ()
    """By seed, the temperature of each teacher that labelled, in the order of `models`; empty if none was fitted."""
    weights: tuple[tuple[float, ...], ...] = ()
    """By seed, how much each teacher that labelled counts, in the order of `models`: fractions that sum to 1. Empty where
    all count alike."""
    views: int = 1
    """Versions of each row that the teachers labelled, the row itself among them; each epoch of student and undistilled
    student read another."""
    contradicted: ContradictedReport | None = None
    """Rows whose hard labels weigh less; null without `soft_labels.trust`, and where it took no folds."""

    @classmethod
    def of(cls, seed_runs: list[RunFolder], recipe: Recipe) -> Self | None:
        """Read it from a run; None where an earlier version made the soft labels, which did not record it."""
        worths = [_worth(run, SOFT_LABELS) for run in seed_runs]
        if not all(worths):
            return None
        settings, teachers, first = recipe.soft_labels, len(recipe.teachers), seed_runs[0]
        by_folds = settings.folds != 1 and not teacher_labelled(first)
        members = settings.members if by_folds or settings.folds == 1 else 1  # auto without folds trains no members
        in_sample = [_worth(run, IN_SAMPLE) for run in seed_runs] if by_folds else []
        return cls(
            folds=len(further_teachers(first)) // (members * teachers) if by_folds else 1,
            members=members,
            teachers=teachers,
            labels=_mean(worths),
            in_sample=_mean(in_sample) if in_sample and all(in_sample) else None,
            temperatures=_by_seed(worths, "temperatures"),
            weights=_by_seed(worths, "weights"),
            views=recipe.views,
            contradicted=_contradicted(seed_runs, recipe.soft_labels.trust),
        )


def _by_seed(worths: list[dict[str, Any]], fact: str) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(worth[fact]) for worth in worths if fact in worth)


def _contradicted(seed_runs: list[RunFolder], weight: float | None) -> ContradictedReport | None:
    if weight is None:
        return None
    by_seed = [_current(run) for run in seed_runs]
    rows = tuple(None if each is None else len(each.ids) for each in by_seed)
    of = next((each.of for each in by_seed if each is not None), None)
    return None if of is None else ContradictedReport(rows=rows, of=of, weight=weight, file=f"{CONTRADICTED}/{TABLE}")


def _current(run: RunFolder) -> Contradicted | None:
    """The contradicted rows of a seed, unless they are those of earlier soft labels."""
    made_from = run.recorded_key(CONTRADICTED).get("inputs", {}).get("soft_labels")
    current = made_from is not None and made_from == recorded_digest(run.path / SOFT_LABELS)
    return read_contradicted(run.path / CONTRADICTED) if current else None


def _worth(run: RunFolder, name: str) -> dict[str, Any]:
    facts = read_json(run.path / name / FACTS)
    worth = facts.get("worth") if isinstance(facts, dict) else None
    return worth if isinstance(worth, dict) else {}


def _mean(worths: list[dict[str, Any]]) -> Worth:
    known = [name for name in Worth.model_fields if all(worth[name] is not None for worth in worths)]
    means = {name: float(np.mean([worth[name] for worth in worths])) for name in known}
    return Worth.model_validate(dict.fromkeys(Worth.model_fields) | means)
