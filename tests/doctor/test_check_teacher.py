import dataclasses
import math

import numpy as np
import pytest
import torch
from clock import Clock
from setups import split_of
from transformers import BertForSequenceClassification, DataCollatorWithPadding
from transformers.modeling_outputs import SequenceClassifierOutput

from alambique.artefacts.splits import Splits
from alambique.doctor.batches import reader
from alambique.doctor.check_teacher import _scored, _untrained, check_logits
from alambique.doctor.setup import Setup
from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.findings import Finding
from conftest import LABELS, rows

FINE_TUNE = "Fine-tune it first (teacher.fine_tune: true), or give a classifier that was trained on these labels."


def test_a_raw_encoder_as_teacher(healthy, tiny_bert):
    case = healthy()
    for layers in range(1, 6):  # five draws of a head
        case.teacher, case.soft_labels = tiny_bert(layers=layers), None
        assert case.codes() == {"head-not-trained"}
    assert "this is a raw encoder" in case.finding("head-not-trained").message
    assert case.codes(teacher_trained=False) == set()


class ReadsTheSecondSegment(BertForSequenceClassification):
    """Answers with the class whose word stands in the second segment; with the first class where none does."""

    words = ()

    def forward(self, input_ids, attention_mask=None, token_type_ids=None, labels=None):
        second = input_ids * token_type_ids
        answers = torch.stack([(second == word).any(1) for word in self.words], dim=1)
        return SequenceClassifierOutput(logits=5.0 * answers)


def test_a_teacher_that_is_always_right_by_the_metadata(healthy, tiny_bert, tokenizer):
    case = healthy()
    case.teacher, case.soft_labels = ReadsTheSecondSegment(tiny_bert().config).eval(), None
    parties = ("lamp", "table", "door")
    case.teacher.words = tokenizer.convert_tokens_to_ids(parties)
    splits = []
    for name, first in (("train", 0), ("valid", 60), ("test", 90)):
        labels = np.arange(30) % 3
        texts = [f"window {first + i}" for i in range(30)]
        split = split_of(name, texts, labels)
        splits.append(dataclasses.replace(split, metadata=tuple(parties[label] for label in labels)))
    case.splits = Splits(*splits, LABELS)
    logits, labels = _scored(case.teacher, case.setup().teacher_reader, case.splits.valid)
    assert np.array_equal(logits, np.eye(3)[labels] * 5)
    assert case.findings(metadata=("party",)) == []
    case.splits = Splits(*(dataclasses.replace(split, metadata=None) for split in splits), LABELS)
    assert case.codes() == {"constant-logits"}  # the same teacher without what it reads


def test_logits_that_are_not_finite():
    logits = np.array([[1.0, 2.0], [np.nan, 0.0], [3.0, 4.0], [0.0, np.inf]])
    assert check_logits(logits, "soft_labels", SINGLE_LABEL) == [
        Finding(
            "nan-logits", "soft_labels", "The logits of the soft_labels are NaN or infinite in 2 of 4 rows.",
            "Its weights are broken, or overflowed in half precision: load or train it again, in float32.", 2, 0.5,
        )
    ]  # fmt: skip


def test_logits_that_differ_by_a_constant_only():
    logits = np.array([[1.0, 2.0], [11.0, 12.0], [-4.0, -3.0]])  # the same probabilities
    assert check_logits(logits, "teacher", SINGLE_LABEL) == [
        Finding(
            "constant-logits", "teacher", "The logits of the teacher are the same for all of 3 rows.",
            "They say nothing about a row: look at the teacher's weights and at what it is given to read.",
        )
    ]  # fmt: skip
    (shifted,) = check_logits(np.ones((3, 3)), "teacher", MULTI_LABEL)
    assert shifted.code == "constant-logits"
    assert (
        check_logits(np.arange(3.0)[:, None] + np.zeros((3, 3)), "teacher", MULTI_LABEL) == []
    )  # a shift changes a sigmoid
    assert check_logits(logits[:1], "teacher", SINGLE_LABEL) == []  # a single row has none to differ from
    assert check_logits(logits + np.array([[0, 0], [0, 0.1], [0, 0]]), "teacher", SINGLE_LABEL) == []


def test_a_broken_teacher(healthy):
    case = healthy()
    with torch.no_grad():
        case.teacher.classifier.bias[0] = float("nan")
    assert (case.codes(), case.finding("nan-logits").where) == ({"nan-logits"}, "teacher")
    case = healthy()
    torch.nn.init.zeros_(case.teacher.classifier.weight)
    assert (case.codes(), case.finding("constant-logits").where) == ({"constant-logits"}, "teacher")


def guesses(answers, certainty):
    return np.eye(3)[answers] * certainty


LABELLED = np.array([0] * 40 + [1] * 30 + [2] * 30)


def untrained(teacher, logits):
    split = split_of("valid", [str(i) for i in range(100)], LABELLED)
    return _untrained(Setup(teacher, teacher, Splits(split, split, split, LABELS), None, None, None), logits, LABELLED)


@pytest.mark.parametrize(
    ("logits", "figures", "entropy", "reason"),
    [
        # the highest of equal logits is the first: always bad, which 40 of 100 rows are
        (
            guesses(LABELLED, 0.0),
            "19.0% (accuracy 40.0%)",
            math.log(3),
            "its head was never trained: this is a raw encoder",
        ),
        # never right, and certain: softmax of (5, 0, 0) is 0.9867, 0.0067, 0.0067
        (guesses((LABELLED + 1) % 3, 5.0), "0.0% (accuracy 0.0%)", 0.0804, "it has not learnt this task"),
    ],
)
def test_a_teacher_that_is_not_better_than_guessing(tiny_bert, logits, figures, entropy, reason):
    assert untrained(tiny_bert(), logits) == [
        Finding(
            "head-not-trained", "teacher",
            f"On 100 rows of valid, the teacher gets macro-F1 {figures}; always answering the most frequent label gets "
            f"19.0% (40.0%). Its predictions have entropy {entropy:.2f} of at most 1.10 (ln 3). It seems that {reason}.",
            FINE_TUNE,
        )
    ]  # fmt: skip


def test_probabilities_too_small_for_a_number_are_no_error(tiny_bert):
    logits = guesses(LABELLED, 1000.0)  # e to the power of −1000 is 0
    assert untrained(tiny_bert(), logits) == []
    (finding,) = untrained(tiny_bert(), guesses((LABELLED + 1) % 3, 1000.0))
    assert "Its predictions have entropy 0.00 of at most 1.10" in finding.message


@pytest.mark.parametrize("right", [41, 100])
def test_a_certain_teacher_that_beats_the_majority_by_a_row(tiny_bert, right):
    answers = np.where(np.arange(100) < right, LABELLED, (LABELLED + 1) % 3)
    assert untrained(tiny_bert(), guesses(answers, 5.0)) == []


def test_a_teacher_that_finds_a_rare_class_with_fewer_rows_right_is_not_untrained(tiny_bert):
    labels = np.array([0] * 95 + [1] * 5)
    split = split_of("valid", [str(i) for i in range(100)], labels)
    setup = Setup(tiny_bert(), tiny_bert(), Splits(split, split, split, LABELS), None, None, None)
    assert _untrained(setup, guesses([0] * 85 + [1] * 15, 0.3), labels) == []  # all five, with ten false alarms
    (finding,) = _untrained(setup, guesses([0] * 70 + [1] * 15 + [0] * 15, 0.3), labels)  # none of them
    assert finding.code == "head-not-trained"


def test_a_teacher_in_another_order_of_its_names_is_not_untrained(tiny_bert):
    reversed_logits = guesses(LABELLED, 5.0)[:, ::-1].copy()
    assert untrained(tiny_bert(labels=LABELS[::-1]), reversed_logits) == []


def test_a_slow_teacher_is_judged_on_fewer_rows(monkeypatch, tiny_bert, tokenizer):
    split = split_of("valid", [row["text"] for row in rows(320, 3)], np.arange(320) % 3)
    teacher = tiny_bert().eval()
    source = reader(DataCollatorWithPadding(tokenizer), tokenizer, [teacher])
    everything, labels = _scored(teacher, source, split)
    assert everything.shape == (320, 3)
    assert labels.tolist() == [i % 3 for first in range(5) for i in range(first, 320, 5)]
    clock = Clock(monkeypatch)
    teacher.register_forward_pre_hook(clock.spend(0.02), with_kwargs=True)
    some, labels = _scored(teacher, source, split)
    assert 64 <= len(some) < 320
    assert np.allclose(some, everything[: len(some)], atol=1e-5)
    assert labels.tolist() == [i % 3 for first in range(5) for i in range(first, 320, 5)][: len(some)]
