"""What soft labels are worth, by hand."""

import numpy as np
import pytest

from alambique.artefacts.contradicted import Contradicted
from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.label_worth import label_worth

SURE = np.log(9.0)  # of two classes: 0.9 against 0.1


def split_of(name, labels):
    ids = tuple(f"{name}-{i}" for i in range(len(labels)))
    return Split(name, ids, ids, None, np.array(labels))


def test_by_hand():
    splits = Splits(split_of("train", [0, 1]), split_of("valid", [0, 1, 1, 1]), split_of("test", [0]), ("a", "b"))
    train = np.array([[SURE, 0], [SURE, 0]])
    valid = np.array([[SURE, 0], [0, SURE], [0, SURE], [SURE, 0]])
    labels = SoftLabels(splits.train.ids, train, ("a", "b"), {}, worth={"accuracy": 0.5, "confidence": 0.9})
    worth = label_worth(labels, valid, splits, seed=3)
    assert worth.seed == 3
    assert worth.valid["accuracy"] == 0.75
    assert worth.valid["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert worth.valid_calibration_error == pytest.approx(0.9 - 0.75)
    assert (worth.accuracy, worth.confidence) == (0.5, 0.9)
    assert worth.calibration_error == pytest.approx(0.9 - 0.5)
    assert worth.contradicted is None
    assert label_worth(labels, valid, splits, 3, Contradicted(("train-1",), 2)).contradicted == 1


def test_train_has_no_labels():
    splits = Splits(split_of("train", [-100, -100]), split_of("valid", [0, 1]), split_of("test", [0]), ("a", "b"))
    logits = np.array([[SURE, 0], [0, SURE]])
    labels = SoftLabels(splits.train.ids, logits, ("a", "b"), {}, worth={"accuracy": None, "confidence": 0.9})
    worth = label_worth(labels, logits, splits, seed=0)
    assert (worth.accuracy, worth.confidence, worth.calibration_error) == (None, 0.9, None)
    assert worth.valid["accuracy"] == 1
