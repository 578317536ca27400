"""The decision for the class that matters, measured: what its threshold promises on valid and does on test."""

from dataclasses import asdict

from alambique.evaluation.class_threshold import promise
from alambique.evaluation.task import Task
from alambique.report.decision_parts import Decision, SharePart
from alambique.report.results import RunResults
from alambique.run.layout import STUDENT


def decision_of(results: RunResults) -> Decision | None:
    """Measure the decision of the student that is kept; None where the recipe names no class."""
    decide = results.recipe.decide
    if decide is None or decide.label is None or decide.at_precision is None:
        return None
    return _measured(results, results.task, decide.label, decide.at_precision)


def _measured(results: RunResults, task: Task, label: str, at_precision: float) -> Decision:
    splits, logits = results.splits, results.seeds[results.best][STUDENT].logits
    index = splits.label_names.index(label)
    thresholds = task.shipped_thresholds(logits["valid"], splits.valid.labels)
    if thresholds is None:
        return Decision(
            label=label, at_precision=at_precision, threshold=None, valid_precision=None, valid_recall=None,
            test_precision=None, test_recall=None,
        )  # fmt: skip
    shares = [
        SharePart.model_validate(asdict(share))
        for split in (splits.valid, splits.test)
        for share in promise(task.decide(logits[split.name], thresholds) == index, split.labels == index)
    ]
    return Decision(
        label=label, at_precision=at_precision, threshold=float(thresholds[index]), valid_precision=shares[0],
        valid_recall=shares[1], test_precision=shares[2], test_recall=shares[3],
    )  # fmt: skip
