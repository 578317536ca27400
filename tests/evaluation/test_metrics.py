import numpy as np
import pytest

from alambique.artefacts.splits import Split
from alambique.evaluation.baselines import Tfidf, majority_logits
from alambique.evaluation.metrics import accuracy, agreement, macro_f1

PREDICTED = np.array([0, 0, 1, 1])
LABELS = np.array([0, 1, 1, 1])


def test_accuracy():
    assert accuracy(PREDICTED, LABELS) == 0.75


def test_macro_f1_counts_an_absent_class_as_0():
    # class 0: precision 1/2, recall 1, F1 2/3; class 1: precision 1, recall 2/3, F1 4/5; class 2: 0
    assert macro_f1(PREDICTED, LABELS, classes=3) == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


def test_agreement():
    assert agreement(PREDICTED, np.array([0, 2, 1, 0])) == 0.5


def split(texts, labels):
    return Split("train", tuple(map(str, range(len(texts)))), tuple(texts), None, np.array(labels))


def test_majority_gives_the_log_frequencies():
    logits = majority_logits(split(["a"] * 4, [0, 2, 2, 2]), rows=2, classes=3)
    np.testing.assert_allclose(np.exp(logits), [[0.25, 0, 0.75]] * 2, atol=1e-6)


def test_tfidf_learns_words_and_keeps_a_place_for_a_class_it_never_saw():
    train = split(["good lamp", "good door", "bad lamp", "bad door"] * 3, [0, 0, 2, 2] * 3)
    model = Tfidf(train)
    logits = model.logits(split(["bad kettle", "good kettle"], [2, 0]), classes=3)
    assert logits.argmax(-1).tolist() == [2, 0]
    np.testing.assert_allclose(np.exp(logits).sum(-1), 1, atol=1e-6)
    # words good, bad, lamp, door and the pairs of them, one weight each (two classes share a row), and an intercept
    assert model.parameters == 8 + 1
