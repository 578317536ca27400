import json

import numpy as np
import pytest

from alambique.artefacts.splits import Split, Splits
from alambique.errors import ModelError, WeakTeacherError
from alambique.recipe.recipe import Recipe
from alambique.stages.teacher import refuse_weak, resolve_teacher
from conftest import LABELS


def splits(labels=LABELS, train=(0, 0, 1, 2), valid=(0, 0, 1, 2)):
    def split(name, values):
        ids = tuple(f"{name}-{i}" for i in range(len(values)))
        return Split(name, ids, tuple(f"text {i}" for i in ids), None, np.array(values))

    return Splits(split("train", train), split("valid", valid), split("test", valid), labels)


def test_a_teacher_better_than_majority_passes(tiny_recipe):
    recipe = Recipe.from_dict(tiny_recipe())
    refuse_weak(recipe.teacher, splits(), np.eye(3)[[0, 0, 1, 1]], None)  # 3 of 4 right; majority has 2 of 4


def test_a_teacher_just_trained_that_only_equals_majority_is_kept_and_refused(tiny_recipe, tmp_path):
    recipe = Recipe.from_dict(tiny_recipe())
    with pytest.raises(WeakTeacherError) as caught:
        refuse_weak(recipe.teacher, splits(), np.eye(3)[[0, 0, 0, 0]], tmp_path)
    assert caught.value.exit_status == 1
    assert str(caught.value) == (
        "On valid, the teacher gets macro-F1 22.2% (accuracy 50.0%); always answering 'bad' gets 22.2% (50.0%). A student "
        "would learn noise from it. "
        f"It is kept in {tmp_path}. Try more epochs (--set teacher.epochs=6), another learning rate "
        "(--set teacher.learning_rate=0.005 or 0.02), or another teacher.model. To go on all the same: "
        "--set teacher.allow_weak=true"
    )


def test_a_teacher_that_finds_a_rare_class_passes_with_fewer_rows_right(tiny_recipe):
    recipe = Recipe.from_dict(tiny_recipe())
    valid = [0] * 95 + [1] * 5
    answers = np.eye(3)[[0] * 85 + [1] * 15]  # 90 of 100 right; always answering bad 95
    refuse_weak(recipe.teacher, splits(train=[0, 0, 1], valid=valid), answers, None)


def test_a_teacher_that_answers_at_random_is_refused(tiny_recipe, tmp_path):
    recipe = Recipe.from_dict(tiny_recipe())
    valid = [0] * 60 + [1] * 40
    answers = np.eye(3)[[0, 1] * 50]  # 50 of 100 right
    with pytest.raises(WeakTeacherError) as caught:
        refuse_weak(recipe.teacher, splits(train=[0, 0, 1], valid=valid), answers, tmp_path)
    # F1: bad 60 of 110, fair 40 of 90, good 0; always bad: 120 of 160; in random order about the same as the teacher
    assert str(caught.value).startswith(
        "On valid, the teacher gets macro-F1 33.0% (accuracy 50.0%); always answering 'bad' gets 25.0% (60.0%), its own "
        "answers in random order get 3"
    )


def test_allow_weak_lets_it_pass(tiny_recipe):
    recipe = Recipe.from_dict(tiny_recipe(teacher={"allow_weak": True}))
    refuse_weak(recipe.teacher, splits(), np.eye(3)[[2, 2, 2, 0]], None)


@pytest.fixture
def finished(tiny_bert, tokenizer, tmp_path):
    folder = tmp_path / "finished"
    tiny_bert().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def given(tiny_recipe, folder, **keys):
    return Recipe.from_dict(tiny_recipe(teacher={"from_scratch": None, "model": str(folder), **keys}))


def test_a_finished_teacher_is_found(tiny_recipe, finished):
    start = resolve_teacher(given(tiny_recipe, finished, fine_tune=False).teacher, splits(), max_length=24)
    assert start.checkpoint.folder == finished


def test_a_finished_teacher_without_a_trained_head_is_refused(tiny_recipe, finished, tiny_bert):
    tiny_bert().bert.save_pretrained(finished)
    with pytest.raises(ModelError) as caught:
        resolve_teacher(given(tiny_recipe, finished, fine_tune=False).teacher, splits(), max_length=24)
    assert str(caught.value) == (
        f"teacher.model: {finished} is not a finished classifier: it has no classifier.bias, classifier.weight, so its "
        "head was never trained and its labels would be noise. Set teacher.fine_tune to true, or give a fine-tuned "
        "classifier."
    )
    assert resolve_teacher(given(tiny_recipe, finished).teacher, splits(), max_length=24).checkpoint.folder == finished


def test_a_finished_teacher_with_other_labels_is_refused(tiny_recipe, finished):
    with pytest.raises(ModelError, match="they do not match by name"):
        resolve_teacher(
            given(tiny_recipe, finished, fine_tune=False).teacher, splits(labels=("one", "two", "three")), max_length=24
        )


def test_texts_longer_than_the_positions_are_refused(tiny_recipe, finished):
    raw = tiny_recipe(teacher={"from_scratch": None, "model": str(finished)}, data={"max_length": 65})
    with pytest.raises(ModelError) as caught:
        resolve_teacher(Recipe.from_dict(raw).teacher, splits(), max_length=raw["data"]["max_length"])
    assert str(caught.value) == "data.max_length is 65, but teacher.model (finished) reads at most 64 tokens."


def test_pickled_weights_are_not_loaded(tiny_recipe, finished):
    (finished / "model.safetensors").rename(finished / "pytorch_model.bin")
    with pytest.raises(ModelError, match="has no safetensors file. Pickled weights are not loaded"):
        resolve_teacher(given(tiny_recipe, finished).teacher, splits(), max_length=24)


def test_remote_code_is_not_trusted(tiny_recipe, finished):
    config = json.loads((finished / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "code.Mine"}}
    (finished / "config.json").write_text(json.dumps(config))
    (finished / "code.py").write_text("raise SystemExit('this ran')")
    with pytest.raises(ModelError) as refused:
        resolve_teacher(given(tiny_recipe, finished).teacher, splits(), max_length=24)
    assert str(refused.value) == (
        f"teacher.model: the model in {finished} needs code of its own (auto_map in its config.json), which is never run. "
        "Choose one whose architecture Transformers has itself."
    )
