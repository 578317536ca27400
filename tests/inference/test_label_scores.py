"""Probabilities of labels from the tokens of an answer, worked out by hand, and labels that answers name."""

import numpy as np
import pytest

from alambique.inference.label_scores import Reply, confident, measured_confidence, named, scores, telling

LABELS = ("bad", "fair", "good")
LONG = ("true", "mostly-true", "mostly-false")


def top(*positions):
    """Positions of (chosen token, {token: probability})."""
    return tuple((token, tuple((text, float(np.log(p))) for text, p in listed.items())) for token, listed in positions)


def shares(reply, labels=LABELS):
    return np.exp(scores(reply, labels))


def test_each_label_has_the_probability_of_the_token_that_begins_it():
    reply = Reply("good", top(("good", {"good": 0.6, "bad": 0.2, "fair": 0.1, "the": 0.1})))
    np.testing.assert_allclose(shares(reply), np.array([2, 1, 6]) / 9)


def test_spellings_of_a_label_count_together():
    reply = Reply("Good", top((" Good", {" Good": 0.4, "good": 0.2, "go": 0.1, "BAD": 0.3})))
    np.testing.assert_allclose(shares(reply), [0.3, 1e-4, 0.7], atol=1e-4)


def test_a_token_that_begins_several_labels_is_followed():
    reply = Reply("mostly-false", top(
        ("mostly", {"mostly": 0.8, "true": 0.2}), ("-", {"-": 1.0}), ("false", {"false": 0.75, "true": 0.25}),
    ))  # fmt: skip
    np.testing.assert_allclose(shares(reply, LONG), [0.2, 0.2, 0.6])


def test_what_the_answer_does_not_go_on_with_is_shared():
    reply = Reply("true", top(("true", {"true": 0.6, "mostly": 0.4})))
    np.testing.assert_allclose(shares(reply, LONG), [0.6, 0.2, 0.2])


def test_an_answer_that_ends_undecided_is_shared():
    reply = Reply("mostly", top(("mostly", {"mostly": 0.8, "true": 0.2})))
    np.testing.assert_allclose(shares(reply, LONG), [0.2, 0.4, 0.4])


def test_a_label_that_begins_a_longer_one_ends_with_the_answer():
    labels = ("true", "true-ish")
    reply = Reply("true", top(("true", {"true": 1.0}), ("", {"": 0.7, "-ish": 0.3})))
    assert shares(Reply("true", top(("true", {"true": 1.0}), (".", {".": 0.7, "-ish": 0.3}))), labels) == pytest.approx(
        [0.7, 0.3]
    )
    assert shares(reply, labels)[1] >= 0.3


def test_blanks_before_the_label_are_passed_over():
    reply = Reply("\ngood", top(("\n", {"\n": 0.9, "bad": 0.1}), ("good", {"good": 1.0})))
    np.testing.assert_allclose(shares(reply), [0.1, 1e-4, 0.9], atol=1e-4)


def test_a_label_that_is_not_listed_is_less_probable_than_what_is():
    reply = Reply("good", top(("good", {"good": 1 - 2e-5, "bad": 2e-5})))
    assert shares(reply)[1] == pytest.approx(2e-5, rel=1e-3)


@pytest.mark.parametrize("reply", [
    Reply("good"), Reply("I", top(("I", {"I": 0.7, "good": 0.3}))), Reply("", top(("<end>", {"<end>": 1.0}))),
])  # fmt: skip
def test_tokens_that_do_not_tell(reply):
    assert scores(reply, LABELS) is None


@pytest.mark.parametrize(("text", "label"), [
    ("good", 2), (" Good.\n", 2), ("**good**", 2), ('{"label": "good"}', 2), ("The label is good.", 2),
    ("good or bad", None), ("goodness", None), ("", None), ("no idea", None), ("[1, 2]", None),
])  # fmt: skip
def test_the_label_that_an_answer_names(text, label):
    assert named(text, LABELS) == label


def test_a_label_within_another_is_not_named():
    assert named("It is mostly-true", LONG) == 1
    assert named("mostly_true, not true", ("true", "mostly true")) is None


def test_confidence_is_measured_and_smoothed():
    # right: 3 of 4 answers of bad, 1 of 1 of fair, none of good; overall (4 + 1) / (5 + 3) = 5 / 8
    confidence = measured_confidence([0, 0, 0, 0, 1, None], np.array([0, 0, 0, 2, 1, 2]), 3)
    np.testing.assert_allclose(confidence, [(3 + 15 / 8) / 7, (1 + 15 / 8) / 4, 5 / 8])


def test_confidence_is_above_guessing_so_that_the_answer_stays():
    confidence = measured_confidence([0] * 50, np.full(50, 1), 3)
    assert confidence[0] == pytest.approx(1 / 3 + 0.01)
    assert confident(0, confidence).argmax() == 0


def test_an_answer_with_its_confidence():
    np.testing.assert_allclose(np.exp(confident(1, np.array([0.5, 0.8, 0.5]))), [0.1, 0.8, 0.1])
    np.testing.assert_allclose(np.exp(confident(None, np.array([0.5, 0.8, 0.5]))), [1 / 3] * 3)


def test_a_reply_comes_back_from_json():
    reply = Reply("good", top(("good", {"good": 0.6, "bad": 0.2})))
    assert Reply.of_json(reply.as_json()) == reply


def test_an_answer_that_ends_with_a_label_is_that_label():
    reply = Reply("true", top(("true", {"true": 1.0})))  # a service does not list the end
    np.testing.assert_allclose(shares(reply, ("true", "true-ish")), [1, 1e-4], atol=1e-4)


def test_what_is_impossible_is_only_improbable():
    reply = Reply("good", (("good", (("good", 0.0), ("bad", -100.0))),))
    assert shares(reply) == pytest.approx([1e-6, 1e-6, 1], rel=1e-4)


def test_positions_that_tell_nothing_more_are_not_kept():
    begun = [("mostly", {"mostly": 1.0}), ("-", {"-": 1.0}), ("false", {"false": 0.75, "true": 0.25})]
    reply = Reply("mostly-false.", top(*begun, (".", {".": 1.0}), ("", {"": 1.0})))
    kept = telling(reply, LONG)
    assert (kept.text, len(kept.top)) == ("mostly-false.", 3)
    assert scores(kept, LONG).tolist() == scores(reply, LONG).tolist()
    assert telling(Reply("good"), LABELS) == Reply("good")


def test_labels_that_differ_by_capitals_alone():
    assert [named(text, ("us", "US")) for text in ("US", " us\n", '{"label": "US"}')] == [1, 0, 1]
