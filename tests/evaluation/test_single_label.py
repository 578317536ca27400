"""Single-label classification, and a task that the test adds itself."""

import numpy as np
import pytest
import torch
from scipy import special

from alambique.evaluation.single_label import SINGLE_LABEL, SingleLabel
from alambique.evaluation.task import ScoredRows

LOGITS = np.array([[2.0, 0.0, 1.0], [0.0, 3.0, 0.0], [1.0, 1.5, 0.0]])
LABELS = np.array([0, 1, 0])


def test_probabilities_are_the_softmax_of_scaled_logits():
    np.testing.assert_allclose(SINGLE_LABEL.probabilities(LOGITS), special.softmax(LOGITS, -1), rtol=1e-15)
    np.testing.assert_allclose(SINGLE_LABEL.probabilities(LOGITS, 4.0), special.softmax(LOGITS / 4, -1), rtol=1e-15)
    assert SINGLE_LABEL.probabilities(np.array([[1e4, -1e4]], dtype=np.float32)).tolist() == [[1.0, 0.0]]


def test_the_largest_logit_decides():
    assert SINGLE_LABEL.decide(LOGITS).tolist() == [0, 1, 1]


def test_calibration_is_the_largest_probability_and_whether_it_is_right():
    confidence, correct = SINGLE_LABEL.calibration(LOGITS, LABELS)
    np.testing.assert_allclose(confidence, special.softmax(LOGITS, -1).max(-1))
    assert correct.tolist() == [1.0, 1.0, 0.0]


def test_the_hard_loss_is_cross_entropy_and_0_without_a_label():
    logits = torch.tensor([[0.0, 0.0], [3.0, -3.0]])
    losses = SINGLE_LABEL.hard_loss(logits, torch.tensor([1, -100]))
    assert losses.tolist() == pytest.approx([np.log(2), 0.0])
    assert SINGLE_LABEL.labelled(torch.tensor([1, -100])).tolist() == [True, False]


def test_the_fitted_temperature_undoes_a_scale():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3))
    labels = np.array([rng.choice(3, p=row) for row in special.softmax(logits, -1)])
    assert SINGLE_LABEL.fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.1)


def test_figures_by_hand():
    teacher = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])  # decides 0, 2, 1
    rows = ScoredRows(LOGITS, LABELS, teacher)
    values = {name: metric.value(rows) for name, metric in SINGLE_LABEL.metrics.items()}
    # class 0: predicted once, right once, there twice: F1 2/3; class 1: predicted twice, there once: 2/3; class 2: 0
    assert values["macro_f1"] == pytest.approx(4 / 9)
    assert values["accuracy"] == pytest.approx(2 / 3)
    assert values["agreement_with_teacher"] == pytest.approx(2 / 3)
    assert values["mean_absolute_error"] == pytest.approx(1 / 3)
    p, q = special.log_softmax(teacher, -1), special.log_softmax(LOGITS, -1)
    assert values["kl_to_teacher"] == pytest.approx((np.exp(p) * (p - q)).sum(-1).mean())
    for name, metric in SINGLE_LABEL.metrics.items():
        if name == "expected_calibration_error":
            assert metric.contributions is None
            continue
        parts = metric.contributions(rows)
        assert parts.rows.shape == (3,), name
        assert parts.figure == pytest.approx(values[name]), name
        # shares and steps have two pseudo-rows of either kind, and so has macro-F1; KL, which is no count, has none
        assert parts.weights.sum() == pytest.approx(0 if name == "kl_to_teacher" else 4), name
    assert set(SINGLE_LABEL.columns) == set(SINGLE_LABEL.metrics)


def test_a_teacher_agrees_with_itself_for_certain():
    parts = SINGLE_LABEL.metrics["agreement_with_teacher"].contributions(ScoredRows(LOGITS, LABELS, LOGITS))
    assert (parts.figure, parts.centre, parts.pseudo.tolist()) == (1.0, 1.0, [])


class EveryRowIsTheFirst(SingleLabel):
    """A task of the test's own: it decides for class 0 whatever the logits say."""

    name = "first"

    def decide(self, logits, thresholds=None):
        return np.zeros(len(logits), dtype=np.int64)

    def key(self):
        return {"task": self.name}


def test_a_new_task_decides_what_the_figures_are():
    task = EveryRowIsTheFirst()
    assert task.score("accuracy", LOGITS, LABELS) == pytest.approx(2 / 3)
    assert task.epoch_metrics(LOGITS, LABELS)["macro_f1"] == pytest.approx((2 * 2 / 5) / 3)
    assert task.retention(LOGITS, LOGITS, LABELS).figure == 1.0
    assert task.gain(LOGITS, -LOGITS, LABELS).figure == 0.0
    assert task.paired_test(LOGITS, -LOGITS, LABELS) == {"student_only_right": 0, "undistilled_only_right": 0, "p": 1.0}
