"""What the report says of each label, and the charts of labels."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_score, recall_score

from alambique.artefacts.predictions import Predictions
from alambique.artefacts.splits import MULTI_LABEL as SEVERAL
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.report.label_plots import co_occurrence, precision_and_recall
from alambique.report.label_sets import label_details, label_qualities

NAMES = ("joy", "fear & dread", "never")


def made():
    rng = np.random.default_rng(0)
    labels = {name: (rng.random((90, 3)) < (0.5, 0.2, 0.0)).astype(np.int64) for name in ("train", "valid", "test")}
    labels["train"][0, 2] = 1
    splits = Splits(
        *(Split(name, tuple(f"{name}-{i}" for i in range(90)), ("t",) * 90, None, rows) for name, rows in labels.items()),
        NAMES, task=SEVERAL,
    )  # fmt: skip
    logits = {name: rng.normal(size=(90, 3)) + 3 * labels[name] - 2 for name in ("valid", "test")}
    return splits, Predictions("student", logits, 1, 1)


def test_figures_of_each_label_are_scikit_learns_at_thresholds_of_valid():
    splits, student = made()
    thresholds = MULTI_LABEL.fit_thresholds(student.logits["valid"], splits.valid.labels)
    given, truth = MULTI_LABEL.decide(student.logits["test"], thresholds), splits.test.labels
    for i, quality in enumerate(label_qualities(student, splits, MULTI_LABEL)[:2]):
        assert quality.label == NAMES[i]
        assert quality.threshold == thresholds[i]
        assert (quality.rows, quality.given) == (truth[:, i].sum(), given[:, i].sum())
        assert quality.precision == pytest.approx(precision_score(truth[:, i], given[:, i]))
        assert quality.recall == pytest.approx(recall_score(truth[:, i], given[:, i]))
        assert quality.average_precision == pytest.approx(
            average_precision_score(truth[:, i], student.logits["test"][:, i])
        )
        assert quality.f1.low < quality.f1.mean < quality.f1.high
    never = label_qualities(student, splits, MULTI_LABEL)[2]
    assert (never.rows, never.recall, never.f1, never.average_precision) == (0, None, None, None)


def test_how_labels_stand_together_by_hand():
    splits, student = made()
    details = label_details({"student": student}, splits, MULTI_LABEL)
    labels = splits.train.labels
    both = (labels[:, 0] & labels[:, 1]).sum()
    assert details.together[0][1] == pytest.approx(both / labels[:, 0].sum())
    assert details.together[1][0] == pytest.approx(both / labels[:, 1].sum())
    assert details.rows_without["train"] == pytest.approx((labels.sum(1) == 0).mean())
    assert details.labels_per_row["train"] == pytest.approx(labels.sum() / 90)
    assert [curve.label for curve in details.curves] == list(NAMES[:2])  # a label without rows has no curve
    assert details.curves[0].points[-1] == (0.0, 1.0)


def test_the_charts_are_drawn_with_the_names_of_the_labels():
    splits, student = made()
    details = label_details({"student": student}, splits, MULTI_LABEL)
    drawn = co_occurrence(details.names, details.together)
    assert "fear &amp; dread" in drawn
    assert drawn.count("<svg") == 1
    curves = precision_and_recall(details.curves)
    assert "recall, %" in curves
    assert "fear &amp; dread" in curves
    assert co_occurrence(["only"], [[1.0]]).count("<svg") == 1
