"""What the doctor says of the first vectors of a static student."""

import pytest

from alambique import Recipe
from alambique.doctor.diagnose import diagnose
from alambique.doctor.vector_cost import vector_cost
from alambique.errors import ModelError
from alambique.models.static_student import StaticStudent
from alambique.models.student_form import Surroundings
from alambique.models.token_vectors import encode_vocabulary
from alambique.recipe.sections import Student
from alambique.recipe.static import Static


def test_the_time_of_a_sample_stands_for_the_whole_vocabulary(tiny_bert, tokenizer, monkeypatch):
    read = []

    def counted(model, tokenizer, *, size):
        read.append(size)
        return encode_vocabulary(model, tokenizer, size=size)

    monkeypatch.setattr("alambique.doctor.vector_cost.encode_vocabulary", counted)
    clock = iter([10.0, 12.0])
    monkeypatch.setattr("alambique.doctor.vector_cost.time.perf_counter", lambda: next(clock))
    monkeypatch.setattr("alambique.doctor.vector_cost._SAMPLE", 50)
    model = tiny_bert()
    found = vector_cost(StaticStudent(Static()), lambda: model, tokenizer)
    assert read == [1, 50]
    assert found.seconds == pytest.approx(2 * len(tokenizer) / 50)
    assert found.memory == 2 * sum(weight.nbytes for weight in model.parameters())


def test_the_doctor_names_the_stage(tiny_recipe):
    section = {"from_scratch": None, "static": {"width": 8}, "epochs": 1}
    stages = [each.stage for each in diagnose(Recipe.from_dict(tiny_recipe(student=section))).estimates]
    assert stages == ["teacher", "soft labels", "token vectors", "student", "undistilled", "scoring"]


def test_a_teacher_without_weights_needs_an_encoder():
    surroundings = Surroundings(("a", "b"), 24, None)
    with pytest.raises(ModelError) as refused:
        StaticStudent.resolve(Student(static=Static()), surroundings)
    assert str(refused.value) == (
        "student.static: begins with a teacher's outputs for each token, and this teacher has none. Name a model for them: "
        "student.static.encoder."
    )
