"""What is done to a finished run, and to one that was made by an earlier version."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from alambique import Recipe, distill
from alambique.commands import export, rescore, rewrite_report
from alambique.data import quickstart
from alambique.errors import CorruptArtefactError, RunFolderError
from alambique.progress import Reporter
from alambique.run.integrity import file_hash
from alambique.run.layout import MODELS
from conftest import Stages

OLD_RUN = Path(__file__).parent / "run" / "run_of_version_0.1.0.zip"


@pytest.fixture
def old_run(tmp_path, monkeypatch):
    """A run that version 0.1.0 made before modules moved: a student of the teacher's layers, on the embedded claims."""
    monkeypatch.setitem(quickstart.ROWS, "train", 5400)  # the embedded set had as many then
    with zipfile.ZipFile(OLD_RUN) as archive:
        archive.extractall(tmp_path / "old")
    return tmp_path / "old"


def manifests(run):
    return {name: (run / name / "manifest.json").read_bytes() for name in (*MODELS, "soft_labels", "benchmark", "data")}


def test_a_run_of_an_earlier_version_is_continued_and_nothing_is_made_again(old_run):
    before = manifests(old_run)
    stages = Stages()
    distill(Recipe.load(old_run / "recipe.yaml"), old_run, reporter=stages)
    assert stages.begun == []
    assert manifests(old_run) == before


def test_a_run_of_an_earlier_version_trains_only_what_changed(old_run):
    before = manifests(old_run)
    stages = Stages()
    distill(Recipe.load(old_run / "recipe.yaml", ("distillation.temperature=4",)), old_run, reporter=stages)
    assert stages.begun == ["student (seed 0)", "scoring student", "benchmark"]
    after = manifests(old_run)
    assert [name for name in before if before[name] != after[name]] == ["student", "benchmark"]


def leaves(values, path=""):
    """The values of nested mappings and lists, by path."""
    if isinstance(values, dict | list):
        pairs = values.items() if isinstance(values, dict) else enumerate(values)
        return {key: leaf for name, part in pairs for key, leaf in leaves(part, f"{path}/{name}").items()}
    return {path: values}


def test_a_run_of_an_earlier_version_is_reported_and_scored(old_run):
    kept = json.loads((old_run / "report.json").read_text("utf-8"))
    figures, before = leaves(rewrite_report(old_run).model_dump(mode="json")["models"]), leaves(kept["models"])
    epochs = {path: figures.pop(path) for path in list(figures) if path.split("/")[2] == "epochs"}  # not reported then
    assert {path: epochs.pop(path) for path in list(epochs) if epochs[path] is None} == {
        "/tfidf/epochs": None, "/majority/epochs": None,
    }  # fmt: skip
    planned = Recipe.load(old_run / "recipe.yaml")
    for model, section in (
        ("teacher", planned.teacher),
        ("student", planned.student),
        ("undistilled", planned.student),
    ):
        assert epochs.pop(f"/{model}/epochs/planned") == epochs.pop(f"/{model}/epochs/made/0") == section.epochs
    assert epochs == {}
    since = {path for path in figures if path.endswith("/if_calibrated") or "/quadratic_weighted_kappa" in path}
    assert figures.keys() - since == before.keys()
    # intervals are computed otherwise since; calibration errors have none
    ends = {path for path in before if path.endswith(("/low", "/high"))}
    for path in ends:
        assert (figures[path] is None) == ("calibration_error" in path or before[path] is None), path
    for path in before.keys() - ends:
        figure = before[path]  # processors differ in the last bits of exp
        assert figures[path] == (pytest.approx(figure, rel=1e-9) if isinstance(figure, float) else figure), path
    scores = rescore(old_run, "test", reporter=Reporter())
    assert scores["student"]["macro_f1"] == pytest.approx(kept["models"]["student"]["test"]["macro_f1"]["mean"])


@pytest.mark.parametrize("command", [rewrite_report, lambda run: rescore(run, "test", reporter=Reporter())])
def test_the_weights_are_hashed_once(old_run, command, monkeypatch):
    hashed = []

    def noted(path):
        hashed.append(path.relative_to(old_run).as_posix())
        return file_hash(path)

    monkeypatch.setattr("alambique.run.manifest.file_hash", noted)
    command(old_run)
    weights = [name for name in hashed if name.endswith(".safetensors")]
    assert sorted(weights) == sorted(f"{name}/model.safetensors" for name in MODELS)


@pytest.mark.parametrize("name", ["teacher/config.json", "student/model.safetensors", "predictions/tfidf/test.parquet"])
def test_a_report_is_not_made_of_damaged_files(old_run, name):
    (old_run / name).write_bytes(b"damaged")
    with pytest.raises(CorruptArtefactError, match=name):
        rewrite_report(old_run)


@pytest.mark.parametrize(
    "change",
    [
        "teacher.epochs=3",
        "compute.precision=bf16",
        "student.learning_rate=1e-3",
        "distillation.temperature=8",
        "seeds=[1]",
    ],
)
def test_a_recipe_that_was_changed_and_then_interrupted_is_not_reported(old_run, change, monkeypatch):
    """The figures that lie there are of another recipe; they must not go under the new one's name."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("alambique.stages.teacher.fit", interrupted)
    monkeypatch.setattr("alambique.stages.student.fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        distill(Recipe.load(old_run / "recipe.yaml", (change,)), old_run)
    assert not (old_run / "report.json").exists()
    for command in (
        rewrite_report,
        lambda run: rescore(run, "test", reporter=Reporter()),
        lambda run: export(run, ["onnx"]),
    ):
        with pytest.raises(RunFolderError) as caught:
            command(old_run)
        assert str(caught.value) == (f"{old_run} is not finished for the recipe in it. Run alambique distill again.")


def test_times_of_an_earlier_student_are_not_reported_for_the_new_one(old_run, monkeypatch):
    """Interrupted between the new student and its benchmark: what lies there was timed on the student before."""

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("alambique.pipeline.time_models", interrupted)
    with pytest.raises(KeyboardInterrupt):
        distill(Recipe.load(old_run / "recipe.yaml", ("distillation.temperature=8",)), old_run)
    monkeypatch.undo()
    with pytest.raises(RunFolderError) as caught:
        rewrite_report(old_run)
    assert str(caught.value) == (f"{old_run} is not finished for the recipe in it. Run alambique distill again.")


@pytest.mark.slow
def test_a_checkpoint_that_is_not_here_any_more_counts_as_recorded(tiny_recipe, tiny_bert, tokenizer, tmp_path):
    tiny_bert().bert.save_pretrained(tmp_path / "encoder")
    tokenizer.save_pretrained(tmp_path / "encoder")
    raw = tiny_recipe(teacher={"from_scratch": None, "model": str(tmp_path / "encoder"), "allow_weak": True})
    distill(Recipe.from_dict(raw), tmp_path / "run")
    shutil.rmtree(tmp_path / "encoder")
    assert rewrite_report(tmp_path / "run").models["teacher"].parameters > 0
