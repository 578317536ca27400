"""The threshold for the class that matters, and what its promise is worth."""

import numpy as np
import pytest
from scipy import stats

from alambique.evaluation.class_threshold import Share, choose_class_threshold, promise
from alambique.evaluation.single_label import SINGLE_LABEL, SingleLabel
from alambique.recipe.decide import Decide

NAMES = ("genuine", "fraud", "spam")


def test_the_largest_recall_whose_precision_is_kept():
    rng = np.random.default_rng(0)
    positive = rng.random(500) < 0.2
    p = 1 / (1 + np.exp(-(rng.normal(size=500) + 2 * positive)))
    threshold = choose_class_threshold(p, positive, 0.8)
    above = p >= threshold
    assert positive[above].mean() >= 0.8
    recalls = [positive[p >= cut].sum() for cut in np.unique(p) if positive[p >= cut].mean() >= 0.8]
    assert positive[above].sum() == max(recalls)
    assert threshold not in p


def test_no_threshold_keeps_a_promise_that_no_rows_keep():
    assert choose_class_threshold(np.array([0.9, 0.5]), np.array([0, 1]), 0.9) is None
    assert choose_class_threshold(np.array([0.9, 0.5]), np.array([0, 0]), 0.5) is None


def test_rows_of_one_probability_are_decided_together():
    p, positive = np.array([0.9, 0.5, 0.5, 0.1]), np.array([1, 1, 0, 0])
    assert choose_class_threshold(p, positive, 0.9) == pytest.approx(0.7)
    assert choose_class_threshold(p, positive, 0.6) == pytest.approx(0.3)


def test_the_promise_has_the_interval_of_wilson():
    given, positive = np.arange(100) < 40, np.arange(100) % 5 != 0
    precision, recall = promise(given, positive)
    ends = stats.binomtest(32, 40).proportion_ci(method="wilson")
    assert (precision.mean, precision.rows, recall.rows) == (0.8, 40, 80)
    assert (precision.low, precision.high) == pytest.approx((ends.low, ends.high))
    assert recall.mean == pytest.approx(32 / 80)
    assert Share.of(0, 0) == Share(None, None, None, 0)


def test_a_text_gets_the_class_from_its_threshold_on_and_else_the_best_of_the_others():
    task = SingleLabel(None, NAMES, Decide(**{"class": "fraud", "at_precision": 0.9}))
    p = np.array([[0.5, 0.4, 0.1], [0.1, 0.2, 0.7], [0.2, 0.7, 0.1], [0.3, 0.39, 0.31]])
    thresholds = np.array([np.nan, 0.4, np.nan])
    assert task.decided(p, thresholds).tolist() == [1, 2, 1, 2]
    assert task.decide(np.log(p), thresholds).tolist() == [1, 2, 1, 2]
    assert task.decide(np.log(p)).tolist() == [0, 2, 1, 1]  # figures are those of the most probable class
    logits, labels = (
        np.log(np.array([[0.1, 0.9, 0.0001], [0.5, 0.5001, 0.0001], [0.6, 0.4, 0.0001]])),
        np.array([1, 1, 0]),
    )
    assert task.shipped_thresholds(logits, labels)[1] == pytest.approx(0.45, abs=0.001)
    assert np.isnan(task.shipped_thresholds(logits, labels)[[0, 2]]).all()
    assert task.shipped_thresholds(logits, np.array([0, 0, 1])) is None
    assert SINGLE_LABEL.shipped_thresholds(logits, labels) is None
    assert task.key() == {}  # no training depends on it
