"""A stage's key is its inputs, and nothing can be used that is not in the key."""

import json
from dataclasses import dataclass, fields

import pytest

from alambique.errors import RunFolderError
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.manifest import MANIFEST
from alambique.run.stage import Inputs, Stage, derived, keyed
from alambique.stages import benchmark, data, export, predictions, soft_labels, student, teacher, tokens


@dataclass(frozen=True)
class Numbers(Inputs):
    CONSTANT = {"version": 1, "inputs": {"always": None}}  # noqa: RUF012
    values: tuple[int, ...] = keyed("inputs", "values", value=sum)
    rest: dict = keyed(value=lambda rest: {"inputs": rest})
    words: str = derived("values")


def make(inputs, work, reporter):
    del reporter
    (work / "sum.txt").write_text(f"{sum(inputs.values)} {inputs.words}")


STAGE = Stage("numbers", make)


def test_the_key_is_made_from_the_fields_and_constants():
    assert Numbers((1, 2), {"more": 4}, "three").key() == {
        "version": 1, "inputs": {"always": None, "values": 3, "more": 4},
    }  # fmt: skip
    assert Numbers.CONSTANT == {"version": 1, "inputs": {"always": None}}


def test_a_field_that_is_neither_keyed_nor_derived_is_refused():
    with pytest.raises(TypeError) as caught:

        class Forgotten(Inputs):
            seed: int

    assert str(caught.value) == "Forgotten.seed must be declared with keyed() or derived()"


def test_a_field_derived_from_nothing_known_is_refused():
    with pytest.raises(TypeError) as caught:

        class Adrift(Inputs):
            tokens: int = derived("tokenizer")

    assert str(caught.value) == "Adrift.tokens is derived from tokenizer, which is not a field"


def test_the_same_key_is_not_made_twice_and_another_is(tmp_path):
    run = RunFolder(tmp_path)
    first = STAGE.run(run, Numbers((1, 2), {}, "three"), Reporter())
    assert (first.folder / "sum.txt").read_text() == "3 three"
    stamp = (first.folder / MANIFEST).stat().st_mtime_ns
    assert STAGE.run(run, Numbers((3,), {}, "other words"), Reporter()).digest == first.digest
    assert (first.folder / MANIFEST).stat().st_mtime_ns == stamp
    assert STAGE.run(run, Numbers((4,), {}, "four"), Reporter()).digest != first.digest


def test_an_instance_has_a_folder_of_its_own(tmp_path):
    run = RunFolder(tmp_path)
    made = STAGE.run(run, Numbers((1,), {}, "one"), Reporter(), name="teachers/fold-0")
    assert made.folder == tmp_path / "teachers" / "fold-0"
    assert run.seed_stages()[-1] == "teachers/fold-0"
    assert not (tmp_path / ".work").exists()


def test_a_folder_that_is_only_read_refuses_what_is_not_current(tmp_path):
    run = RunFolder(tmp_path)
    STAGE.run(run, Numbers((1,), {}, "one"), Reporter())
    assert STAGE.run(run.read_only(), Numbers((1,), {}, ""), Reporter()).folder == tmp_path / "numbers"
    with pytest.raises(RunFolderError) as caught:
        STAGE.run(run.read_only(), Numbers((2,), {}, ""), Reporter())
    assert str(caught.value) == f"{tmp_path} is not finished for the recipe in it. Run alambique distill again."
    assert json.loads((tmp_path / "numbers" / MANIFEST).read_text())["key"]["inputs"]["values"] == 1
    (tmp_path / "numbers" / MANIFEST).unlink()
    with pytest.raises(RunFolderError) as caught:
        STAGE.run(run.read_only(), Numbers((1,), {}, ""), Reporter())
    assert str(caught.value) == f"{tmp_path} has no numbers yet. Finish it with alambique distill."


@pytest.mark.parametrize(
    "inputs",
    [
        tokens.TokenInputs, data.DataInputs, teacher.FineTuneInputs, teacher.FinishedInputs, soft_labels.SoftLabelInputs,
        student.StudentInputs, predictions.ScoringInputs, predictions.BaselineInputs, benchmark.BenchmarkInputs,
        export.ExportInputs,
    ],
)  # fmt: skip
def test_no_stage_sees_the_recipe(inputs):
    assert "Recipe" not in {str(field.type).rsplit(".", 1)[-1] for field in fields(inputs)}
    assert inputs.__dataclass_params__.frozen
