"""Healthy set-ups, in which nothing is found; order, and what is skipped. Each finding is tested beside its check."""

import copy
import functools

import numpy as np
import pytest
import torch
from setups import split_of

from alambique.artefacts.splits import Splits
from alambique.doctor.examine import of_all_teachers
from alambique.findings import Finding
from conftest import LABELS


@pytest.mark.parametrize("pairs", [False, True])
def test_a_healthy_set_up_has_no_findings_and_is_left_as_it_was(healthy, pairs):
    case = healthy(pairs=pairs)
    case.student.train()
    case.student.classifier.bias.grad = torch.ones(3)
    models = (case.teacher, case.student)
    before = [copy.deepcopy(model.state_dict()) for model in models]
    backend = case.collator.tokenizer.backend_tokenizer.to_str()
    random_state = torch.get_rng_state()

    assert case.findings() == []

    for model, weights in zip(models, before, strict=True):
        assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
        assert all(weight.requires_grad for weight in model.parameters())
    assert all(weight.grad is None for weight in case.teacher.parameters())
    gradients = {name for name, weight in case.student.named_parameters() if weight.grad is not None}
    assert gradients == {"classifier.bias"}
    assert torch.equal(case.student.classifier.bias.grad, torch.ones(3))
    assert not any(module.training for module in case.teacher.modules())
    assert all(module.training for module in case.student.modules())
    assert case.collator.tokenizer.backend_tokenizer.to_str() == backend
    assert torch.equal(torch.get_rng_state(), random_state)


def test_a_function_as_collator_with_its_tokenizer(healthy):
    case = healthy()
    padding = case.collator
    case.soft_labels = None
    case.collator = functools.partial(lambda rows, pad: pad(rows), pad=padding)
    assert case.codes(tokenizer=padding.tokenizer) == set()
    with pytest.raises(TypeError, match="^collator has no attribute tokenizer, .* pass tokenizer=, "):
        case.findings()


def test_a_student_with_a_collator_of_its_own(healthy):
    case = healthy()
    other = copy.deepcopy(case.collator)
    other.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    assert case.codes(student_collator=other) == set()
    assert case.codes(student_collator=functools.partial(other), student_tokenizer=other.tokenizer) == set()
    with pytest.raises(TypeError, match="^student_collator has no attribute tokenizer, .* pass student_tokenizer=, "):
        case.findings(student_collator=functools.partial(other))


def test_findings_of_models_come_before_those_of_rows(healthy):
    case = healthy()
    case.teacher.train()
    case.student.requires_grad_(False)  # noqa: FBT003 - torch's
    case.soft_labels.logits[0] = np.nan
    train, valid, _ = case.splits
    case.splits = Splits(train, valid, split_of("test", train.texts[:5], train.labels[:5]), LABELS)
    assert [(f.code, f.where) for f in case.findings()] == [
        ("teacher-in-train-mode", "teacher"),
        ("nan-logits", "soft_labels"),
        ("student-cannot-move", "student"),
        ("shared-with-train", "test"),
    ]


def test_labels_out_of_range_leave_out_what_looks_labels_up(healthy):
    case = healthy()
    case.teacher.train()
    case.student.distilbert.embeddings.word_embeddings = case.teacher.bert.embeddings.word_embeddings
    case.splits = Splits(case.splits.train, split_of("valid", ["a"], [3]), case.splits.test, LABELS)
    assert [(f.code, f.where) for f in case.findings()] == [
        ("teacher-not-frozen", "teacher"),
        ("labels-out-of-range", "valid"),
    ]


def test_a_student_with_other_classes_is_not_trained(healthy, tiny_distilbert):
    case = healthy()
    case.student = tiny_distilbert(labels=("yes", "no"))
    case.student.requires_grad_(False)  # noqa: FBT003 - torch's
    assert [(f.code, f.where) for f in case.findings()] == [("label-mismatch", "student")]


def test_a_teacher_is_not_scored_without_rows_of_valid(healthy, tiny_bert):
    case = healthy()
    case.teacher, case.soft_labels = tiny_bert(), None
    assert case.codes() == {"head-not-trained"}
    case.splits = Splits(case.splits.train, split_of("valid", [], np.zeros(0, np.int64)), case.splits.test, LABELS)
    assert case.codes() == {"absent-classes"}


def test_two_teachers_with_the_same_fault_are_two_findings():
    def fault(where, message="m", code="head-not-trained"):
        return Finding(code, where, message, "advice")

    student, rows = fault("student", code="student-cannot-move"), fault("train", code="shared-with-train")
    cut, other_cut = (fault("train", f"{count} of 8 texts are cut.", "cut-texts") for count in (1, 2))
    assert of_all_teachers({
        "teacher": [fault("teacher"), fault("collator", code="pads-as-text"), student, rows, cut],
        "teachers/second": [fault("teacher"), fault("collator", code="pads-as-text"), student, rows, other_cut],
        "teachers/third": [rows, cut],
    }) == [
        fault("teacher"), fault("collator", code="pads-as-text"), student, rows, cut,
        fault("teachers/second"), fault("collator of teachers/second", code="pads-as-text"),
        fault("train (teachers/second)", "2 of 8 texts are cut.", "cut-texts"),
    ]  # fmt: skip
