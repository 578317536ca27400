"""The student's stages: every loss of the recipe trains, and what cannot be trained is refused before anything is."""

import copy
import json

import pytest

from alambique import Recipe, distill
from alambique.commands import rewrite_report
from alambique.doctor.diagnose import diagnose
from alambique.errors import CorruptArtefactError, RecipeError
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.losses.prediction import LOSSES
from alambique.training.resumable_trainer import ResumableTrainer
from conftest import LABELS, Stages, rows, write_jsonl

OPTIONS = {"dkd": {"beta": 2.0}, "dist": {"gamma": 0.5}}


def changed(raw, **distillation):
    raw = copy.deepcopy(raw)
    raw["data"]["label_order"] = list(LABELS)
    raw["distillation"] = distillation
    return Recipe.from_dict(raw)


def weights(run):
    return (run / "student" / "model.safetensors").read_bytes()


@pytest.mark.slow
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


@pytest.mark.slow
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


def files(run):
    """Names and bytes of what a run holds of models and predictions."""
    return {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name in ("model.safetensors", "history.json", "valid.parquet", "test.parquet")
    }


def key(folder):
    return json.loads((folder / "manifest.json").read_text())["key"]


PATIENT = {"epochs": 7, "patience": 1, "learning_rate": 0.01}


@pytest.mark.slow
def test_the_twin_makes_as_many_epochs_as_its_student_whatever_they_give(tiny_recipe, tmp_path, monkeypatch):
    """The student's best epoch is the third; its twin's would be the first, and it has no patience of its own."""
    values = iter([0.9] * 4 + [0.4, 0.5, 0.6, 0.6] + [0.8, 0.5, 0.5, 0.5])  # teacher, student, twin
    real = type(SINGLE_LABEL).epoch_metrics
    monkeypatch.setattr(type(SINGLE_LABEL), "epoch_metrics", lambda *scored: real(*scored) | {"macro_f1": next(values)})
    run, raw = tmp_path / "run", tiny_recipe(student=PATIENT)
    report = distill(Recipe.from_dict(raw), run)
    assert next(values, None) is None
    epochs = {name: report["models"][name]["epochs"] for name in ("teacher", "student", "undistilled")}
    assert epochs == {
        "teacher": {"planned": 4, "made": [4]},
        "student": {"planned": 7, "made": [4]},
        "undistilled": {"planned": 7, "made": [4]},
    }
    logs = {name: json.loads((run / name / "history.json").read_text()) for name in ("student", "undistilled")}
    rates = {name: [entry["learning_rate"] for entry in log if "loss" in entry] for name, log in logs.items()}
    assert rates["student"] == rates["undistilled"]
    assert len(rates["student"]) == 4 * 10
    assert "Student without distillation 4 of 7 (the same steps and learning rates" in (run / "README.md").read_text()
    assert "Student without distillation 4 of 7 (the same steps and learning rates" in (run / "report.html").read_text()
    assert key(run / "student")["recipe"]["patience"] == 1
    assert "patience" not in key(run / "undistilled")["recipe"]
    assert key(run / "undistilled")["stop_after"] == 4
    again = Stages()
    distill(Recipe.from_dict(raw), run, reporter=again)
    assert again.begun == []


@pytest.mark.slow
def test_patience_that_never_ends_a_training_changes_nothing_but_the_students_key(tiny_recipe, tmp_path):
    raw, run = tiny_recipe(student={"epochs": 2}), tmp_path / "run"
    distill(Recipe.from_dict(raw), run)
    before = files(run)
    again = Stages()
    distill(Recipe.from_dict(tiny_recipe(student={"epochs": 2, "patience": 2})), run, reporter=again)
    assert again.begun == ["student (seed 0)"]  # its weights are the same, so nothing after it is
    assert files(run) == before


@pytest.mark.slow
def test_a_teacher_may_have_patience_too(tiny_recipe, tmp_path):
    raw = tiny_recipe(teacher={"epochs": 40, "patience": 2, "learning_rate_schedule": "constant"})
    report = distill(Recipe.from_dict(raw), tmp_path / "run")
    made = report["models"]["teacher"]["epochs"]
    assert made["planned"] == 40
    assert 3 <= made["made"][0] < 40
    assert key(tmp_path / "run" / "teacher")["recipe"]["patience"] == 2
    log = json.loads((tmp_path / "run" / "teacher" / "history.json").read_text())
    values = [entry["eval_macro_f1"] for entry in log if "eval_macro_f1" in entry]
    assert values.index(max(values)) == len(values) - 3


def test_several_students_of_one_teacher(tiny_recipe, tmp_path):
    alone, run = tmp_path / "alone", tmp_path / "run"
    distill(Recipe.from_dict(tiny_recipe()), alone)
    raw = tiny_recipe(student={"seeds": 3})
    first = Stages()
    report = distill(Recipe.from_dict(raw), run, reporter=first)
    pairs = [f"{name} (seed {seed})" for seed in (0, 1000, 2000) for name in ("student", "undistilled")]
    assert [stage for stage in first.begun if "(seed" in stage] == ["teacher (seed 0)", *pairs]
    made = files(run)
    assert {name: made[name] for name in files(alone)} == files(alone)  # the first is the student of the run
    further = {name.split("/", 2)[2] for name in made.keys() - files(alone).keys()}
    assert further == {
        f"{folder}/{file}"
        for model in ("student", "undistilled")
        for folder, names in (
            (model, ("model.safetensors", "history.json")),
            (f"predictions/{model}", ("valid.parquet", "test.parquet")),
        )
        for file in names
    }
    different = {made[f"{place}student/model.safetensors"] for place in ("", "students/2/", "students/3/")}
    assert len(different) == 3
    assert report["seeds"] == {
        "all": [0], "students": [0, 1000, 2000], "kept": 0, "chosen_by": "valid macro_f1",
    }  # fmt: skip
    assert report["verdict"]["counts"] == "rows and student seeds"
    assert [test["seed"] for test in report["verdict"]["mcnemar"]] == [0, 1000, 2000]
    seconds = [
        json.loads((run / place / "student" / "manifest.json").read_text())["seconds"]
        for place in ("", "students/2", "students/3")
    ]
    assert report["timings"]["student"] == pytest.approx(sum(seconds))
    lengths = {name: len(model["test"]["macro_f1"]["per_seed"]) for name, model in report["models"].items()}
    assert lengths == {"teacher": 1, "student": 3, "undistilled": 3, "tfidf": 1, "majority": 1}
    assert len(report["verdict"]["gain"]["per_seed"]) == 3
    assert "The teacher is one and the same for all trainings; another may give a different answer" in (
        run / "report.html"
    ).read_text("utf-8")


@pytest.mark.slow
def test_a_further_student_trains_alone_and_fewer_train_nothing(tiny_recipe, tmp_path):
    run = tmp_path / "run"

    def begun(students, **keys):
        stages = Stages()
        distill(Recipe.from_dict(tiny_recipe(student={"seeds": students}, **keys)), run, reporter=stages)
        return [stage for stage in stages.begun if not stage.startswith(("scoring", "benchmark"))]

    pair = ["student (seed 1000)", "undistilled (seed 1000)"]
    assert begun(1)[-2:] == ["student (seed 0)", "undistilled (seed 0)"]
    assert begun(2) == pair
    assert begun(2) == begun(1) == []
    assert rewrite_report(run).seeds.students == (0,)
    # with another seed the pairs of the first move below it, and are not trained again
    several = ["teacher (seed 1)", "soft labels", "student (seed 1)", "undistilled (seed 1)"]
    assert begun(2, seeds=[0, 1]) == [*several, "student (seed 1001)", "undistilled (seed 1001)"]
    report = rewrite_report(run)
    assert report.seeds.students == (0, 1000, 1, 1001)
    assert report.verdict.counts == "rows and seeds"
    assert len(report.verdict.gain.per_seed) == 4
    assert begun(2, distillation={"temperature": 3.0}, seeds=[0]) == ["student (seed 0)", "student (seed 1000)"]


@pytest.mark.slow
def test_a_further_student_that_was_stopped_goes_on(tiny_recipe, tmp_path, monkeypatch):
    recipe = Recipe.from_dict(tiny_recipe(student={"seeds": 2, "epochs": 3}))
    distill(recipe, tmp_path / "whole")
    real, calls = ResumableTrainer._save_checkpoint, []

    def save(trainer, *given):
        real(trainer, *given)
        calls.append(trainer.state.global_step)
        if len(calls) == 4 + 3 + 3 + 2:  # teacher, student, twin; the second epoch of the further student
            raise ChildProcessError

    monkeypatch.setattr(ResumableTrainer, "_save_checkpoint", save)
    with pytest.raises(ChildProcessError):
        distill(recipe, tmp_path / "parts")
    distill(recipe, tmp_path / "parts")
    assert calls[12:] == [30, 10, 20, 30]  # its last epoch, and those of its twin
    assert files(tmp_path / "parts") == files(tmp_path / "whole")


@pytest.mark.slow
def test_a_damaged_further_student_is_named(tiny_recipe, tmp_path):
    run = tmp_path / "run"
    distill(Recipe.from_dict(tiny_recipe(student={"seeds": 2})), run)
    (run / "students" / "2" / "student" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(CorruptArtefactError, match="students/2/student/model.safetensors has SHA-256"):
        rewrite_report(run)


def test_seeds_of_students_that_would_meet_are_refused(tiny_recipe):
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict(tiny_recipe(student={"seeds": 2}, seeds=[0, 1000]))
    assert str(refused.value) == (
        "the recipe has a problem:\n  seeds: 0 and 1000 would both train a student of seed 1000, because student.seeds is "
        "2; name seeds that are closer together."
    )


@pytest.mark.slow
def test_each_key_of_schedules_and_layers_is_keyed_and_then_trains_nothing(tiny_recipe, tmp_path):
    teacher = {
        "from_scratch": {"layers": 4, "width": 16, "heads": 2, "vocabulary": 300},
        "epochs": 2,
        "allow_weak": True,
    }
    start = {"architecture": "same", "layers": 2}
    raw = tiny_recipe(teacher=teacher, student={"from_scratch": None, "from_teacher": start})
    pair = {"student (seed 0)", "undistilled (seed 0)"}

    def begun():
        stages = Stages()
        distill(Recipe.from_dict(copy.deepcopy(raw)), tmp_path / "run", reporter=stages)
        return {stage for stage in stages.begun if stage.endswith("(seed 0)")}

    assert begun() == pair | {"teacher (seed 0)"}
    before = weights(tmp_path / "run")
    for section, keys, trained in (
        ("distillation", {"temperature": [4, 1]}, {"student (seed 0)"}),
        ("distillation", {"hard_label_weight": [0, 0.5]}, {"student (seed 0)"}),
        ("student", {"learning_rate_schedule": "cosine"}, pair),
        ("student", {"from_teacher": {**start, "choose": "lower"}}, pair),
        ("teacher", {"learning_rate_schedule": "constant"}, pair | {"teacher (seed 0)"}),
    ):
        raw[section] = {**raw.get(section, {}), **keys}
        assert begun() == trained, keys
        assert begun() == set(), keys
        after = weights(tmp_path / "run")
        assert after != before, keys
        before = after
