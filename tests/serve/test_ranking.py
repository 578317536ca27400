"""Labels from the best to the worst, as the endpoints of Hugging Face answer."""

import numpy as np
import pytest
from served import classifier

from alambique.serve.ranking import Ranking

LOGITS = np.log(np.array([[0.25, 0.5, 0.25], [0.2, 0.3, 0.5]], dtype=np.float32))


def ranked(ranking, *, calibrated=False, logits=LOGITS):
    answers = ranking.answers(classifier(), logits, calibrated=calibrated)
    return [[(label["label"], round(label["score"], 5)) for label in answer] for answer in answers]


def test_all_labels_are_sorted_and_equal_ones_stay_in_their_order():
    assert ranked(Ranking()) == [
        [("one", 0.5), ("zero", 0.25), ("two", 0.25)],
        [("two", 0.5), ("one", 0.3), ("zero", 0.2)],
    ]


def test_so_many_labels_as_asked_for():
    assert ranked(Ranking(top_k=1)) == [[("one", 0.5)], [("two", 0.5)]]
    assert ranked(Ranking(top_k=10**30)) == ranked(Ranking())


@pytest.mark.parametrize(
    ("function", "calibrated", "best"),
    [
        ("softmax", False, 0.5),
        ("sigmoid", False, 0.33333),  # 0.5 ÷ (1 + 0.5)
        ("none", False, -0.69315),  # ln 0.5
        ("none", True, -0.34657),  # by the temperature of 2
        ("softmax", True, 0.41421),  # 0.7071 ÷ 1.7071
        (None, True, 0.41421),
    ],
)
def test_what_is_applied_to_the_logits(function, calibrated, best):
    assert ranked(Ranking(1, function), calibrated=calibrated)[0] == [("one", best)]


def test_large_logits_do_not_overflow():
    logits = np.array([[1000.0, -1000.0, 0.0]], dtype=np.float32)
    with np.errstate(all="raise", under="ignore"):
        assert ranked(Ranking(None, "sigmoid"), logits=logits) == [[("zero", 1.0), ("two", 0.5), ("one", 0.0)]]
        assert ranked(Ranking(None, "softmax"), logits=logits) == [[("zero", 1.0), ("one", 0.0), ("two", 0.0)]]
