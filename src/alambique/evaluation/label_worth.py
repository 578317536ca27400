"""What soft labels are worth before a student learns from them: how right, how sure and how well calibrated."""

from dataclasses import dataclass

import numpy as np

from alambique.artefacts.contradicted import Contradicted
from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.evaluation.tasks import TASKS


@dataclass(frozen=True)
class LabelWorth:
    """Of one seed; all figures are fractions.

    Attributes:
        seed: of the teachers.
        valid: the teacher's metrics on valid, by name: accuracy and macro-F1.
        valid_calibration_error: the teacher's expected calibration error on valid.
        accuracy: rows of train whose largest soft label is the label; None where train has no labels.
        confidence: mean of the largest probability on train.
        calibration_error: expected calibration error of the soft labels on train; None where train has no labels.
        contradicted: number of rows of train whose label the out-of-fold teachers contradict; None if not asked for.
    """

    seed: int
    valid: dict[str, float]
    valid_calibration_error: float
    accuracy: float | None
    confidence: float
    calibration_error: float | None
    contradicted: int | None = None


def label_worth(
    labels: SoftLabels, valid_logits: np.ndarray, splits: Splits, seed: int, contradicted: Contradicted | None = None
) -> LabelWorth:
    """Compare soft labels with the labels of train, and the teacher with those of valid.

    Args:
        labels: of train.
        valid_logits: of the teacher, (rows of valid, C).
        splits: the rows.
        seed: of the teachers.
        contradicted: the rows whose label they contradict.
    """
    task = TASKS[splits.task]
    logits = labels.for_rows(splits.train.ids)
    on_train = task.calibration_error(logits, splits.train.labels)[0] if splits.labelled_train else None
    return LabelWorth(
        seed=seed,
        valid=dict(task.epoch_metrics(valid_logits, splits.valid.labels)),
        valid_calibration_error=task.calibration_error(valid_logits, splits.valid.labels)[0],
        accuracy=labels.worth["accuracy"],
        confidence=labels.worth["confidence"],
        calibration_error=on_train,
        contradicted=None if contradicted is None else len(contradicted.ids),
    )
