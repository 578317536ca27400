"""Answers of a teacher without weights: in the data's order, and better than guessing."""

from dataclasses import replace

import numpy as np
from setups import make_splits

from alambique.doctor.check_answers import check
from alambique.doctor.setup import Setup

SPLITS = make_splits()


def codes(logits):
    return [finding.code for finding in check(Setup(None, None, SPLITS, None, None, None, valid_answers=logits))]


def test_answers_that_are_right():
    assert codes(4 * np.eye(3)[SPLITS.valid.labels]) == []


def test_answers_that_are_not_known_yet():
    assert codes(None) == []


def test_answers_in_reverse_order():
    assert codes(4 * np.eye(3)[2 - SPLITS.valid.labels]) == ["reversed-label-map"]


def test_the_same_answer_to_all():
    assert codes(np.ones((len(SPLITS.valid), 3))) == ["constant-logits"]


def test_answers_that_are_no_better_than_guessing():
    logits = np.random.default_rng(0).normal(size=(len(SPLITS.valid), 3))
    frequent = np.bincount(SPLITS.train.labels).argmax()
    logits[:, frequent] += 9  # always the most frequent label, more or less surely
    (finding,) = check(Setup(None, None, SPLITS, None, None, None, valid_answers=logits))
    assert (finding.code, finding.where) == ("weak-answers", "teacher")
    assert finding.message.startswith("On valid, the teacher gets macro-F1 ")
    assert finding.message.endswith("A student would learn noise from it.")


def test_the_most_frequent_label_of_valid_where_train_has_none():
    unlabelled = replace(SPLITS, train=replace(SPLITS.train, labels=np.full(len(SPLITS.train), -100)))
    logits = np.random.default_rng(0).normal(size=(len(SPLITS.valid), 3))
    logits[:, np.bincount(SPLITS.valid.labels).argmax()] += 9
    (finding,) = check(Setup(None, None, unlabelled, None, None, None, valid_answers=logits))
    assert finding.code == "weak-answers"
