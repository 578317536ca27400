import copy

import numpy as np
import pytest
import torch

from alambique.artefacts.splits import Split, row_ids
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.export import trial
from alambique.export.trial import try_export
from alambique.recipe.sections import Export
from conftest import rows

TEXTS = [(row["text"],) for row in rows(9, 9)]
VALID = Split("valid", row_ids("valid", TEXTS), tuple(text for (text,) in TEXTS), None, np.zeros(9, dtype=int))


def tried(model, tokenizer, **limits):
    return try_export(model, tokenizer, VALID, Export(**limits), SINGLE_LABEL, max_length=24)


def test_a_student_that_can_be_exported_is_left_as_it_was(tiny_distilbert, tokenizer):
    model = tiny_distilbert(1).train()
    before = copy.deepcopy(model.state_dict())
    assert tried(model, tokenizer) is None
    assert model.training
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_what_a_library_raises_is_a_finding(tiny_distilbert, tokenizer, monkeypatch):
    def fail(*arguments):
        raise RuntimeError("832 lines\nof a graph")

    monkeypatch.setattr(trial, "export_graph", fail)
    finding = tried(tiny_distilbert(1), tokenizer)
    assert (finding.code, finding.where) == ("not-exported", "student")
    assert finding.message == (
        "The export was tried: a DistilBertForSequenceClassification cannot be exported to ONNX (RuntimeError: 832 lines)."
    )
    assert finding.advice == (
        "The student can be trained all the same and be used in PyTorch. For ONNX, choose a student of another "
        "architecture; else set export.formats to []."
    )


def test_a_graph_that_is_not_what_pytorch_does(tiny_distilbert, tokenizer, monkeypatch):
    made = trial.export_graph

    def another(model, path, inputs):
        made(tiny_distilbert(2), path, inputs)

    monkeypatch.setattr(trial, "export_graph", another)
    message = tried(tiny_distilbert(1), tokenizer).message
    assert message.startswith(
        "The export of a DistilBertForSequenceClassification was tried, untrained, and is not what PyTorch does: a "
        "probability of an empty, short or cut text drifts by "
    )


def test_a_tokenizer_without_json_is_said_at_once(tiny_distilbert, tokenizer, monkeypatch):
    monkeypatch.setattr(trial, "no_tokenizer_json", lambda tokenizer, where: where)
    monkeypatch.setattr(trial, "export_graph", lambda *_: pytest.fail("nothing is exported"))
    assert tried(tiny_distilbert(1), tokenizer) == "student"
