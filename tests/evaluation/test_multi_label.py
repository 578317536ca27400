"""Rows with any number of labels: probabilities, decisions and figures, against scikit-learn and by hand."""

import numpy as np
import pytest
import torch
from sklearn.metrics import accuracy_score, average_precision_score, f1_score

from alambique.artefacts.splits import Split
from alambique.evaluation.metrics import calibration_error_by_chance, expected_calibration_error
from alambique.evaluation.multi_label import MULTI_LABEL, MultiLabel
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.task import ScoredRows, Thresholds
from alambique.recipe.decide import Decide
from alambique.recipe.verdict import Verdict

NAMES = ("joy", "fear", "rare")


def made(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    labels = (rng.random((rows, 5)) < (0.5, 0.3, 0.1, 0.05, 0.02)).astype(np.int64)
    return rng.normal(size=labels.shape) + 2.0 * labels - 1, labels


@pytest.mark.parametrize("chosen", [False, True])
def test_figures_are_those_of_scikit_learn(chosen):
    logits, labels = made()
    thresholds = MULTI_LABEL.fit_thresholds(logits, labels) if chosen else None
    given = MULTI_LABEL.decide(logits, thresholds)
    expected = {
        "macro_f1": f1_score(labels, given, average="macro", zero_division=0),
        "micro_f1": f1_score(labels, given, average="micro", zero_division=0),
        "samples_f1": f1_score(labels, given, average="samples", zero_division=1),
        "accuracy": accuracy_score(labels, given),
        "mean_average_precision": average_precision_score(labels, logits, average="macro"),
    }
    for name, value in expected.items():
        assert MULTI_LABEL.score(name, logits, labels, thresholds) == pytest.approx(value, abs=1e-12), name


def test_probabilities_are_sigmoids_that_do_not_overflow():
    values = MULTI_LABEL.probabilities(np.array([[0.0, np.log(3), -800, 800]]))
    np.testing.assert_allclose(values, [[0.5, 0.75, 0, 1]])
    np.testing.assert_allclose(MULTI_LABEL.probabilities(np.array([[2 * np.log(3)]]), 2.0), [[0.75]])
    np.testing.assert_allclose(MULTI_LABEL.logits_of(np.array([[0.25, 0.75]])), [[-np.log(3), np.log(3)]])
    assert np.isfinite(MULTI_LABEL.logits_of(np.array([[0.0, 1.0]]))).all()


def test_a_label_is_given_where_its_probability_reaches_its_threshold():
    logits = MULTI_LABEL.logits_of(np.array([[0.3, 0.6], [0.2, 0.9]]))
    assert MULTI_LABEL.decide(logits).tolist() == [[0, 1], [0, 1]]
    assert MULTI_LABEL.decide(logits, np.array([0.25, 0.8])).tolist() == [[1, 0], [0, 1]]


def test_an_answer_has_the_labels_from_the_most_probable_and_all_scores():
    answer = MULTI_LABEL.answer(np.array([0.6, 0.9, 0.1]), NAMES, np.array([1, 1, 0]))
    assert answer == {"labels": ["fear", "joy"], "scores": {"joy": 0.6, "fear": 0.9, "rare": 0.1}}
    assert MULTI_LABEL.answer(np.array([0.6, 0.9, 0.1]), NAMES, np.zeros(3))["labels"] == []


def test_a_threshold_that_the_recipe_gives_displaces_the_one_that_is_chosen():
    logits, labels = made()
    task = MultiLabel(None, ("a", "b", "c", "d", "e"), Decide(thresholds={"b": 0.9}))
    chosen, plain = task.fit_thresholds(logits, labels), MULTI_LABEL.fit_thresholds(logits, labels)
    assert chosen[1] == 0.9
    assert np.delete(chosen, 1).tolist() == np.delete(plain, 1).tolist()
    assert task.key() == {"task": "multi_label", "thresholds": {"b": 0.9}}


def test_decisions_in_words():
    assert MULTI_LABEL.words(np.array([1, 0, 1]), NAMES) == "joy, rare"
    assert MULTI_LABEL.words(np.zeros(3), NAMES) == "no label"


def test_the_calibration_error_is_the_mean_over_labels():
    logits, labels = made()
    p = MULTI_LABEL.probabilities(logits)
    by_hand = [expected_calibration_error(p[:, i], labels[:, i]) for i in range(5)]
    chance = [calibration_error_by_chance(p[:, i]) for i in range(5)]
    assert MULTI_LABEL.calibration_error(logits, labels) == pytest.approx((np.mean(by_hand), np.mean(chance)))
    assert MULTI_LABEL.label_calibration(logits, labels)[2] == pytest.approx((by_hand[2], chance[2]))


def test_the_temperature_that_made_the_logits_is_found():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 3)) * 2
    labels = (rng.random((4000, 3)) < MULTI_LABEL.probabilities(logits)).astype(np.int64)
    assert MULTI_LABEL.fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)


def test_agreement_is_of_whole_sets_each_at_the_thresholds_of_its_model():
    mine, theirs = (MULTI_LABEL.logits_of(np.array(p)) for p in ([[0.6, 0.1], [0.6, 0.6]], [[0.4, 0.1], [0.9, 0.1]]))
    rows = ScoredRows(mine, np.zeros((2, 2), dtype=np.int64), theirs)
    assert MULTI_LABEL.metrics["agreement_with_teacher"].value(rows) == 0
    rows = ScoredRows(mine, rows.labels, theirs, Thresholds(None, np.array([0.3, 0.5])))
    assert MULTI_LABEL.metrics["agreement_with_teacher"].value(rows) == 0.5


def test_kl_to_the_teacher_is_the_sum_over_labels():
    student, teacher = np.zeros((1, 2)), np.array([[np.log(3), 0.0]])  # 0.75 and 0.5 against a half
    rows = ScoredRows(student, np.zeros((1, 2), dtype=np.int64), teacher)
    by_hand = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert MULTI_LABEL.metrics["kl_to_teacher"].value(rows) == pytest.approx(by_hand)


def test_the_hard_loss_is_that_of_transformers():
    rng = np.random.default_rng(0)
    logits, labels = torch.tensor(rng.normal(size=(7, 4))), torch.tensor(rng.integers(0, 2, (7, 4)))
    expected = torch.nn.BCEWithLogitsLoss()(logits, labels.double())
    assert MULTI_LABEL.hard_loss(logits, labels).mean().item() == pytest.approx(expected.item())
    labels[2] = -100
    assert MULTI_LABEL.hard_loss(logits, labels)[2] == 0
    assert MULTI_LABEL.labelled(labels).tolist() == [True, True, False, True, True, True, True]


def test_the_guess_is_the_most_frequent_set():
    labels = np.array([[1, 0], [1, 1], [1, 1], [0, 0]])
    frequent = MULTI_LABEL.most_frequent(labels)
    assert frequent.tolist() == [1, 1]
    assert MULTI_LABEL.decide(MULTI_LABEL.constant(frequent, 2)[None])[0].tolist() == [1, 1]


def test_the_verdict_may_be_about_another_figure():
    task = MultiLabel(Verdict(metric={"name": "f1", "class": "rare"}, metric_for_best_epoch="micro_f1"), NAMES)
    assert (task.verdict_metric, task.epoch_metric) == ("F1 of rare", "micro_f1")
    assert task.columns[0] == "F1 of rare"
    assert task.key() == {"task": "multi_label", "best_epoch": "micro_f1"}
    assert MULTI_LABEL.key() == {"task": "multi_label"}
    logits, labels = made()
    given = MULTI_LABEL.decide(logits[:, :3])
    assert task.score("F1 of rare", logits[:, :3], labels[:, :3]) == pytest.approx(f1_score(labels[:, 2], given[:, 2]))


def test_one_label_with_two_answers_is_single_label_with_two_classes():
    """A row has the label or not: σ(z) is the softmax of (0, z), so all that is about probabilities and decisions agrees."""
    rng = np.random.default_rng(0)
    z, student = rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    labels = (rng.random((200, 1)) < 0.3).astype(np.int64)
    pair, other, truth = np.hstack([0 * z, z]), np.hstack([0 * z, student]), labels[:, 0]
    np.testing.assert_allclose(MULTI_LABEL.probabilities(z)[:, 0], SINGLE_LABEL.probabilities(pair)[:, 1])
    assert MULTI_LABEL.decide(z)[:, 0].tolist() == SINGLE_LABEL.decide(pair).tolist()
    assert MULTI_LABEL.score("accuracy", z, labels) == SINGLE_LABEL.score("accuracy", pair, truth)
    hard = [task.hard_loss(torch.tensor(a), torch.tensor(b)) for task, a, b in (
        (MULTI_LABEL, z, labels), (SINGLE_LABEL, pair, truth))]  # fmt: skip
    torch.testing.assert_close(*hard)
    kl = [task.metrics["kl_to_teacher"].value(ScoredRows(a, b, c)) for task, a, b, c in (
        (MULTI_LABEL, student, labels, z), (SINGLE_LABEL, other, truth, pair))]  # fmt: skip
    assert kl[0] == pytest.approx(kl[1])
    assert MULTI_LABEL.fit_temperature(z, labels) == pytest.approx(SINGLE_LABEL.fit_temperature(pair, truth), rel=1e-4)
    tests = [task.paired_test(a, b, c) for task, a, b, c in (
        (MULTI_LABEL, student, z, labels), (SINGLE_LABEL, other, pair, truth))]  # fmt: skip
    assert tests[0] == tests[1]


def test_one_label_per_row_has_the_f1_of_its_classes_where_one_is_decided_for_each():
    rng = np.random.default_rng(1)
    truth, given = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    labels, logits = np.eye(4, dtype=np.int64)[truth], 4.0 * np.eye(4)[given] - 2
    assert MULTI_LABEL.score("macro_f1", logits, labels) == pytest.approx(SINGLE_LABEL.score("macro_f1", logits, truth))
    for name in ("accuracy", "micro_f1", "samples_f1"):  # of one label each, all are the share of rows that are right
        assert MULTI_LABEL.score(name, logits, labels) == pytest.approx(SINGLE_LABEL.score("accuracy", logits, truth))


def test_baselines():
    labels = np.array([[1, 0], [1, 1], [0, 0], [1, 0]] * 5)
    train = Split("train", tuple(map(str, range(20))), ("good", "good bad", "none", "good") * 5, None, labels)
    frequencies = MULTI_LABEL.majority(train, 2).logits(train.take([0, 1]))
    np.testing.assert_allclose(MULTI_LABEL.probabilities(frequencies), [[0.75, 0.25]] * 2, rtol=1e-5)
    words = MULTI_LABEL.tfidf(train, 2)
    assert MULTI_LABEL.decide(words.logits(train), np.array([0.5, 0.4])).tolist() == labels.tolist()
    assert words.parameters == 2 * (4 + 1)  # good, bad, none, good bad, and an intercept, for either label
