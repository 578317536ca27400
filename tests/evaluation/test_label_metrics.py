"""Figures of rows with any number of labels: what rows contribute, gain and retention; and what their intervals cover."""

import numpy as np
import pytest

from alambique.evaluation.contributions import of_table, of_table_gain, of_table_ratio
from alambique.evaluation.label_f1 import of_f1, of_f1_gain, of_f1_ratio
from alambique.evaluation.label_metrics import Decided, exact, label_metric, sample_f1
from alambique.evaluation.label_rankings import _slopes_of, of_mean_average_precision
from alambique.evaluation.table_figures import class_f1_of
from alambique.recipe import verdict as sections

NAMES = ("a", "b", "c")
EVERY = [
    sections.MacroF1(), sections.MicroF1(), sections.SamplesF1(), sections.Accuracy(), sections.MeanAveragePrecision(),
    sections.ClassF1(**{"class": "b"}), sections.ClassAveragePrecision(**{"class": "a"}),
    sections.ClassRecall(**{"class": "a", "at_precision": 0.6}),
]  # fmt: skip
every_metric = pytest.mark.parametrize("section", EVERY, ids=lambda section: section.name)


def decided(seed, labels, strength=1.5):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-(rng.normal(size=labels.shape) + strength * (2 * labels - 1))))
    return Decided(p, (p >= 0.5).astype(np.int64), labels)


def labels_of(rows=120, seed=9):
    return (np.random.default_rng(seed).random((rows, 3)) < (0.5, 0.3, 0.1)).astype(np.int64)


def centre(parts):
    return (parts.rows.sum() + parts.pseudo @ parts.weights) / (len(parts.rows) + parts.weights.sum())


@every_metric
def test_gain_and_ratio_are_of_the_values_and_contributions_average_to_the_centre(section):
    metric, labels = label_metric(section, NAMES), labels_of()
    mine, other = decided(1, labels), decided(2, labels, 0.7)
    first, second = metric.value(mine), metric.value(other)
    for parts, figure in (
        (metric.contributions(mine), first), (metric.gain(mine, other), first - second),
        (metric.ratio(mine, other), first / second),
    ):  # fmt: skip
        assert parts.figure == pytest.approx(figure)
        assert centre(parts) == pytest.approx(parts.centre, abs=0.03)
    same = metric.gain(mine, mine)
    assert same.figure == 0
    bootstrapped = section.name in ("recall", "average_precision")  # whose pseudo-rows are drawn for either model
    assert same.centre == pytest.approx(0, abs=0.05 if bootstrapped else 1e-12)


@every_metric
def test_there_is_no_ratio_to_a_model_that_gets_nothing(section):
    labels = labels_of()
    nothing = Decided(np.zeros(labels.shape) + (1 - labels) / 2, 1 - labels, labels)
    metric = label_metric(section, NAMES)
    if metric.value(nothing) == 0:
        assert metric.ratio(decided(1, labels), nothing) is None
    else:
        assert section.name in ("average_precision", "mean_average_precision")


def test_f1_of_one_label_is_that_of_a_table_of_two():
    labels = labels_of()
    mine, other = decided(1, labels).given, decided(2, labels).given
    for label in range(3):
        columns = [values[:, [label]] for values in (mine, other, labels)]
        flat = [values[:, 0] for values in columns]
        ours, theirs = of_f1_gain(*columns, pooled=False), of_table_gain(class_f1_of, *flat, 2)
        assert ours.figure == pytest.approx(theirs.figure)
        assert ours.centre == pytest.approx(theirs.centre)
        np.testing.assert_allclose(ours.rows, theirs.rows)
        np.testing.assert_allclose(of_f1_ratio(*columns, pooled=False).rows, of_table_ratio(class_f1_of, *flat, 2).rows)
        alone, table = of_f1(columns[0], columns[2], pooled=False), of_table(class_f1_of, flat[0], flat[2], 2)
        assert alone.centre == pytest.approx(table.centre)


def test_the_jackknife_leaves_rows_out():
    labels = labels_of(30)
    rows = decided(1, labels)
    parts, n = of_f1(rows.given, labels, pooled=False), 33  # with three pseudo-rows

    def whole(keep):
        above, below = (2.0 * rows.given * labels)[keep].sum(0) + 2 / 3, (rows.given + labels)[keep].sum(0) + 4 / 3
        return (above / below).mean()

    everything = np.arange(30)
    expected = [n * whole(everything) - (n - 1) * whole(np.delete(everything, i)) for i in range(30)]
    np.testing.assert_allclose(parts.rows, expected)


def test_the_derivative_of_average_precision_with_ties():
    rng = np.random.default_rng(0)
    scores, truth = rng.normal(size=40).round(1), (rng.random(40) < 0.4).astype(float)
    value, slopes = _slopes_of(scores, truth, np.ones(40))
    steps = np.eye(40) * 1e-6
    numeric = [(_slopes_of(scores, truth, np.ones(40) + step)[0] - value) / 1e-6 for step in steps]
    np.testing.assert_allclose(slopes, numeric, atol=1e-5)


def test_a_label_that_no_row_has_pulls_no_interval_its_way():
    labels = np.column_stack([labels_of()[:, 0], np.zeros(120, dtype=np.int64)])
    rows = decided(1, labels, 5)
    parts = of_f1(rows.given * (1, 0), labels, pooled=False)
    assert parts.centre == pytest.approx(parts.figure, abs=0.02)
    assert of_mean_average_precision(rows.probabilities, labels).centre == pytest.approx(0.5, abs=0.02)


def test_values_of_rows_by_hand():
    given, labels = np.array([[1, 0], [1, 1], [0, 0], [1, 0]]), np.array([[1, 0], [0, 1], [0, 0], [0, 0]])
    assert exact(given, labels).tolist() == [1, 0, 1, 0]
    assert sample_f1(given, labels).tolist() == pytest.approx([1, 2 / 3, 1, 0])


def test_figures_of_labels_in_order_are_not_defined():
    with pytest.raises(
        ValueError, match="^mean_absolute_error is not defined for rows that have any number of labels$"
    ):
        label_metric(sections.MeanAbsoluteError(), NAMES)
