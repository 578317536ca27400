"""A teacher beside guessing, by numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest

from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.usefulness import Usefulness, most_frequent, usefulness

TASK = TASKS["single_label"]


def judged(answers, labels, classes=2, frequent=0):
    return usefulness(TASK, np.eye(classes)[answers], np.array(labels), frequent)


def test_more_rows_right_than_the_constant_answer():
    useful = judged([0, 0, 0, 1], [0, 0, 1, 1])
    # F1: 2·2/(3+2) = .8 and 2·1/(1+2) = .667; always 0: 2·2/(4+2) = .667 and 0
    assert useful == Usefulness(pytest.approx(0.7333, abs=1e-4), pytest.approx(0.3333, abs=1e-4), 0.75, 0.5, None)
    assert useful.is_useful
    assert useful.against("always 'a'") == "macro-F1 73.3% (accuracy 75.0%); always 'a' gets 33.3% (50.0%)"


def test_a_rare_class_that_is_found_with_false_alarms():
    useful = judged([1] * 27 + [0] * 223, [1] * 8 + [0] * 242)
    # F1: 16/35 = .457 and 446/465 = .959 (223 right of 223 answers and 242 rows)
    assert useful.score == pytest.approx((16 / 35 + 446 / 465) / 2)
    assert (useful.accuracy, useful.constant_accuracy) == (231 / 250, 242 / 250)
    # in random order 27·8/250 = .864 of the rare are hit: F1 .049, and .934 of the others
    assert useful.shuffled[0] == pytest.approx(0.4918, abs=0.02)
    assert useful.is_useful


def test_answers_without_a_look_at_the_text_are_not_useful():
    labels = np.array([0] * 70 + [1] * 20 + [2] * 10)
    useful = 0
    for seed in range(8):
        answers = np.random.default_rng(seed).permutation(labels)
        result = judged(answers, labels, classes=3)
        assert result.score > 0.2  # most are above the constant answer's (140/170)/3 = .275
        useful += result.is_useful
    assert useful <= 1  # 2.3 % of 8, in the mean 0.2


def test_the_constant_answer_is_not_useful():
    useful = judged([0] * 6, [0, 0, 0, 0, 1, 1])
    assert useful.score == useful.constant
    assert not useful.is_useful
    assert useful.against("always 'a'") == "macro-F1 40.0% (accuracy 66.7%); always 'a' gets 40.0% (66.7%)"


def test_a_comparison_names_the_shuffle_where_it_decides():
    assert Usefulness(0.5, 0.4, 0.6, 0.7, (0.48, 0.02)).against("always 'a'") == (
        "macro-F1 50.0% (accuracy 60.0%); always 'a' gets 40.0% (70.0%), its own answers in random order get 48.0%"
    )
    assert not Usefulness(0.5, 0.4, 0.6, 0.7, (0.48, 0.02)).is_useful
    assert Usefulness(0.53, 0.4, 0.6, 0.7, (0.48, 0.02)).is_useful


def test_most_frequent():
    train, valid = (Split(name, tuple("abcde"), tuple("abcde"), None, np.array(labels)) for name, labels in (
        ("train", [2, 1, 2, 1, 0]), ("valid", [0, 2, 2, 1, 1]),
    ))  # fmt: skip
    assert most_frequent(Splits(train, valid, valid, ("a", "b", "c"))) == 1
    unlabelled = replace(train, labels=np.full(5, -100))
    assert most_frequent(Splits(unlabelled, valid.take([0, 1, 2]), valid, ("a", "b", "c"))) == 2
