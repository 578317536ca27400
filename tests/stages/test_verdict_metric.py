"""The figure of the verdict through the pipeline: what is trained again, what the report says."""

import json

import pytest

from alambique import Recipe, distill
from alambique.commands import rewrite_report
from alambique.report.terminal import verdict_line
from conftest import LABELS, Stages

F1 = {"name": "f1", "class": LABELS[0]}


def recipe_of(raw, **verdict):
    return Recipe.from_dict({**raw, "teacher": raw["teacher"] | {"allow_weak": True}, "verdict": verdict})


def key(run, name):
    return json.loads((run / name / "manifest.json").read_text())["key"]


def test_a_class_decides_and_epochs_are_chosen_by_it(tiny_recipe, tmp_path):
    run, raw = tmp_path / "run", tiny_recipe(student={"epochs": 3})
    distill(recipe_of(raw), run)
    assert not any({"best_epoch", "task"} & key(run, name).keys() for name in ("teacher", "student", "undistilled"))

    stages = Stages()
    report = distill(recipe_of(raw, metric=F1, metric_for_best_epoch="macro_f1"), run, reporter=stages)
    assert stages.begun == []  # epochs are those of before
    name = f"F1 of {LABELS[0]}"
    assert report["verdict"]["gain"]["metric"] == report["verdict"]["retention"]["metric"] == name
    figure = report["models"]["student"]["test"][name]
    assert figure["low"] <= figure["mean"] <= figure["high"]
    assert report["seeds"]["chosen_by"] == f"valid {name}"
    assert f"points of {name} on test" in verdict_line(rewrite_report(run))
    assert f"{name}, %" in (run / "report.html").read_text()

    distill(recipe_of(raw, metric=F1), run)
    for model in ("teacher", "student", "undistilled"):
        assert key(run, model)["best_epoch"] == F1
        history = json.loads((run / model / "history.json").read_text())
        values = [entry["eval_f1"] for entry in history if "eval_f1" in entry]
        assert len(values) == 3
    report = json.loads((run / "report.json").read_text())
    assert report["models"]["student"]["valid"][name]["mean"] == pytest.approx(max(values_of(run, "student")))


def values_of(run, model):
    history = json.loads((run / model / "history.json").read_text())
    return [entry["eval_f1"] for entry in history if "eval_f1" in entry]


@pytest.mark.slow
def test_less_error_is_a_better_epoch_and_a_gain(tiny_recipe, tmp_path):
    run = tmp_path / "run"
    raw = tiny_recipe(student={"epochs": 3}, data={"label_order": list(LABELS)})
    report = distill(recipe_of(raw, metric="mean_absolute_error"), run)
    errors = [
        entry["eval_mean_absolute_error"]
        for entry in json.loads((run / "student" / "history.json").read_text())
        if "eval_mean_absolute_error" in entry
    ]
    models = report["models"]
    assert models["student"]["valid"]["mean_absolute_error"]["mean"] == pytest.approx(min(errors))
    twin, student = (models[name]["test"]["mean_absolute_error"]["mean"] for name in ("undistilled", "student"))
    assert report["verdict"]["gain"]["mean"] == pytest.approx(twin - student)
    assert report["verdict"]["retention"]["mean"] is None
    said = verdict_line(rewrite_report(run))
    assert "steps taken off the mean absolute error on test" in said
    assert models["student"]["test"]["quadratic_weighted_kappa"]["mean"] <= 1
