"""The parity gate where rows have any number of labels: over all of them, and for each."""

import numpy as np
import pytest

from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.export.label_parity import compare_label_sets
from alambique.export.parity import int8_problems
from alambique.recipe.sections import Export

NAMES = ("common", "rare")
LIMITS = Export()


def made(rows=400):
    """PyTorch's logits, right for both labels, of which the second has a row in twenty."""
    labels = np.column_stack([np.arange(rows) % 2, np.arange(rows) % 20 == 0]).astype(np.int64)
    return (8.0 * labels - 4).astype(np.float32), labels


def test_the_same_logits_pass():
    logits, labels = made()
    parity = compare_label_sets(logits, logits, labels, NAMES, margin=0.05)
    assert (parity.agreement, parity.confident_agreement, parity.max_drift) == (1, 1, 0)
    assert parity.macro_f1 == 1
    assert int8_problems(parity, LIMITS) == []
    assert [each.label for each in parity.labels] == list(NAMES)
    assert parity.as_dict()["labels"][1]["f1_drop"]["mean"] == 0


def test_a_rare_label_that_is_lost_is_named_though_nearly_all_decisions_agree():
    reference, labels = made()
    logits = reference.copy()
    logits[labels[:, 1] == 1, 1] = -4  # 20 of 800 decisions
    problems = int8_problems(compare_label_sets(logits, reference, labels, NAMES, margin=0.05), LIMITS)
    assert problems[1:] == [
        "it agrees on 95.00 % of 400 confident rows (export.int8_agreement is 0.99)",
        "macro-F1 drops by 50.0 points, by at least 42.3 (export.int8_macro_f1_drop is 0.005)",
        "the probability of a label drifts in the mean: rare by 0.0482 (export.int8_mean_drift is 0.02)",
        "it agrees on the confident rows of a label: rare on 95.00 % of 400 (export.int8_agreement is 0.99)",
        "the F1 of a label drops, in points: rare by at least 77.1 (export.int8_macro_f1_drop is 0.005)",
    ]


def test_decisions_near_the_threshold_are_not_confident():
    reference, labels = made()
    above, below = MULTI_LABEL.logits_of(np.array([0.51, 0.49]))
    reference[:2, 0] = below, above  # the threshold then lies between them, at one half
    logits = reference.copy()
    logits[:2, 0] = above, below
    parity = compare_label_sets(logits, reference, labels, NAMES, margin=0.05)
    assert parity.confident_rows == 398
    assert parity.labels[0].confident == 398
    assert parity.labels[0].agreement == 1
    assert parity.agreement == pytest.approx(398 / 400)


def test_logits_that_are_not_finite_are_the_greatest_drift():
    reference, labels = made()
    logits = reference.copy()
    logits[3, 1] = np.nan
    assert compare_label_sets(logits, reference, labels, NAMES, margin=0.05).max_drift == 1
