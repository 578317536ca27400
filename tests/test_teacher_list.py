"""A list under `teacher`: trained and answering teachers label train together, through the whole pipeline."""

import csv
import json
import random

import numpy as np
import pytest
import yaml

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_predictions
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.artefacts.tokens import read_tokens
from alambique.commands import rescore, rewrite_report
from alambique.doctor.diagnose import diagnose
from alambique.errors import DataError, ModelError, RecipeError, RunFolderError
from alambique.evaluation.teacher_weights import teacher_weights
from alambique.inference.torch_model import predict_logits
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.pipeline import label
from alambique.progress import Reporter
from alambique.report.model_card import model_card
from alambique.report.schema import Report
from alambique.run.folder import RunFolder
from conftest import LABELS, Stages

BERT = {
    "from_scratch": {"layers": 1, "width": 32, "heads": 2, "vocabulary": 300},
    "epochs": 1, "batch_size": 8, "learning_rate": 5e-3, "allow_weak": True,
}  # fmt: skip
OTHER = BERT | {
    "from_scratch": {"architecture": "distilbert", "layers": 2, "width": 16, "heads": 2, "vocabulary": 120},
}  # fmt: skip


def write_answers(path, data_folder, right, seed, others=LABELS):
    """A file of probabilities that name the label in this share of the rows, and else one of others."""
    maker, answers = random.Random(seed), {}
    for name in ("train", "valid", "test"):
        for line in (data_folder / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            answers[row["text"]] = row["label"] if maker.random() < right else maker.choice(others)
    with path.open("w") as stream:
        writer = csv.DictWriter(stream, ["text", *LABELS])
        writer.writeheader()
        writer.writerows({"text": text, **{each: 0.8 if each == said else 0.1 for each in LABELS}}
                         for text, said in answers.items())  # fmt: skip
    return {"probabilities": str(path)}


@pytest.fixture
def files(data_folder, tmp_path):
    """Two files of probabilities: the first is right more often."""
    return [write_answers(tmp_path / f"{seed}.csv", data_folder, right, seed) for seed, right in ((1, 0.9), (2, 0.2))]


@pytest.fixture
def recipe(tiny_recipe):
    """Build the tiny recipe with these teachers."""

    def build(*teachers, **sections):
        raw = tiny_recipe(**sections)
        return Recipe.from_dict(raw | {"teacher": list(teachers)})

    return build


def logits_of(run, name, segments):
    folder = run / name
    return predict_logits(
        load_finished(folder, key="k"), load_tokenizer(folder, key="k"), segments, max_length=24
    )  # fmt: skip


def softmax(logits):
    powers = np.exp(np.float64(logits) - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def begun(recipe, run):
    stages = Stages()
    label(recipe, run, reporter=stages)
    return stages.begun


@pytest.mark.slow
def test_each_reads_its_own_tokens_and_a_changed_one_alone_is_trained_again(recipe, tmp_path):
    run = tmp_path / "run"
    first, second = ["teacher (seed 0)", "scoring teacher"], ["teachers/1 (seed 0)", "scoring teachers/1"]
    assert begun(recipe(BERT, OTHER), run) == [*first, *second, "soft labels"]
    train = read_splits(run / "data").train
    own = [read_tokens(run / "tokens" / name / "train") for name in ("teacher", "teachers/1")]
    assert own[0].lengths.sum() < own[1].lengths.sum()  # fewer word pieces are known, so words fall into more
    logits = [logits_of(run, name, train.segments()) for name in ("teacher", "teachers/1")]
    labels = read_soft_labels(run / "soft_labels")
    np.testing.assert_allclose(labels.for_rows(train.ids), np.mean(logits, axis=0), atol=1e-5)
    assert begun(recipe(BERT, OTHER), run) == []
    assert begun(recipe(BERT, OTHER | {"learning_rate": 1e-3}), run) == [*second, "soft labels"]
    by_one = begun(recipe(BERT), run)
    assert by_one == ["soft labels"]
    alone = np.array(read_soft_labels(run / "soft_labels").for_rows(train.ids))
    np.testing.assert_allclose(alone, logits[0], atol=1e-5)
    weighed = {"weights": "valid", "average": "logits"}  # of an ensemble of one
    assert begun(recipe(BERT, soft_labels=weighed), run) == ["soft labels"]
    assert np.array_equal(read_soft_labels(run / "soft_labels").for_rows(train.ids), alone)
    assert read_soft_labels(run / "soft_labels").worth.keys() == {"accuracy", "confidence"}


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_weights_by_valid(recipe, files, tmp_path, average):
    run = tmp_path / "run"
    labelling = {"weights": "valid", "average": average}
    student = {"from_scratch": BERT["from_scratch"]}
    (worth,) = label(recipe(*files, soft_labels=labelling, student=student), run)
    splits = read_splits(run / "data")
    names = ("teacher", "teachers/1")
    valid = [read_predictions(run / "predictions" / name / "valid.parquet", splits.valid.ids) for name in names]
    accuracies = [float((logits.argmax(1) == splits.valid.labels).mean()) for logits in valid]
    labels = read_soft_labels(run / "soft_labels")
    weights = np.array(accuracies) ** 4 / np.sum(np.array(accuracies) ** 4)
    assert labels.worth["weights"] == pytest.approx(weights)
    assert weights[0] > 0.6
    assert teacher_weights(accuracies) == pytest.approx(weights)

    def together(both):
        if average == "logits":
            return np.tensordot(weights, np.float64(both), 1)
        return np.log(np.tensordot(weights, np.stack([softmax(each) for each in both]), 1))

    train = [read_predictions(run / name / "train.parquet", splits.train.ids) for name in names]
    np.testing.assert_allclose(labels.for_rows(splits.train.ids), together(train), atol=1e-5)
    ensemble = read_predictions(run / "predictions" / "ensemble" / "valid.parquet", splits.valid.ids)
    np.testing.assert_allclose(ensemble, together(valid), atol=1e-5)
    assert worth.accuracy == pytest.approx((labels.logits.argmax(1) == splits.train.labels).mean())


def test_a_model_and_a_file_teach_a_student(recipe, files, data_folder, tmp_path):
    run = tmp_path / "run"
    taught = {"from_teacher": {"architecture": "same", "layers": 1}, "from_scratch": None}
    chosen = recipe(BERT, files[0], soft_labels={"weights": "valid"}, student=taught)
    report = distill(chosen, run)
    assert list(report["models"]) == [
        "teacher", "teachers/1", "ensemble", "student", "undistilled", "tfidf", "majority",
    ]  # fmt: skip
    student, file, ensemble = (report["models"][name] for name in ("student", "teachers/1", "ensemble"))
    assert (file["parameters"], file["latency_ms"], ensemble["parameters"]) == (None, None, None)
    retention = report["verdict"]["retention"]
    assert retention["of"] == "ensemble"
    kept = student["test"]["macro_f1"]["mean"] / ensemble["test"]["macro_f1"]["mean"]
    assert retention["mean"] == pytest.approx(kept)
    soft = report["soft_labels"]
    assert (soft["teachers"], soft["members"], soft["folds"]) == (2, 1, 1)
    accuracies = [report["models"][name]["valid"]["accuracy"]["mean"] for name in ("teacher", "teachers/1")]
    assert soft["weights"] == [pytest.approx(teacher_weights(accuracies))]
    assert report["data"]["notes"][:2] == [
        "Several teachers labelled train together: Teacher is a bert from scratch and Teacher 1 is a file. What the student "
        "retains is measured against all of them together, its agreement against the first.",
        "Teacher 1 is a file of probabilities (1.csv): the size and the latency of what made it are not known, and whether "
        "that was trained on rows of valid or test is not known either.",
    ]
    weights = ", ".join(f"{weight:.3f}" for weight in soft["weights"][0])
    page = (run / "report.html").read_text()
    assert "2 teachers labelled train; their labels are averaged. Each counts by its accuracy on valid" in page
    assert f"weights in the order of the models above: {weights}." in page
    card = yaml.safe_load(model_card(Report.model_validate(report), name="me/x").split("```yaml\n")[1].split("```")[0])
    assert [teacher["probabilities"] for teacher in card["teacher"]] == [None, "1.csv"]  # no path of this machine
    # the student starts as the first teacher, of its architecture and with its tokenizer
    names = ("student", "teacher")
    assert len({json.loads((run / name / "config.json").read_text())["model_type"] for name in names}) == 1
    assert len({(run / name / "tokenizer.json").read_text() for name in names}) == 1
    again = Stages()
    assert distill(chosen, run, reporter=again) == report
    assert again.begun == []
    assert rescore(run, "test", reporter=Reporter())["teacher"]["accuracy"] == pytest.approx(
        report["models"]["teacher"]["test"]["accuracy"]["mean"]
    )
    assert rewrite_report(run).models["teachers/1"].valid.accuracy.mean == accuracies[1]
    write_answers(tmp_path / "1.csv", data_folder, 0.5, 3)
    with pytest.raises(RunFolderError):  # the second teacher is not the one that labelled train
        rewrite_report(run)
    RunFolder(run).write_recipe(recipe(OTHER, files[1], student=taught))
    with pytest.raises(RunFolderError):
        rewrite_report(run)


@pytest.mark.slow
@pytest.mark.parametrize(("folds", "gap"), [(2, 0.0), ("auto", -1.0), ("auto", 1.0)])
def test_folds_of_each_teacher(recipe, tmp_path, monkeypatch, folds, gap):
    monkeypatch.setattr("alambique.stages.soft_labels.AUTO_GAP", gap)
    monkeypatch.setattr("alambique.stages.teacher.AUTO_FOLDS", 2)
    run, chosen = tmp_path / "run", recipe(BERT, OTHER, soft_labels={"folds": folds, "trust": 0.5})
    report = distill(chosen, run)
    by_folds = ["teachers/fold-0", "teachers/fold-1", "teachers/1-fold-0", "teachers/1-fold-1"]
    labelling = ["teachers/1"] if gap == 1.0 else by_folds  # of all rows the first alone is trained
    assert [name for name in report["models"] if name.startswith("teachers/")] == labelling
    assert sorted(path.name for path in (run / "teachers").iterdir()) == sorted(
        name.removeprefix("teachers/") for name in labelling
    )
    assert report["soft_labels"]["folds"] == (1 if gap == 1.0 else 2)
    assert (report["soft_labels"]["contradicted"] is None) == (gap == 1.0)
    assert rewrite_report(run).to_json() == (run / "report.json").read_text()


@pytest.mark.slow
def test_the_doctor_examines_models_and_files(recipe, files):
    diagnosis = diagnose(recipe(BERT, files[1], student={"from_scratch": OTHER["from_scratch"] | {"vocabulary": None}}))
    stages = [estimate.stage for estimate in diagnosis.estimates]
    assert stages == ["teacher", "soft labels", "student", "undistilled", "scoring"]


def test_messages_name_the_place_in_the_list(recipe, files, tmp_path):
    with pytest.raises(ModelError, match=r"^teacher\.1\.model: "):
        label(recipe(BERT, {"model": str(tmp_path / "nowhere")}), tmp_path / "run")
    (tmp_path / "2.csv").write_text("text,bad\n")
    with pytest.raises(DataError, match=r"^teacher\.1\.probabilities: "):
        label(recipe(BERT, files[1]), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_weak_teacher_is_named_by_its_place(recipe, files, data_folder, tmp_path):
    write_answers(tmp_path / "2.csv", data_folder, 0.0, 7, others=("good",))  # as the most frequent label
    student = {"from_scratch": BERT["from_scratch"]}
    with pytest.raises(ModelError) as refused:
        label(recipe(*files, student=student), tmp_path / "run")
    assert str(refused.value).startswith("On valid, teacher.1 gets macro-F1 ")
    assert str(refused.value).endswith("To go on all the same: --set teacher.1.allow_weak=true")


def test_a_finished_teacher_has_no_members(recipe, tiny_bert, tokenizer, tmp_path):
    folder = tmp_path / "finished"
    tiny_bert().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    finished = {"model": str(folder), "fine_tune": False}
    with pytest.raises(RecipeError) as refused:
        label(recipe(BERT, finished, soft_labels={"members": 2}), tmp_path / "run")
    assert str(refused.value) == (
        "soft_labels.members: would train further teachers, but teacher.1.fine_tune is false. Set it to true, or "
        "soft_labels.members to 1."
    )
