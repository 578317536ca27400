"""Thresholds chosen for the greatest F1."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from alambique.evaluation.thresholds import best_threshold, choose_thresholds


def test_no_other_threshold_has_a_greater_f1():
    rng = np.random.default_rng(0)
    truths = (rng.random((120, 3)) < (0.5, 0.2, 0.05)).astype(np.int64)
    p = 1 / (1 + np.exp(-(rng.normal(size=truths.shape) + truths)))
    chosen = choose_thresholds(p, truths)
    for label in range(3):
        best = max(f1_score(truths[:, label], p[:, label] >= cut) for cut in np.unique(p[:, label]))
        assert f1_score(truths[:, label], p[:, label] >= chosen[label]) == pytest.approx(best)


def test_a_rare_label_has_the_threshold_of_all_labels_together():
    truths = np.zeros((100, 2), dtype=np.int64)
    truths[:40, 0], truths[:4, 1] = 1, 1
    p = np.full((100, 2), 0.1)
    p[:40, 0], p[:4, 1] = 0.6, 0.9
    common = best_threshold(p.ravel(), truths.ravel(), near=0.5)
    assert choose_thresholds(p, truths).tolist() == [common, common]
    assert common == pytest.approx(0.35)
    truths[4, 1], p[4, 1] = 1, 0.9
    assert choose_thresholds(p, truths).tolist() == pytest.approx([0.35, 0.5])  # of five rows it has its own


def test_rows_of_one_probability_are_decided_together():
    p, truths = np.array([0.8, 0.5, 0.5, 0.5, 0.2]), np.array([1, 1, 0, 0, 0])
    # 0.8 alone: 2 / 3; with those of 0.5: 4 / 6, as good: the one nearer to `near` is taken
    assert best_threshold(p, truths, near=0.9) == pytest.approx(0.65)
    assert best_threshold(p, truths, near=0.1) == pytest.approx(0.35)


def test_without_any_label_a_half():
    assert choose_thresholds(np.full((3, 2), 0.2), np.zeros((3, 2), dtype=np.int64)).tolist() == [0.5, 0.5]
