import errno

import pytest
import torch
from torch import nn

from alambique.errors import ExportError, ParityError
from alambique.export.refusal import reason, refused_by_a_library


def refusal(error, tmp_path):
    with pytest.raises(ExportError) as refused, refused_by_a_library("a Model cannot be exported", tmp_path):
        raise error
    return refused.value


def test_the_first_line_of_the_cause_without_colours(tmp_path):
    cause = KeyError("attention_mask")
    wrapped = RuntimeError("832 lines")
    wrapped.__cause__ = cause
    assert str(refusal(wrapped, tmp_path)) == "a Model cannot be exported (KeyError: 'attention_mask')"
    coloured = ValueError("\x1b[31mGot 21\x1b[0m Expected 9.\nand more")
    assert str(refusal(coloured, tmp_path)) == "a Model cannot be exported (ValueError: Got 21 Expected 9)"
    assert reason(NotImplementedError()) == "NotImplementedError"


def test_messages_for_people_and_the_machines_limits_stay_as_they_are(tmp_path):
    for error in (
        ParityError("drifts"), KeyboardInterrupt(), MemoryError(), torch.OutOfMemoryError("CUDA out of memory"),
        OSError(errno.ENOSPC, "No space left on device"), RuntimeError("std::bad_alloc"),
    ):  # fmt: skip
        with pytest.raises(type(error)) as raised, refused_by_a_library("a Model cannot be exported", tmp_path):
            raise error
        assert raised.value is error


def test_what_torchs_exporter_itself_raises(tmp_path):
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + 1 if x.sum() > 0 else x - 1

    with pytest.raises(ExportError) as refused, refused_by_a_library("a Branching cannot be exported", tmp_path):
        torch.onnx.export(Branching(), (torch.ones(2),), tmp_path / "model.onnx", dynamo=True, verbose=False)
    text = str(refused.value)
    assert text.startswith("a Branching cannot be exported (")
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 400
