"""Rows with any number of labels from recipe to verdict, export, prediction and service."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from loading import write_csv
from sklearn.metrics import f1_score
from transformers import AutoTokenizer, pipeline

from alambique import Recipe, distill
from alambique.artefacts.splits import read_splits
from alambique.commands import rescore
from alambique.doctor.diagnose import diagnose
from alambique.errors import AlambiqueError
from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.inference.classifier import open_classifier
from alambique.pipeline import label
from alambique.progress import Reporter
from conftest import Stages, write_jsonl

WORDS = {"joy": ("happy", "glad"), "fear": ("afraid", "scared"), "rare": ("odd", "queer")}
PLAIN = ("the", "lamp", "table", "door", "they", "saw", "street")


def made(count, seed):
    """Texts that name their labels, which do not exclude each other; a third has none."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        names = [name for name, share in (("joy", 0.45), ("fear", 0.35), ("rare", 0.08)) if rng.random() < share]
        words = [*(str(rng.choice(WORDS[name])) for name in names for _ in range(3)), *rng.choice(PLAIN, 3)]
        rows.append((" ".join([*rng.permutation(words), str(i)]), names))
    return rows


ROWS = {"train": made(240, 0), "valid": made(120, 1), "test": made(100, 2)}
TEACHER = {"from_scratch": {"layers": 1, "width": 32, "heads": 2, "vocabulary": 120}, "epochs": 6, "batch_size": 8,
           "learning_rate": 8e-3}  # fmt: skip
STUDENT = {"from_scratch": {"layers": 1, "width": 16, "heads": 2}, "epochs": 3, "batch_size": 8, "learning_rate": 8e-3}


def recipe(data, **sections):
    raw = {"data": {"text": "text", "max_length": 16, **data}, "teacher": TEACHER, "student": STUDENT, **sections}
    return Recipe.from_dict(raw)


def lists(folder):
    for split, rows in ROWS.items():
        write_jsonl(folder / f"{split}.jsonl", [{"text": text, "tags": names} for text, names in rows])
    return {"source": str(folder), "label": "tags"}


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    folder = tmp_path_factory.mktemp("several")
    report = distill(recipe(lists(folder)), folder / "run")
    return folder / "run", report


def test_the_report_has_the_figures_of_label_sets_at_thresholds_of_valid(several):
    folder, report = several
    student = report["models"]["student"]["test"]
    assert {"macro_f1", "micro_f1", "samples_f1", "accuracy", "mean_average_precision"} <= set(student)
    splits = read_splits(folder / "data")
    logits = {}
    for split in ("valid", "test"):
        table = pq.read_table(folder / "predictions/student" / f"{split}.parquet")
        logits[split] = np.array(table["logits"].to_pylist())
        assert table["label"].to_pylist() == getattr(splits, split).labels.tolist()
    thresholds = MULTI_LABEL.fit_thresholds(logits["valid"], splits.valid.labels)
    given = MULTI_LABEL.probabilities(logits["test"]) >= thresholds
    expected = f1_score(splits.test.labels, given, average="macro", zero_division=0)
    assert student["macro_f1"]["mean"] == pytest.approx(expected, abs=1e-9)
    assert student["macro_f1"]["low"] < expected < student["macro_f1"]["high"]
    assert report["verdict"]["gain"]["metric"] == "macro_f1"
    assert report["verdict"]["helped"] == "not shown"
    assert report["models"]["teacher"]["test"]["macro_f1"]["mean"] > 0.7
    assert report["models"]["majority"]["test"]["mean_average_precision"]["mean"] < 0.5
    assert report["data"]["label_names"] == ["fear", "joy", "rare"]
    assert report["data"]["label_counts"]["train"]["joy"] == sum("joy" in names for _, names in ROWS["train"])


def test_the_saved_config_makes_a_pipeline_of_transformers_right(several):
    folder, _ = several
    for name in ("teacher", "student", "undistilled"):
        assert json.loads((folder / name / "config.json").read_text())["problem_type"] == "multi_label_classification"
    classify = pipeline("text-classification", str(folder / "student"), top_k=None)
    text = ROWS["test"][0][0]
    scores = {each["label"]: each["score"] for each in classify([text])[0]}
    ours = open_classifier(folder, "torch")
    answer = ours.answer(ours.probabilities([(text,)])[0])
    assert scores == pytest.approx(answer["scores"], abs=1e-5)


def test_export_ships_the_thresholds_and_keeps_its_gate(several):
    folder, report = several
    facts = json.loads((folder / "onnx/export.json").read_text())
    classifier = open_classifier(folder, "torch")
    assert facts["task"] == "multi_label"
    assert list(facts["thresholds"].values()) == pytest.approx(classifier.thresholds.tolist())
    assert report["export"]["thresholds"] == facts["thresholds"]
    for name in ("onnx", "int8"):
        assert facts["models"][name]["file"] is not None
        assert [each["label"] for each in facts["models"][name]["parity"]["labels"]] == ["fear", "joy", "rare"]
    texts = [(text,) for text, _ in ROWS["test"]]
    exact = open_classifier(folder, "onnx")
    np.testing.assert_allclose(exact.probabilities(texts), classifier.probabilities(texts), atol=1e-4)


def test_predict_gives_the_labels_above_their_thresholds_and_all_scores(several, run):
    folder, _ = several
    texts = [text for text, _ in ROWS["test"][:20]]
    answers = [json.loads(line) for line in run("predict", folder, *texts, "--json")[1].splitlines()]
    thresholds = json.loads((folder / "onnx/export.json").read_text())["thresholds"]
    for answer in answers:
        assert set(answer) == {"labels", "scores"}
        assert set(answer["scores"]) == set(thresholds)
        assert set(answer["labels"]) == {n for n, score in answer["scores"].items() if score >= thresholds[n]}
        assert answer["labels"] == sorted(answer["labels"], key=lambda name: -answer["scores"][name])
    assert len({tuple(answer["labels"]) for answer in answers}) > 2
    calibrated = [json.loads(line) for line in run("predict", folder, *texts, "--json", "--calibrated")[1].splitlines()]
    assert [answer["labels"] for answer in calibrated] == [answer["labels"] for answer in answers]
    first = answers[0]
    shown = ", ".join(f"{first['scores'][name]:.4f}" for name in first["labels"])
    assert run("predict", folder, texts[0])[:2] == (0, f"{', '.join(first['labels'])}\t{shown}\n")


def test_files_get_a_list_of_labels(several, run, tmp_path):
    folder, _ = several
    write_csv(tmp_path / "in.csv", [(text, "x") for text, _ in ROWS["test"]], ("text", "more"))
    options = ("--input", tmp_path / "in.csv", "--output", tmp_path / "out", "--scores", "--model", "onnx", "--quiet")
    assert run("predict", folder, *options)[0] == 0
    table = pq.read_table(next((tmp_path / "out").glob("*.parquet")))
    assert table.column_names == ["text", "more", "labels", "scores", "not_classified"]
    classifier = open_classifier(folder, "onnx")
    answers = [classifier.answer(row) for row in classifier.probabilities([(text,) for text, _ in ROWS["test"]])]
    assert table["labels"].to_pylist() == [answer["labels"] for answer in answers]
    key = json.loads((tmp_path / "out" / "_manifest.json").read_text())["key"]
    assert key["thresholds"] == pytest.approx(classifier.thresholds.tolist())


def test_scored_again_from_the_saved_models(several):
    folder, report = several
    scores = rescore(folder, "test", reporter=Reporter())
    for name in ("teacher", "student", "undistilled"):
        assert scores[name]["macro_f1"] == pytest.approx(report["models"][name]["test"]["macro_f1"]["mean"], abs=1e-6)


def test_a_second_run_does_nothing(several, tmp_path):
    folder, _ = several
    stages = Stages()
    again = Recipe.load(folder / "recipe.yaml")
    distill(again, folder, reporter=stages)
    assert stages.begun == []


def test_lists_text_and_columns_make_the_same_rows_and_soft_labels(tmp_path):
    folders = {form: tmp_path / form for form in ("lists", "text", "columns")}
    for folder in folders.values():
        folder.mkdir()
    names = ("fear", "joy", "rare")
    forms = {"lists": lists(folders["lists"])}
    for split, rows in ROWS.items():
        write_csv(folders["text"] / f"{split}.csv", [(text, ";".join(own)) for text, own in rows])
        cells = [(text, *(int(name in own) for name in names)) for text, own in rows]
        write_csv(folders["columns"] / f"{split}.csv", cells, ("text", *names))
    forms["text"] = {"source": str(folders["text"]), "label": "label", "label_separator": ";"}
    forms["columns"] = {"source": str(folders["columns"]), "label": list(names)}
    worths = [
        label(recipe(data, teacher=TEACHER | {"epochs": 1, "allow_weak": True}), tmp_path / f"run-{form}")
        for form, data in forms.items()
    ]
    digests = [[split.digest for split in read_splits(tmp_path / f"run-{form}" / "data")] for form in forms]
    assert digests[0] == digests[1] == digests[2]
    assert worths[0] == worths[1] == worths[2]


def test_a_finished_teacher_is_known_by_its_problem_type(several, tmp_path):
    folder, _ = several
    given = lists(tmp_path)
    finished = {"model": str(folder / "teacher"), "fine_tune": False}
    (worth,) = label(recipe(given, teacher=finished, soft_labels={"average": "probabilities"}), tmp_path / "run")
    assert worth.valid["macro_f1"] > 0.7
    assert (
        json.loads((tmp_path / "run/teacher/config.json").read_text())["problem_type"] == "multi_label_classification"
    )
    changed = tmp_path / "changed"
    changed.mkdir()
    for file in (folder / "teacher").iterdir():
        if file.is_file():
            (changed / file.name).write_bytes(file.read_bytes())
    config = json.loads((changed / "config.json").read_text()) | {"problem_type": "single_label_classification"}
    (changed / "config.json").write_text(json.dumps(config))
    with pytest.raises(AlambiqueError) as refused:
        label(recipe(given, teacher=finished | {"model": str(changed)}), tmp_path / "other")
    assert str(refused.value) == (
        f"teacher.model: {changed} has problem_type single_label_classification in its config.json, and rows have any "
        "number of labels, so its numbers may not be those of a sigmoid for each. Set teacher.fine_tune to true; or, if it "
        "was "
        'trained for several labels per text, write "problem_type": "multi_label_classification" into its config.json.'
    )


@pytest.mark.slow
def test_folds_members_views_and_unlabelled_text(tmp_path):
    given = lists(tmp_path)
    write_jsonl(tmp_path / "more.jsonl", [{"text": text} for text, _ in made(60, 9)])
    quick = {"teacher": TEACHER | {"epochs": 1, "allow_weak": True}, "student": STUDENT | {"epochs": 1},
             "export": {"formats": []}}  # fmt: skip
    labelling = {"folds": 2, "members": 2, "average": "probabilities", "calibrate": True, "weights": "valid"}
    report = distill(recipe(given, soft_labels=labelling, **quick), tmp_path / "folds")
    assert len([name for name in report["models"] if name.startswith("teachers/")]) == 4
    more = {**given, "unlabelled": str(tmp_path / "more.jsonl")}
    report = distill(recipe(more, distillation={"loss": "mse"}, **quick), tmp_path / "more")
    assert "undistilled_once" in report["models"]
    quick["student"]["epochs"] = 2
    report = distill(recipe(given, soft_labels={"views": 2}, **quick), tmp_path / "views")
    assert report["soft_labels"]["views"] == 2


def test_the_doctor_says_nothing_of_a_healthy_recipe_and_names_a_useless_teacher(several, tmp_path):
    folder, _ = several
    given = lists(tmp_path)
    finished = recipe(given, teacher={"model": str(folder / "teacher"), "fine_tune": False})
    assert {finding.code for finding in diagnose(finished).findings} <= {"machine-busy"}
    raw = yaml.safe_load((folder / "recipe.yaml").read_text())
    assert raw["data"]["task"] == "auto"
    AutoTokenizer.from_pretrained(folder / "student")
