"""A teacher that is known by its answers alone: a whole run, what the report says, and what is refused."""

import csv
import json
import shutil

import numpy as np
import pytest
import torch

from alambique import Recipe, distill
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.commands import rescore, rewrite_report
from alambique.doctor.diagnose import diagnose
from alambique.errors import DataError, ModelError, RecipeError, RunFolderError
from alambique.inference.classifier import gives_weights
from alambique.pipeline import label
from alambique.progress import Reporter
from alambique.report.model_card import model_card
from alambique.report.schema import Report
from alambique.sweep.candidates import Candidates
from alambique.sweep.search import sweep
from conftest import LABELS, WORDS, Stages

SCRATCH = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300}


def answer(text, sure=0.8):
    """Probabilities by label of something that knows the words, in an order that is not the data's."""
    said = next(label for label in LABELS if text.split()[0] in WORDS[label])
    return {label: sure if label == said else (1 - sure) / 2 for label in reversed(LABELS)}


def texts(data_folder):
    return [json.loads(line)["text"] for name in ("train", "valid", "test")
            for line in (data_folder / f"{name}.jsonl").read_text().splitlines()]  # fmt: skip


def write_file(path, data_folder, answer=answer):
    with path.open("w") as stream:
        writer = csv.DictWriter(stream, ["text", *reversed(LABELS)])
        writer.writeheader()
        writer.writerows({"text": text, **answer(text)} for text in texts(data_folder))
    return path


@pytest.fixture
def recipe(tiny_recipe, data_folder, tmp_path):
    """Build the tiny recipe with a file for a teacher."""
    file = write_file(tmp_path / "answers.csv", data_folder)

    def build(**sections):
        raw = tiny_recipe(**sections)
        raw["teacher"] = {"probabilities": str(file), **sections.get("teacher", {})}
        raw["student"] = {**raw["student"], "from_scratch": SCRATCH} if "student" not in sections else raw["student"]
        return Recipe.from_dict(raw)

    return build


def test_a_file_teaches_a_student(recipe, tmp_path):
    run, stages = tmp_path / "run", Stages()
    report = distill(recipe(), run, reporter=stages)
    labels = read_soft_labels(run / "soft_labels")
    probabilities = torch.softmax(torch.from_numpy(np.array(labels.logits)), 1).numpy()
    assert np.sort(probabilities, axis=1)[:, -1] == pytest.approx(0.8, abs=1e-5)
    teacher = report["models"]["teacher"]
    assert (teacher["parameters"], teacher["bytes"], teacher["latency_ms"], teacher["throughput_per_s"]) == (None,) * 4
    assert teacher["valid"]["accuracy"]["mean"] == pytest.approx(43 / 48)  # every tenth label or so is wrong
    assert report["data"]["notes"] == [
        "The teacher is a file of probabilities (answers.csv): the size and the latency of what made it are not known, and "
        "whether that was trained on rows of valid or test is not known either."
    ]
    assert report["verdict"]["retention"]["mean"] > 0
    assert sorted(path.name for path in (run / "teacher").iterdir()) == [
        "answers.json", "manifest.json", "test.parquet", "train.parquet", "valid.parquet",
    ]  # fmt: skip
    assert stages.begun == [
        "scoring majority", "scoring tfidf", "soft labels", "student (seed 0)", "scoring student",
        "undistilled (seed 0)", "scoring undistilled", "benchmark",
    ]  # fmt: skip
    card = (run / "README.md").read_text()
    assert "distilled from the answers of a teacher. It classifies" in card
    hub = model_card(Report.model_validate(report), name="me/student")
    assert "probabilities: answers.csv" in hub  # a path of this machine is nothing to others
    assert str(tmp_path) not in hub
    assert "| Teacher | – | 89.6 |" in card
    assert not gives_weights(run)
    scores = rescore(run, "valid", reporter=Reporter())
    assert scores["teacher"]["accuracy"] == pytest.approx(43 / 48)
    assert scores["student"]["accuracy"] == report["models"]["student"]["valid"]["accuracy"]["mean"]
    assert ">None<" not in (run / "report.html").read_text()


def test_a_second_run_trains_nothing_and_another_file_makes_the_labels_anew(recipe, data_folder, tmp_path):
    run, stages = tmp_path / "run", Stages()
    label(recipe(), run, reporter=stages)
    assert stages.begun == ["soft labels"]
    before = np.array(read_soft_labels(run / "soft_labels").logits)
    again = Stages()
    label(recipe(), run, reporter=again)
    assert again.begun == []
    write_file(tmp_path / "answers.csv", data_folder, lambda text: answer(text, sure=0.6))
    (worth,) = label(recipe(), run, reporter=again)
    assert again.begun == ["soft labels"]
    assert worth.confidence == pytest.approx(0.6)
    assert not np.allclose(before, read_soft_labels(run / "soft_labels").logits)


def test_a_report_is_written_again_where_the_file_is_gone(recipe, tmp_path):
    run = tmp_path / "run"
    distill(recipe(), run)
    (tmp_path / "answers.csv").unlink()
    assert rewrite_report(run).teacher.parameters is None
    (tmp_path / "answers.csv").write_text("text,bad\n")  # another file: the run is not of this recipe any more
    with pytest.raises(RunFolderError):
        rewrite_report(run)


def test_a_temperature_is_fitted_on_valid(recipe, tmp_path):
    run = tmp_path / "run"
    label(recipe(soft_labels={"calibrate": True}), run)
    labels = read_soft_labels(run / "soft_labels")
    (temperature,) = labels.worth["temperatures"]
    assert temperature < 1  # it is right more often than it is sure
    label(recipe(), tmp_path / "plain")
    plain = read_soft_labels(tmp_path / "plain" / "soft_labels")
    np.testing.assert_allclose(labels.logits, plain.logits / temperature, rtol=1e-5)


@pytest.mark.slow
def test_a_student_with_a_tokenizer_of_its_own(recipe, tiny_bert, tokenizer, tmp_path):
    folder = tmp_path / "small"
    tiny_bert(layers=1).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    student = {"from_scratch": None, "model": str(folder), "epochs": 1}
    report = distill(recipe(student=student), tmp_path / "run")
    assert report["models"]["student"]["parameters"] > 0


def test_a_file_that_is_not_better_than_guessing_is_refused(recipe, data_folder, tmp_path):
    train = [json.loads(line)["label"] for line in (data_folder / "train.jsonl").read_text().splitlines()]
    frequent = max(LABELS, key=train.count)
    write_file(
        tmp_path / "answers.csv", data_folder, lambda text: {name: 0.3 + 0.1 * (name == frequent) for name in LABELS}
    )
    with pytest.raises(ModelError) as refused:
        label(recipe(), tmp_path / "run")
    message = str(refused.value)
    assert message.startswith("On valid, the teacher gets macro-F1 ")
    assert message.endswith(
        " A student would learn noise from it. Look whether its values stand with the right rows and labels, or give "
        "another file. To go on all the same: --set teacher.allow_weak=true"
    )
    assert label(recipe(teacher={"allow_weak": True}), tmp_path / "run")


def test_the_doctor_names_the_faults_of_the_file(recipe, data_folder, tmp_path):
    lines = (tmp_path / "answers.csv").read_text().splitlines(keepends=True)
    (tmp_path / "answers.csv").write_text("".join([*lines[:100], lines[100].replace("0.8", "0.9"), *lines[102:]]))
    with pytest.raises(DataError) as refused:
        diagnose(recipe())
    assert [line.split(":")[0].split(",")[0] for line in str(refused.value).splitlines()] == [
        "teacher.probabilities", "  1 of 160 rows of train are not in it", "  line 101",
    ]  # fmt: skip


def test_the_doctor_judges_the_answers(recipe, data_folder, tmp_path):
    diagnosis = diagnose(recipe())
    assert not {finding.code for finding in diagnosis.findings} & {"weak-answers", "permuted-label-map"}
    assert [estimate.stage for estimate in diagnosis.estimates] == ["soft labels", "student", "undistilled", "scoring"]
    write_file(
        tmp_path / "answers.csv", data_folder, lambda text: dict(zip(LABELS, answer(text).values(), strict=True))
    )
    codes = {finding.code for finding in diagnose(recipe()).findings if finding.where == "teacher"}
    assert codes == {"reversed-label-map"}


def test_forms_that_need_weights_are_refused_together(tiny_recipe):
    raw = tiny_recipe(
        teacher={"from_scratch": None, "probabilities": "p.csv"}, distillation={"features": "hidden"},
        soft_labels={"folds": 5, "members": 2},
    )  # fmt: skip
    raw["student"] = {"from_teacher": {"layers": 1}}
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict(raw)
    assert str(refused.value) == (
        "the recipe has 4 problems:\n"
        "  student.from_teacher: is made of a teacher's layers, and teacher.probabilities has none. Give student.model or "
        "student.from_scratch.\n"
        "  distillation.features: compares the layers of student and teacher, and teacher.probabilities has none. Leave it "
        "out.\n"
        "  soft_labels.folds: would train further teachers, and teacher.probabilities is not trained. Set it to 1.\n"
        "  soft_labels.members: would train further teachers, and teacher.probabilities is not trained. Set it to 1."
    )


def without_train_labels(data_folder):
    file = data_folder / "train.jsonl"
    rows = [json.loads(line)["text"] for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows))


def test_train_needs_no_labels(recipe, data_folder, tmp_path):
    without_train_labels(data_folder)
    run, stages = tmp_path / "run", Stages()
    report = distill(recipe(seeds=[0, 1]), run, reporter=stages)
    assert stages.begun == [
        "soft labels", "student (seed 0)", "scoring student", "soft labels", "student (seed 1)", "scoring student",
        "benchmark",
    ]  # fmt: skip
    assert list(report["models"]) == ["teacher", "student"]
    assert not list(run.rglob("undistilled"))
    assert {path.name for path in (run / "predictions").iterdir()} == {"teacher", "student"}
    verdict = report["verdict"]
    assert (verdict["gain"], verdict["helped"], verdict["mcnemar"]) == (None, "not measured", [])
    assert (verdict["counts"], len(verdict["retention"]["per_seed"])) == ("rows and seeds", 2)
    assert report["soft_labels"]["labels"]["accuracy"] is None
    assert "undistilled" not in report["timings"]
    assert (read_splits(run / "data").train.labels == -100).all()
    again = Stages()
    assert distill(recipe(seeds=[0, 1]), run, reporter=again) == report
    assert again.begun == []
    assert rewrite_report(run).verdict.helped == "not measured"
    assert list(rescore(run, "valid", reporter=Reporter())) == ["teacher", "student"]
    card = (run / "README.md").read_text()
    assert "**Not measured whether distillation helped**: train has no labels, so there is no student" in card
    assert "Student without distillation" not in card
    assert "temperature 2.0, no hard labels, seed" in card
    assert ">None<" not in (run / "report.html").read_text()


@pytest.mark.slow
def test_a_student_without_labels_of_train_is_the_one_of_soft_labels_alone(recipe, data_folder, tmp_path):
    soft = {"distillation": {"hard_label_weight": 0.0}}
    distill(recipe(**soft), tmp_path / "labelled")
    without_train_labels(data_folder)
    distill(recipe(**soft), tmp_path / "unlabelled")
    first, second = (
        (tmp_path / name / "student" / "model.safetensors").read_bytes() for name in ("labelled", "unlabelled")
    )
    assert first == second


@pytest.mark.slow
def test_a_run_whose_train_loses_its_labels_has_no_undistilled_student(recipe, data_folder, tmp_path):
    distill(recipe(), tmp_path / "run")
    without_train_labels(data_folder)
    report = distill(recipe(teacher={"allow_weak": True}), tmp_path / "run")
    assert list(report["models"]) == ["teacher", "student"]
    assert list(report["timings"]) == [
        "data", "benchmark", "teacher", "soft_labels", "student", "predictions/teacher", "predictions/student",
    ]  # fmt: skip
    assert not [note for note in report["data"]["notes"] if "allow_weak" in note]


def test_labels_and_doctor_of_a_train_without_labels(recipe, data_folder, tmp_path):
    without_train_labels(data_folder)
    (worth,) = label(recipe(), tmp_path / "run")
    assert (worth.accuracy, worth.calibration_error) == (None, None)
    assert worth.confidence == pytest.approx(0.8)
    diagnosis = diagnose(recipe())
    assert [estimate.stage for estimate in diagnosis.estimates] == ["soft labels", "student", "scoring"]
    assert not {each.code for each in diagnosis.findings} & {
        "labels-out-of-range",
        "student-cannot-move",
        "absent-classes",
    }
    with pytest.raises(RecipeError, match="hard_label_weight is 1"):
        diagnose(recipe(distillation={"hard_label_weight": 1.0}))


@pytest.mark.slow
def test_a_sweep_over_a_train_without_labels(recipe, data_folder, tmp_path):
    without_train_labels(data_folder)
    (tmp_path / "mine.yaml").write_text(recipe().to_yaml())
    candidates = Candidates.load(str(tmp_path / "mine.yaml"), ["distillation.temperature=1,4"])
    result = sweep(candidates, tmp_path / "sweep")
    assert [trial.status for trial in result.trials] == ["done", "done"]
    refused = Candidates.load(str(tmp_path / "mine.yaml"), ["distillation.hard_label_weight=0,1"])
    with pytest.raises(RecipeError, match="hard_label_weight is 1"):
        sweep(refused, tmp_path / "other")


@pytest.mark.slow
def test_a_run_goes_on_after_a_kill(recipe, tmp_path):
    run = tmp_path / "run"
    distill(recipe(), run)
    shutil.rmtree(run / "student")
    stages = Stages()
    distill(recipe(), run, reporter=stages)
    assert stages.begun == ["student (seed 0)"]  # the same weights: nothing else is made again
