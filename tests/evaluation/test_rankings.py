"""Average precision and recall at a precision against scikit-learn, and the intervals that resampling gives."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, precision_recall_curve

from alambique.evaluation.intervals import helped, interval_over
from alambique.evaluation.rankings import (
    REPLICATES,
    RankingFigure,
    of_ranking,
    of_ranking_gain,
    of_ranking_ratio,
)


def drawn(seed, rows=200, apart=1.5, *, ties=False):
    maker = np.random.default_rng(seed)
    positive = maker.random(rows) < 0.15
    scores = maker.normal(size=rows) + apart * positive
    return (np.round(scores, 0) if ties else scores), positive


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_the_values_are_those_of_scikit_learn(seed, ties):
    scores, positive = drawn(seed, ties=ties)
    expected = average_precision_score(positive, scores)
    assert RankingFigure().value(scores, positive) == pytest.approx(expected, abs=1e-9)
    precision, recall, _ = precision_recall_curve(positive, scores)
    for least in (0.3, 0.5, 0.9):
        best = recall[precision >= least].max()
        assert RankingFigure(least).value(scores, positive) == pytest.approx(best, abs=1e-9)


def test_a_class_without_rows_and_one_that_nothing_reaches():
    scores = np.array([0.9, 0.5, 0.1])
    assert RankingFigure().value(scores, np.zeros(3, bool)) == 0.0
    assert RankingFigure(0.9).value(scores, np.zeros(3, bool)) == 0.0
    assert RankingFigure(0.9).value(scores, np.array([False, True, False])) == 0.0
    assert RankingFigure(0.5).value(scores, np.array([False, True, False])) == 1.0


@pytest.mark.parametrize("figure", [RankingFigure(), RankingFigure(0.9)])
def test_a_ranking_without_a_mistake_is_not_certain(figure):
    positive = np.arange(300) < 30
    shown = interval_over([of_ranking(figure, -np.arange(300.0), positive)]).within(0.0, 1.0)
    assert (shown.mean, shown.high) == pytest.approx((1.0, 1.0))
    assert 0.6 < shown.low < 0.97


def test_replicates_are_the_same_each_time_and_stand_for_the_variance():
    scores, positive = drawn(1)
    parts = of_ranking(RankingFigure(), scores, positive)
    assert np.array_equal(parts.rows, of_ranking(RankingFigure(), scores, positive).rows)
    assert parts.rows.shape == (REPLICATES,)
    _, made = RankingFigure().replicates(scores, positive)
    shown = interval_over([parts])
    assert shown.high - shown.low == pytest.approx(2 * 1.962 * made.std(ddof=1), rel=1e-3)
    assert parts.figure == pytest.approx(average_precision_score(positive, scores))


def test_a_model_has_no_gain_over_itself_and_keeps_all_of_itself():
    scores, positive = drawn(2)
    gain = interval_over([of_ranking_gain(RankingFigure(), scores, scores, positive)])
    assert gain.mean == 0.0
    assert gain.low < 0 < gain.high
    assert of_ranking_ratio(RankingFigure(), scores, scores, positive).figure == 1.0
    assert of_ranking_ratio(RankingFigure(0.9), scores, np.zeros(200), positive) is None


def test_a_model_that_ranks_far_better_is_better():
    scores, positive = drawn(3, rows=600, apart=4.0)
    worse = scores + np.random.default_rng(5).normal(size=600) * 3
    parts = of_ranking_gain(RankingFigure(), scores, worse, positive)
    assert helped(interval_over([parts, parts])) == "yes"
    assert helped(interval_over([of_ranking_gain(RankingFigure(), worse, scores, positive)] * 2)) == "no"


def test_memory_does_not_depend_on_the_rows(monkeypatch):
    scores, positive = drawn(4)
    whole = RankingFigure().replicates(scores, positive)[1]
    monkeypatch.setattr("alambique.evaluation.rankings._CHUNK", 50 * 202)
    parts = RankingFigure().replicates(scores, positive)[1]
    assert parts.shape == whole.shape
    assert parts.std() == pytest.approx(whole.std(), rel=0.1)
