"""The contract of a student's form, with a form that the test adds itself."""

from dataclasses import FrozenInstanceError, dataclass

import pytest
import torch
from transformers import BertConfig

from alambique.models.student_form import BuildContext, StudentForm, Surroundings, form_key
from conftest import LABELS


def test_the_places_of_a_key_are_the_same_for_all_forms():
    nothing = {"from_teacher": None, "from_scratch": None}
    assert form_key() == {"recipe": nothing, "inputs": {"checkpoint": None, "teacher": None, "tokenizer": None}}
    assert form_key(from_scratch={"layers": 1}, tokenizer="t") == {
        "recipe": nothing | {"from_scratch": {"layers": 1}},
        "inputs": {"checkpoint": None, "teacher": None, "tokenizer": "t"},
    }
    assert form_key(checkpoint="c")["inputs"] == {"checkpoint": "c", "teacher": None, "tokenizer": None}


@dataclass(frozen=True)
class SameAsTheTeacher(StudentForm):
    """A copy of the teacher with a head of zeros."""

    def key(self, *, teacher, teacher_tokenizer):
        return form_key(from_teacher="same", teacher=teacher, tokenizer=teacher_tokenizer)

    def build(self, context):
        model = context.load_teacher()
        torch.nn.init.zeros_(model.classifier.weight)
        return model, context.teacher_tokenizer


def test_a_new_form_is_a_key_and_a_way_to_build(tiny_bert, tokenizer):
    form = SameAsTheTeacher()
    assert form.tokenizer is None  # it reads with its teacher's
    assert form.key(teacher="d", teacher_tokenizer="t")["inputs"] == {
        "checkpoint": None, "teacher": "d", "tokenizer": "t",
    }  # fmt: skip
    model, own = form.build(BuildContext(tiny_bert, tokenizer, LABELS, seed=0))
    assert not model.classifier.weight.any()
    assert own is tokenizer


def test_a_form_without_key_or_build_cannot_be_made():
    class Unfinished(StudentForm):
        def key(self, *, teacher, teacher_tokenizer):
            return {}

    with pytest.raises(TypeError, match="abstract method '?build'?"):
        Unfinished()


def test_what_a_form_is_given_does_not_change():
    surroundings = Surroundings(LABELS, max_length=24, teacher_config=BertConfig())
    with pytest.raises(FrozenInstanceError):
        surroundings.max_length = 25
