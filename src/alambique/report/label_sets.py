"""What the report says of each label where rows have any number of them, and of how labels stand together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
from sklearn.metrics import precision_recall_curve

from alambique.artefacts.predictions import Predictions, Scored
from alambique.artefacts.splits import Splits
from alambique.evaluation.intervals import interval_over
from alambique.evaluation.label_f1 import of_f1
from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.evaluation.rankings import RankingFigure
from alambique.evaluation.task import Task
from alambique.report.model_report import LabelQuality
from alambique.report.parts import Figure
from alambique.run.layout import STUDENT

MOST_CURVES = 6  # labels whose curves are drawn: those with most rows
MOST_SHOWN = 40  # labels of the co-occurrence


def label_qualities(predictions: Predictions, splits: Splits, task: Task) -> tuple[LabelQuality, ...]:
    """A model's figures on test for each label, at the thresholds chosen for it on valid."""
    logits, labels = predictions.logits["test"], splits.test.labels
    thresholds = cast("np.ndarray", task.fit_thresholds(predictions.logits["valid"], splits.valid.labels))
    given, probabilities = MULTI_LABEL.decide(logits, thresholds), MULTI_LABEL.probabilities(logits)
    errors = MULTI_LABEL.label_calibration(logits, labels)
    return tuple(
        _quality(name, given[:, [i]], labels[:, [i]], probabilities[:, i], float(thresholds[i]), errors[i])
        for i, name in enumerate(splits.label_names)
    )


def _quality(
    name: str, given: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, threshold: float,
    error: tuple[float, float],
) -> LabelQuality:  # fmt: skip
    hits, decided, there = int((given * labels).sum()), int(given.sum()), int(labels.sum())
    f1 = interval_over([of_f1(given, labels, pooled=False)]).within(0.0, 1.0) if there else None
    return LabelQuality(
        label=name,
        threshold=threshold,
        rows=there,
        given=decided,
        precision=hits / decided if decided else None,
        recall=hits / there if there else None,
        f1=None if f1 is None else Figure(mean=f1.mean, low=f1.low, high=f1.high, per_seed=f1.per_seed),
        average_precision=RankingFigure().value(probabilities, labels[:, 0]) if there else None,
        expected_calibration_error=error[0],
        if_calibrated=error[1],
    )


class CurvePoint(NamedTuple):
    """A recall, and the precision at it."""

    recall: float
    precision: float


@dataclass(frozen=True)
class LabelCurve:
    """Precision by recall of one label on test.

    Attributes:
        label: its name.
        points: from all rows to none.
        chosen: the point of the threshold; None where the label is given to no row.
    """

    label: str
    points: Sequence[CurvePoint]
    chosen: CurvePoint | None


@dataclass(frozen=True)
class LabelDetails:
    """Numbers of the charts of labels.

    Attributes:
        names: of the labels in ``together``: those with most rows of train, in the order of the data.
        together: share of the rows of train with the label of the row that also have the label of the column.
        curves: of the student, for the labels with most rows of test.
        rows_without: share of rows without any label, by split.
        labels_per_row: mean number of labels of a row, by split.
    """

    names: Sequence[str]
    together: Sequence[Sequence[float]]
    curves: Sequence[LabelCurve]
    rows_without: Mapping[str, float]
    labels_per_row: Mapping[str, float]


def label_details(scored: Scored, splits: Splits, task: Task) -> LabelDetails:
    """Compute them, of the models of one seed."""
    labels, counts = splits.train.labels, splits.train.labels.sum(0)
    shown = np.sort(np.argsort(-counts, kind="stable")[:MOST_SHOWN])
    joint = labels[:, shown].T @ labels[:, shown]
    together = joint / np.maximum(counts[shown], 1)[:, None]
    return LabelDetails(
        names=[splits.label_names[i] for i in shown],
        together=together.tolist(),
        curves=_curves(scored[STUDENT], splits, task),
        rows_without={split.name: float((split.labels.sum(1) == 0).mean()) for split in splits},
        labels_per_row={split.name: float(split.labels.sum(1).mean()) for split in splits},
    )


def _curves(student: Predictions, splits: Splits, task: Task) -> list[LabelCurve]:
    labels, counts = splits.test.labels, splits.test.labels.sum(0)
    probabilities = MULTI_LABEL.probabilities(student.logits["test"])
    most = [i for i in np.argsort(-counts, kind="stable")[:MOST_CURVES].tolist() if counts[i]]
    by_label = {quality.label: quality for quality in label_qualities(student, splits, task)}
    curves = []
    for i in most:
        precision, recall, _ = precision_recall_curve(labels[:, i], probabilities[:, i])
        quality = by_label[splits.label_names[i]]
        chosen = None
        if quality.precision is not None and quality.recall is not None:
            chosen = CurvePoint(quality.recall, quality.precision)
        points = [CurvePoint(*point) for point in zip(recall.tolist(), precision.tolist(), strict=True)]
        curves.append(LabelCurve(splits.label_names[i], points, chosen))
    return curves
