"""Several teachers label train together; one is the special case."""

import json
from dataclasses import replace

import numpy as np
import pytest

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_predictions
from alambique.artefacts.soft_labels import Part, combine_logits, read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.doctor.diagnose import diagnose
from alambique.findings import Finding
from alambique.inference.torch_model import predict_logits
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.report.schema import Report
from alambique.report.terminal import comparison
from alambique.stages.teacher import resolve_teacher, resolve_teachers
from conftest import Stages


def two_teachers(recipe, splits):
    """The recipe's own, and a second one that reads fewer word pieces."""
    (first,) = resolve_teachers(recipe, splits)
    scratch = recipe.teacher.from_scratch.model_copy(update={"vocabulary": 120, "layers": 1})
    settings = recipe.teacher.model_copy(update={"from_scratch": scratch})
    second = resolve_teacher(settings, splits, max_length=recipe.data.max_length)
    return first, replace(second, name="teachers/second")


@pytest.fixture
def recipe(tiny_recipe):
    return Recipe.from_dict(tiny_recipe())


def test_the_soft_labels_are_the_mean_of_their_logits(recipe, tmp_path):
    run, stages = tmp_path / "run", Stages()
    distill(recipe, run, reporter=stages, teachers=two_teachers)
    assert stages.begun.count("soft labels") == 1
    splits = read_splits(run / "data")
    logits = [
        predict_logits(
            load_finished(run / name, key="k"), load_tokenizer(run / name, key="k"), splits.train.segments(),
            max_length=recipe.data.max_length,
        )
        for name in ("teacher", "teachers/second")
    ]  # fmt: skip
    assert not np.allclose(*logits)
    labels = read_soft_labels(run / "soft_labels")
    np.testing.assert_allclose(labels.for_rows(splits.train.ids), np.mean(logits, axis=0), atol=1e-5)
    read_predictions(run / "predictions" / "teachers" / "second" / "test.parquet", splits.test.ids)
    again = Stages()
    distill(recipe, run, reporter=again, teachers=two_teachers)
    assert again.begun == []


@pytest.mark.slow
def test_the_report_has_a_row_for_each(recipe, tmp_path):
    recipe = Recipe.from_dict(recipe.model_dump(mode="json") | {"seeds": [0, 1]})
    run = tmp_path / "run"
    report = distill(recipe, run, teachers=two_teachers)
    assert list(report["models"]) == [
        "teacher",
        "teachers/second",
        "ensemble",
        "student",
        "undistilled",
        "tfidf",
        "majority",
    ]
    second = report["models"]["teachers/second"]
    folders = [run / "seeds" / str(seed) / "teachers" / "second" for seed in (0, 1)]
    splits = read_splits(run / "data")
    for seed, folder in enumerate(folders):
        logits = predict_logits(
            load_finished(folder, key="k"), load_tokenizer(folder, key="k"), splits.test.segments(), max_length=24
        )
        accuracy = second["test"]["accuracy"]["per_seed"][seed]
        assert accuracy == pytest.approx((logits.argmax(-1) == splits.test.labels).mean())
    assert second["parameters"] == load_finished(folders[0], key="k").num_parameters()
    assert second["bytes"] == (run / "teachers" / "second" / "model.safetensors").stat().st_size
    assert len(second["calibration"]) == 2
    assert (second["latency_ms"], second["throughput_per_s"]) == (None, None)  # it is not shipped, and not timed
    for stage in ("teachers/second", "predictions/teachers/second"):
        seconds = [json.loads((run / "seeds" / s / stage / "manifest.json").read_text())["seconds"] for s in "01"]
        assert report["timings"][stage] == pytest.approx(sum(seconds))
    assert "| Teacher second |" in (run / "README.md").read_text()
    assert "Teacher second" in (run / "report.html").read_text()
    assert comparison(Report.model_validate(report)).columns[0]._cells[1] == "Teacher second"


@pytest.mark.slow
def test_a_teacher_that_labelled_nothing_has_no_row(recipe, tmp_path):
    distill(recipe, tmp_path / "run", teachers=two_teachers)
    report = distill(recipe, tmp_path / "run")
    assert (tmp_path / "run" / "teachers" / "second").is_dir()
    assert list(report["models"]) == ["teacher", "student", "undistilled", "tfidf", "majority"]
    assert not [name for name in report["timings"] if "second" in name]


@pytest.mark.slow
def test_another_second_teacher_makes_new_labels_and_leaves_the_first_alone(recipe, tmp_path):
    run = tmp_path / "run"
    distill(recipe, run, teachers=two_teachers)
    stages = Stages()
    distill(recipe, run, reporter=stages)  # one teacher again
    assert stages.begun == ["soft labels", "student (seed 0)", "scoring student", "benchmark"]


@pytest.mark.slow
def test_the_doctor_examines_and_times_each(recipe):
    diagnosis = diagnose(recipe, teachers=two_teachers)
    assert [estimate.stage for estimate in diagnosis.estimates] == [
        "teacher", "teachers/second", "soft labels", "student", "undistilled", "scoring",
    ]  # fmt: skip


def test_the_doctor_says_which_teachers_have_a_fault(recipe, monkeypatch):
    fault = Finding("head-not-trained", "teacher", "It has not learnt this task.", "Fine-tune it first.")
    monkeypatch.setattr("alambique.doctor.examine.examine", lambda *_, **__: [fault])
    findings = diagnose(recipe, teachers=two_teachers).findings
    assert [f.where for f in findings if f.code == fault.code] == ["teacher", "teachers/second"]


def test_the_mean_is_taken_row_by_row(tmp_path):
    first, second = np.float32([[0, 2], [4, 4]]), np.float32([[2, 0], [0, 8]])
    np.save(tmp_path / "1.npy", first)
    np.save(tmp_path / "2.npy", second)
    combine_logits([Part(tmp_path / "1.npy"), Part(tmp_path / "2.npy")], tmp_path / "mean.npy", 2)
    mean = np.load(tmp_path / "mean.npy")
    assert mean.dtype == np.float32
    assert mean.tolist() == [[1, 1], [2, 6]]


def test_a_weight_counts_beside_the_others_of_its_row(tmp_path):
    np.save(tmp_path / "1.npy", np.float32([[0, 2], [4, 4]]))
    np.save(tmp_path / "2.npy", np.float32([[4, 0]]))
    parts = [Part(tmp_path / "1.npy", weight=0.75), Part(tmp_path / "2.npy", np.array([0]), weight=0.25)]
    combine_logits(parts, tmp_path / "mean.npy", 2)
    assert np.load(tmp_path / "mean.npy").tolist() == [[1, 1.5], [4, 4]]  # the second row has one teacher alone
