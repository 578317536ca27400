"""Versions of the rows through the whole pipeline: labelled by the teachers, read by student and twin."""

import json

import numpy as np
import pytest
import yaml

from alambique import Recipe, distill
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.commands import rewrite_report
from alambique.data.folds import assign_folds
from alambique.data.load import load_splits, locate
from alambique.data.word_dropout import view_of
from alambique.doctor.diagnose import diagnose
from alambique.inference.torch_model import predict_logits
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.preparation import views_of
from alambique.stages.tokens import TokenInputs
from conftest import Stages


@pytest.fixture
def recipe(tiny_recipe):
    def make(epochs=2, **soft_labels):
        return Recipe.from_dict(tiny_recipe(student={"epochs": epochs}) | {"soft_labels": soft_labels})

    return make


def key(run, name):
    return json.loads((run / name / "manifest.json").read_text())["key"]


def losses(run, name):
    history = json.loads((run / name / "history.json").read_text())
    return [entry["loss"] for entry in history if "loss" in entry]


@pytest.mark.slow
def test_each_version_is_labelled_and_read_by_student_and_twin(recipe, tmp_path):
    run, stages = tmp_path / "run", Stages()
    distill(recipe(), run)
    plain = {name: losses(run, name) for name in ("student", "undistilled")}
    report = distill(recipe(views={"count": 5, "dropout": 0.5}), run, reporter=stages)
    assert stages.begun == [  # of five versions two epochs read two
        "soft labels", "student (seed 0)", "scoring student", "undistilled (seed 0)", "scoring undistilled", "benchmark",
    ]  # fmt: skip
    assert [path.name for path in (run / "views").iterdir()] == ["1"]
    train = read_splits(run / "data").train
    view = view_of(train, 1, 0.5, seed=0)
    labels = read_soft_labels(run / "views" / "1").for_rows(train.ids)
    teacher, tokenizer = load_finished(run / "teacher", key="k"), load_tokenizer(run / "teacher", key="k")
    np.testing.assert_allclose(labels, predict_logits(teacher, tokenizer, view.segments(), max_length=24), atol=1e-5)
    assert not np.allclose(labels, read_soft_labels(run / "soft_labels").for_rows(train.ids))
    for name, before in plain.items():
        assert losses(run, name)[:10] == before[:10], name  # of the first epoch
        assert losses(run, name)[10:] != before[10:], name
    assert key(run, "undistilled")["inputs"]["views"] == key(run, "student")["inputs"]["views"] == [view.digest]
    assert len(key(run, "student")["inputs"]["view_labels"]) == 1
    assert "view_labels" not in key(run, "undistilled")["inputs"]
    assert report["soft_labels"]["views"] == 2
    assert "There are 2 versions of each row" in (run / "report.html").read_text()
    assert rewrite_report(run).soft_labels.views == 2
    again = Stages()
    distill(recipe(views={"count": 2, "dropout": 0.5}), run, reporter=again)
    assert again.begun == []
    assert not (run / "view_texts").exists()
    stored = yaml.safe_load((run / "recipe.yaml").read_text())
    assert stored["soft_labels"]["views"] == {"count": 2, "dropout": 0.5}


def test_one_version_is_the_rows_themselves_and_enters_no_key(recipe, data_folder, tokenizer):
    chosen = recipe(epochs=1, views=3)  # one epoch reads no other
    splits = load_splits(chosen.data, locate(chosen.data))
    assert (chosen.views, views_of(None, chosen, splits, None, None)) == (1, ())
    key = TokenInputs(tokenizer, 24, splits, ()).key()
    assert set(key["inputs"]) == {"train", "valid", "test"}


@pytest.mark.slow
def test_a_version_of_a_row_is_labelled_by_the_teacher_that_did_not_learn_the_row(recipe, tmp_path):
    run = tmp_path / "run"
    distill(recipe(folds=2, trust=0.5, views=2), run)
    train = read_splits(run / "data").train
    view, fold_of = view_of(train, 1, 0.1, seed=0), assign_folds(train, 2, 0)
    labels = read_soft_labels(run / "views" / "1").for_rows(train.ids)
    for fold in range(2):
        folder, rows = run / "teachers" / f"fold-{fold}", np.flatnonzero(fold_of == fold)
        model, tokenizer = load_finished(folder, key="k"), load_tokenizer(folder, key="k")
        expected = predict_logits(model, tokenizer, view.take(rows).segments(), max_length=24)
        np.testing.assert_allclose(labels[rows], expected, atol=1e-5)


def test_the_doctor_counts_the_labelling_of_each_version(recipe, monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._OVERHEAD", 0.0)
    monkeypatch.setattr("alambique.doctor.cost.seconds_per_row", lambda *_: 1.0)
    seconds = [
        next(each.seconds for each in diagnose(recipe(epochs=4, views=count)).estimates if each.stage == "soft labels")
        for count in (1, 3)
    ]
    assert seconds == [160, 480]
