"""Weights of classes, and of the rows that have them."""

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from alambique.training.class_weights import class_weights, row_weights

NAMES = ("common", "some", "rare")
LABELS = np.repeat([0, 1, 2], [80, 15, 5])


def test_balanced_is_that_of_scikit_learn():
    weights = class_weights("balanced", LABELS, NAMES)
    assert weights == pytest.approx([100 / (3 * 80), 100 / (3 * 15), 100 / (3 * 5)], abs=1e-12)
    np.testing.assert_allclose(row_weights(weights, LABELS), compute_sample_weight("balanced", LABELS), rtol=1e-6)


@pytest.mark.parametrize("setting", ["balanced", {"rare": 12.0}, {"common": 0.25, "some": 3.0, "rare": 1e-3}])
def test_the_mean_over_the_labelled_rows_is_1(setting):
    labels = np.concatenate([LABELS, np.full(40, -100)])
    weights = row_weights(class_weights(setting, labels, NAMES), labels)
    assert (weights.shape, weights.dtype) == ((140,), np.float32)
    assert weights[:100].mean() == pytest.approx(1, abs=1e-6)
    assert (weights[100:] == 1).all()


def test_a_mapping_sets_what_it_names_and_its_scale_does_not_matter():
    weights = class_weights({"rare": 9.0}, LABELS, NAMES)  # the mean over rows is (95 · 1 + 5 · 9) / 100
    assert weights == pytest.approx([1 / 1.4, 1 / 1.4, 9 / 1.4], abs=1e-12)
    tenfold = class_weights({"common": 10.0, "some": 10.0, "rare": 90.0}, LABELS, NAMES)
    assert tenfold == pytest.approx(weights, abs=1e-12)


def test_a_class_that_a_fold_lacks_has_no_say():
    labels = np.array([0, 0, 0, 2])
    assert class_weights("balanced", labels, NAMES) == pytest.approx([4 / 6, 1, 2])


def test_without_a_setting_nothing_is_weighed():
    assert class_weights(None, LABELS, NAMES) is None
    assert row_weights(None, LABELS) is None
