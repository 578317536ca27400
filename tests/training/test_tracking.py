import json
import os
import sys
from types import SimpleNamespace

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from alambique import Recipe, distill
from alambique.doctor.diagnose import diagnose
from alambique.errors import RecipeError
from alambique.training.tracking import check_tracker, tracked
from conftest import Stages

TRAININGS = ["student-seed-0", "teacher-seed-0", "undistilled-seed-0"]


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_each_training_is_a_run_and_nothing_else_differs(tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    plain, tracked_run = tmp_path / "plain", tmp_path / "tracked"
    distill(Recipe.from_dict(tiny_recipe()), plain)
    assert not (plain / "tracking").exists()
    recipe = Recipe.from_dict(tiny_recipe(compute={"report_to": "tensorboard"}))
    distill(recipe, tracked_run)
    assert sorted(path.name for path in (tracked_run / "tracking").iterdir()) == TRAININGS
    assert {name for name in files(tracked_run) if not name.startswith("tracking/")} == files(plain)
    for name in ("teacher", "student", "undistilled", "soft_labels"):
        first, second = (json.loads((run / name / "manifest.json").read_text()) for run in (plain, tracked_run))
        assert first["key"] == second["key"]
        assert first["files"] == second["files"]
    assert "TENSORBOARD_LOGGING_DIR" not in os.environ

    for name in TRAININGS:
        events = EventAccumulator(str(tracked_run / "tracking" / name)).Reload()
        assert {"train/loss", "eval/loss", "eval/macro_f1"} <= set(events.Tags()["scalars"])
        history = json.loads((tracked_run / name.removesuffix("-seed-0") / "history.json").read_text())
        logged = [event.value for event in events.Scalars("eval/macro_f1")]
        assert logged == pytest.approx([entry["eval_macro_f1"] for entry in history if "eval_macro_f1" in entry])

    stages = Stages()
    distill(
        Recipe.from_dict(tiny_recipe()), tracked_run, reporter=stages
    )  # a tracker more or less trains nothing again
    assert stages.begun == []


@pytest.mark.parametrize("begin", [check_tracker, "distill", "doctor"])
def test_a_tracker_that_is_not_installed_is_said_before_anything(begin, tiny_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("alambique.training.tracking.find_spec", lambda name: None)
    recipe = Recipe.from_dict(tiny_recipe(compute={"report_to": "trackio"}))
    with pytest.raises(RecipeError) as refused:
        if begin == "distill":
            distill(recipe, tmp_path / "run")
        elif begin == "doctor":
            diagnose(recipe)
        else:
            begin("trackio")
    assert str(refused.value) == (
        "compute.report_to: trackio is not installed. To have it: pip install trackio. To do without: "
        "--set compute.report_to=none"
    )
    assert not (tmp_path / "run").exists()
    check_tracker("none")


def test_where_each_writes_and_what_its_run_is_called(tmp_path, monkeypatch):
    for variable in ("WANDB_DIR", "WANDB_PROJECT", "TRACKIO_DIR", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://tracker")
    work = tmp_path / "liar" / "seeds" / "3" / ".work" / "teachers" / "second"
    work.mkdir(parents=True)
    with tracked("mlflow", work, seed=3) as name:
        assert name == "liar-teachers-second-seed-3"
        assert os.environ["WANDB_DIR"] == os.environ["TRACKIO_DIR"] == str(tmp_path / "liar" / "tracking")
        assert os.environ["TENSORBOARD_LOGGING_DIR"] == str(tmp_path / "liar" / "tracking" / "teachers-second-seed-3")
        assert os.environ["WANDB_PROJECT"] == os.environ["MLFLOW_EXPERIMENT_NAME"] == "alambique"
        assert os.environ["MLFLOW_TRACKING_URI"] == "http://tracker"  # the user's stays
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://tracker"
    assert "WANDB_DIR" not in os.environ


def test_a_run_in_a_folder_that_happens_to_be_called_seeds(tmp_path):
    work = tmp_path / "seeds" / "mine" / ".work" / "student"
    work.mkdir(parents=True)
    (tmp_path / "seeds" / "mine" / "recipe.yaml").touch()
    with tracked("tensorboard", work, seed=0) as name:
        assert name == "mine-student-seed-0"
    assert (tmp_path / "seeds" / "mine" / "tracking").is_dir()
    assert not (tmp_path / "tracking").exists()


@pytest.mark.parametrize("below", ["students/2", "seeds/1/students/2"])
def test_a_further_student_is_tracked_in_the_run(tmp_path, below):
    work = tmp_path / "mine" / below / ".work" / "student"
    work.mkdir(parents=True)
    (tmp_path / "mine" / "recipe.yaml").touch()
    with tracked("tensorboard", work, seed=1001) as name:
        assert name == "mine-student-seed-1001"
    assert (tmp_path / "mine" / "tracking").is_dir()


def test_without_a_tracker_nothing_is_made(tmp_path):
    before = dict(os.environ)
    with tracked("none", tmp_path / "work", seed=0):
        assert dict(os.environ) == before
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_wandb_ends_with_its_training(tmp_path, monkeypatch):
    ended = []
    wandb = SimpleNamespace(run=object(), finish=lambda: ended.append("ended"))
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    (tmp_path / "run").mkdir()
    with pytest.raises(KeyboardInterrupt), tracked("wandb", tmp_path / "run" / ".work" / "student", seed=0):
        raise KeyboardInterrupt
    assert ended == ["ended"]
