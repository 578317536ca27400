"""Soft labels out of fold, members and calibration, through the whole pipeline with tiny models."""

import json
import shutil

import numpy as np
import pytest

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_predictions
from alambique.artefacts.soft_labels import Part, combine_logits, read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.data.folds import assign_folds
from alambique.data.spelling import plain_text
from alambique.doctor.diagnose import diagnose
from alambique.errors import CorruptArtefactError, RecipeError
from alambique.evaluation.tasks import TASKS
from alambique.inference.torch_model import predict_logits
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.pipeline import label
from conftest import Stages

FOLDS = [f"teachers/fold-{i}" for i in range(3)]


@pytest.fixture
def recipe(tiny_recipe):
    def make(**soft_labels):
        return Recipe.from_dict(tiny_recipe() | {"soft_labels": soft_labels})

    return make


def logits_of(run, name, segments, recipe):
    folder = run / name
    return predict_logits(
        load_finished(folder, key="k"), load_tokenizer(folder, key="k"), segments, max_length=recipe.data.max_length
    )


def test_each_row_is_labelled_by_the_teacher_that_did_not_learn_it(recipe, tmp_path):
    run, chosen = tmp_path / "run", recipe(folds=3)
    stages = Stages()
    report = distill(chosen, run, reporter=stages)
    splits = read_splits(run / "data")
    fold_of = assign_folds(splits.train, 3, chosen.data.split_seed)
    labels = read_soft_labels(run / "soft_labels").for_rows(splits.train.ids)
    for fold in range(3):
        rows = np.flatnonzero(fold_of == fold)
        expected = logits_of(run, f"teachers/fold-{fold}", splits.train.take(rows).segments(), chosen)
        np.testing.assert_allclose(labels[rows], expected, atol=1e-5)
        learnt = splits.train.take(np.flatnonzero(fold_of != fold))
        key = json.loads((run / f"teachers/fold-{fold}" / "manifest.json").read_text())["key"]
        assert key["inputs"]["train"] == learnt.digest
        assert not {plain_text(t) for t in learnt.texts} & {plain_text(splits.train.texts[i]) for i in rows}
    assert (run / "in_sample_labels").is_dir()
    assert list(report["models"]) == ["teacher", *FOLDS, "ensemble", "student", "undistilled", "tfidf", "majority"]
    test = [logits_of(run, name, splits.test.segments(), chosen) for name in FOLDS]
    together = read_predictions(run / "predictions" / "ensemble" / "test.parquet", splits.test.ids)
    np.testing.assert_allclose(together, np.mean(test, axis=0), atol=1e-5)
    retention, models = report["verdict"]["retention"], report["models"]
    assert retention["of"] == "ensemble"
    ratio = models["student"]["test"]["macro_f1"]["mean"] / models["ensemble"]["test"]["macro_f1"]["mean"]
    assert retention["mean"] == pytest.approx(ratio)
    assert models["ensemble"]["parameters"] == sum(models[name]["parameters"] for name in FOLDS)
    soft = report["soft_labels"]
    assert (soft["folds"], soft["members"], soft["temperatures"]) == (3, 1, [])
    assert soft["labels"]["accuracy"] == pytest.approx((labels.argmax(-1) == splits.train.labels).mean())
    in_sample = logits_of(run, "teacher", splits.train.segments(), chosen)
    assert soft["in_sample"]["accuracy"] == pytest.approx((in_sample.argmax(-1) == splits.train.labels).mean())
    probabilities = TASKS[splits.task].probabilities(in_sample)
    assert soft["in_sample"]["confidence"] == pytest.approx(probabilities.max(-1).mean(), abs=1e-5)
    assert stages.begun.count("soft labels") == 2
    again = Stages()
    distill(chosen, run, reporter=again)
    assert again.begun == []
    before = (run / "soft_labels" / "logits.npy").read_bytes()
    shutil.rmtree(run / "teachers" / "fold-1")  # the only one that is then trained again
    distill(chosen, run, reporter=again)
    assert again.begun == ["teachers/fold-1 (seed 0)"]
    assert (run / "soft_labels" / "logits.npy").read_bytes() == before


@pytest.mark.slow
def test_one_fold_and_one_member_are_as_without_the_section(recipe, tiny_recipe, tmp_path):
    distill(Recipe.from_dict(tiny_recipe()), tmp_path / "run")
    stages = Stages()
    distill(recipe(folds=1, members=1, calibrate=False, average="logits"), tmp_path / "run", reporter=stages)
    assert stages.begun == []


@pytest.mark.slow
@pytest.mark.parametrize(("gap", "folds"), [(-1.0, 2), (1.0, 1)])
def test_auto_takes_folds_where_the_teacher_knows_train_by_heart(recipe, tmp_path, monkeypatch, gap, folds):
    monkeypatch.setattr("alambique.stages.soft_labels.AUTO_GAP", gap)
    monkeypatch.setattr("alambique.stages.teacher.AUTO_FOLDS", 2)
    run = tmp_path / "run"
    report = distill(recipe(folds="auto"), run)
    assert report["soft_labels"]["folds"] == folds
    assert (report["soft_labels"]["in_sample"] is None) == (folds == 1)
    assert (run / "teachers").is_dir() == (folds == 2)
    if folds == 1:
        same = [(run / name / "logits.npy").read_bytes() for name in ("soft_labels", "in_sample_labels")]
        assert same[0] == same[1]


@pytest.mark.slow
def test_members_are_averaged_as_probabilities(recipe, tmp_path):
    run, chosen = tmp_path / "run", recipe(members=2, average="probabilities")
    report = distill(chosen, run)
    splits = read_splits(run / "data")
    seeds = [
        json.loads((run / name / "manifest.json").read_text())["key"]["seed"]
        for name in ("teacher", "teachers/member-1")
    ]
    assert seeds == [0, 1000]
    task = TASKS[splits.task]
    both = [
        task.probabilities(logits_of(run, name, splits.train.segments(), chosen))
        for name in ("teacher", "teachers/member-1")
    ]
    assert not np.allclose(*both)
    labels = read_soft_labels(run / "soft_labels").for_rows(splits.train.ids)
    np.testing.assert_allclose(np.exp(labels), np.mean(both, axis=0), atol=1e-5)
    assert report["soft_labels"]["members"] == 2


@pytest.mark.slow
@pytest.mark.parametrize("folds", [1, 2])
def test_logits_are_divided_by_a_temperature_fitted_on_unseen_rows(recipe, tmp_path, folds):
    run, chosen = tmp_path / "run", recipe(folds=folds, calibrate=True)
    report = distill(chosen, run)
    splits = read_splits(run / "data")
    task = TASKS[splits.task]
    labels = read_soft_labels(run / "soft_labels").for_rows(splits.train.ids)
    fold_of = assign_folds(splits.train, 2, 0) if folds == 2 else np.zeros(len(splits.train), dtype=int)
    (temperatures,) = report["soft_labels"]["temperatures"]
    assert len(temperatures) == folds
    for fold, temperature in enumerate(temperatures):
        rows = np.flatnonzero(fold_of == fold)
        name = f"teachers/fold-{fold}" if folds == 2 else "teacher"
        logits = logits_of(run, name, splits.train.take(rows).segments(), chosen)
        unseen, right = logits, splits.train.labels[rows]
        if folds == 1:
            unseen = read_predictions(run / "predictions" / "teacher" / "valid.parquet", splits.valid.ids)
            right = splits.valid.labels
        assert temperature == pytest.approx(task.fit_temperature(unseen, right), rel=1e-3)
        np.testing.assert_allclose(labels[rows], logits / temperature, atol=1e-4)
        assert (labels[rows].argmax(-1) == logits.argmax(-1)).all()


@pytest.mark.slow
def test_a_finished_teacher_has_no_folds(recipe, tiny_recipe, tmp_path):
    distill(Recipe.from_dict(tiny_recipe()), tmp_path / "first")
    raw = tiny_recipe()
    raw["teacher"] = {"model": str(tmp_path / "first" / "teacher"), "fine_tune": False, "allow_weak": True}
    with pytest.raises(RecipeError) as raised:
        distill(Recipe.from_dict(raw | {"soft_labels": {"members": 2}}), tmp_path / "run")
    assert str(raised.value) == (
        "soft_labels.members: would train further teachers, but teacher.fine_tune is false. Set it to true, or "
        "soft_labels.members to 1."
    )
    assert not (tmp_path / "run").exists()


def test_the_doctor_counts_the_teachers_of_all_folds(recipe):
    estimates = {each.stage: each.seconds for each in diagnose(recipe(folds=3)).estimates}
    assert list(estimates)[:5] == ["teacher", *FOLDS, "soft labels"]
    assert all(estimates[name] <= estimates["teacher"] for name in FOLDS)


@pytest.mark.slow
def test_label_stops_after_the_soft_labels_and_distill_goes_on(recipe, tmp_path):
    run, chosen = tmp_path / "run", recipe(folds=2)
    (worth,) = label(chosen, run)
    assert not (run / "student").exists()
    stages = Stages()
    report = distill(chosen, run, reporter=stages)
    assert not [name for name in stages.begun if "teacher" in name or name == "soft labels"]
    assert worth.accuracy == report["soft_labels"]["labels"]["accuracy"]
    assert worth.valid["macro_f1"] == pytest.approx(report["models"]["teacher"]["valid"]["macro_f1"]["mean"])


def test_a_row_in_no_fold_is_an_error(tmp_path):
    np.save(tmp_path / "1.npy", np.float32([[0, 1]]))
    with pytest.raises(CorruptArtefactError, match=r"^1 rows are in no fold\.$"):
        combine_logits([Part(tmp_path / "1.npy", np.array([0]))], tmp_path / "all.npy", 2)
