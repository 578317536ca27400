"""The student's stages: every loss of the recipe trains, and what cannot be trained is refused before anything is."""

import copy
import json

import pytest

from alambique import Recipe, distill
from alambique.doctor.diagnose import diagnose
from alambique.errors import RecipeError
from alambique.losses.prediction import LOSSES
from conftest import LABELS, Stages, rows, write_jsonl

OPTIONS = {"dkd": {"beta": 2.0}, "dist": {"gamma": 0.5}}


def changed(raw, **distillation):
    raw = copy.deepcopy(raw)
    raw["data"]["label_order"] = list(LABELS)
    raw["distillation"] = distillation
    return Recipe.from_dict(raw)


def weights(run):
    return (run / "student" / "model.safetensors").read_bytes()


def test_each_loss_is_one_key_and_retrains_the_student_alone(tiny_recipe, tmp_path):
    raw, run, seen, new = tiny_recipe(), tmp_path / "run", set(), ["student (seed 0)", "scoring student", "benchmark"]
    for name in LOSSES:
        for loss in (name, {"name": name, **OPTIONS[name]}) if name in OPTIONS else (name,):
            stages = Stages()
            distill(changed(raw, loss=loss), run, reporter=stages)
            assert stages.begun == new if seen else set(new) < set(stages.begun)
            recorded = json.loads((run / "student" / "manifest.json").read_text())["key"]["distillation"]["loss"]
            assert recorded == loss or recorded.items() > loss.items()
            again = Stages()
            distill(changed(raw, loss=loss), run, reporter=again)
            assert again.begun == []
            assert weights(run) not in seen
            seen.add(weights(run))


def test_the_labels_order_enters_the_key_where_the_loss_needs_it(tiny_recipe, tmp_path):
    raw = tiny_recipe(student={"epochs": 1})
    for loss, key in (("kl", None), ("emd", [0, 1, 2])):
        distill(changed(raw, loss=loss), tmp_path / "run")
        recorded = json.loads((tmp_path / "run" / "student" / "manifest.json").read_text())["key"]
        assert recorded.get("label_order") == key


@pytest.mark.parametrize("command", [distill, lambda recipe, _: diagnose(recipe)])
@pytest.mark.parametrize(
    ("keys", "labels", "message"),
    [
        ({"distillation.loss": "dkd"}, 2, "distillation.loss: dkd needs 3 classes or more; there are 2."),
        (
            {"distillation.loss": "emd"}, 3,
            "distillation.loss: emd needs labels that have an order: give label_order.",
        ),
        (
            {"distillation.loss": "dist", "student.gradient_accumulation": 2}, 3,
            "distillation.loss: dist compares the rows of a batch with each other, so gradient_accumulation must be 1, "
            "not 2.",
        ),
    ],
)  # fmt: skip
def test_a_loss_that_is_not_defined_is_refused_before_anything_is_trained(
    tiny_recipe, tmp_path, keys, labels, message, command
):
    source = tmp_path / "mine"
    source.mkdir()
    for name, count, seed in (("train", 60, 1), ("valid", 30, 2), ("test", 30, 3)):
        write_jsonl(source / f"{name}.jsonl", [row for row in rows(count, seed) if row["label"] in LABELS[-labels:]])
    raw = tiny_recipe(data={"source": str(source)})
    for key, value in keys.items():
        section, name = key.split(".")
        raw.setdefault(section, {})[name] = value
    recipe = Recipe.from_dict(raw)
    with pytest.raises(RecipeError) as refused:
        command(recipe, tmp_path / "run")
    assert str(refused.value) == message
    assert not (tmp_path / "run").exists()
