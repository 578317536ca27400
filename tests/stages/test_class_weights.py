"""Class weights through the pipeline: which model's rows weigh what, and what its key says."""

import json

import numpy as np
import pytest

from alambique import Recipe, distill
from alambique.artefacts.contradicted import read_contradicted
from alambique.artefacts.splits import read_splits
from alambique.commands import rewrite_report
from alambique.training import fit as training
from conftest import LABELS, Stages, rows, write_jsonl


@pytest.fixture
def learnt(monkeypatch):
    """The rows that each training is given, by the name of its folder; the last training of a name counts."""
    seen = {}

    def watched(model, tokenizer, given, **options):
        seen[options["work"].name] = given
        return training.fit(model, tokenizer, given, **options)

    monkeypatch.setattr("alambique.stages.teacher.fit", watched)
    monkeypatch.setattr("alambique.stages.student.fit", watched)
    return seen


def recipe_of(raw, teacher=None, student=None, **sections):
    raw = raw | sections
    raw["teacher"] = raw["teacher"] | {"class_weights": teacher, "epochs": 1, "allow_weak": True}
    raw["student"] = raw["student"] | {"class_weights": student}
    return Recipe.from_dict(raw)


def key(run, name):
    return json.loads((run / name / "manifest.json").read_text())["key"]["recipe"]


def weights(run, name):
    return (run / name / "model.safetensors").read_bytes()


def balanced(labels):
    """By hand: rows / (classes · rows of the class)."""
    counts = np.bincount(labels)
    return (len(labels) / (len(counts) * counts))[labels].astype(np.float32)


def by_folder(seen, name):
    return next(given for folder, given in seen.items() if name in folder)


def test_every_model_weighs_the_classes_of_its_own_rows(tiny_recipe, tmp_path, learnt):
    run = tmp_path / "run"
    recipe = recipe_of(
        tiny_recipe(), "balanced", {LABELS[0]: 3.0}, soft_labels={"folds": 2, "members": 2, "trust": 0.2}
    )
    distill(recipe, run)
    train = read_splits(run / "data").train
    names = {name for name in learnt if "fold" in name}
    assert len(names) == 4
    for name in names:
        fold = learnt[name]
        assert len(fold.train) < len(train)
        assert fold.hard_label_weights == pytest.approx(balanced(fold.train.labels), rel=1e-5)
    assert by_folder(learnt, "teacher").hard_label_weights == pytest.approx(balanced(train.labels), rel=1e-5)

    raw = np.where(train.labels == 0, 3.0, 1.0)
    twin, student = by_folder(learnt, "undistilled"), by_folder(learnt, "student")
    assert twin.hard_label_weights == pytest.approx(raw / raw.mean(), rel=1e-5)
    trusted = read_contradicted(run / "contradicted").hard_label_weights(train.ids, 0.2)
    assert trusted.min() == pytest.approx(0.2)
    assert student.hard_label_weights == pytest.approx(trusted * raw / raw.mean(), rel=1e-5)
    assert student.teacher_logits is not None


@pytest.mark.slow
def test_keys_name_them_where_they_are_set_alone(tiny_recipe, tmp_path):
    raw, run = tiny_recipe(), tmp_path / "run"
    distill(recipe_of(raw), run)
    assert not any("class_weights" in key(run, name) for name in ("teacher", "student", "undistilled"))
    plain = {name: weights(run, name) for name in ("student", "undistilled")}

    stages = Stages()
    distill(recipe_of(raw, student="balanced"), run, reporter=stages)
    assert stages.begun == [
        "student (seed 0)", "scoring student", "undistilled (seed 0)", "scoring undistilled", "benchmark",
    ]  # fmt: skip
    assert [key(run, name)["class_weights"] for name in ("student", "undistilled")] == ["balanced"] * 2
    assert "class_weights" not in key(run, "teacher")
    assert all(weights(run, name) != before for name, before in plain.items())
    assert rewrite_report(run).recipe["student"]["class_weights"] == "balanced"

    distill(recipe_of(raw, student=dict.fromkeys(LABELS, 4.0)), run)  # all alike: scaled, they are 1
    assert {name: weights(run, name) for name in plain} == plain


@pytest.mark.slow
def test_unlabelled_rows_have_no_hard_part_to_weigh(tiny_recipe, tmp_path, learnt):
    more = tmp_path / "more.jsonl"
    write_jsonl(more, [{"text": f"{row['text']} again {n}"} for n, row in enumerate(rows(30, 9))])
    raw = tiny_recipe(data={"unlabelled": str(more)})
    distill(recipe_of(raw, student="balanced"), tmp_path / "run")
    student = by_folder(learnt, "student")
    count = len(student.train)
    assert (len(student.all_weights), len(student.labels)) == (count + 30, count + 30)
    assert student.all_weights[:count] == pytest.approx(balanced(student.train.labels), rel=1e-5)
    assert (student.all_weights[count:] == 1).all()
    assert (student.labels[count:] == -100).all()
