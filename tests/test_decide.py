"""A threshold for the class that matters, from the recipe to what is shipped."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from alambique import Recipe, distill
from alambique.artefacts.splits import read_splits
from alambique.errors import RecipeError
from alambique.evaluation.class_threshold import choose_class_threshold, promise
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.inference.classifier import open_classifier
from conftest import Stages, rows


def student_on(run, split):
    table = pq.read_table(run / "predictions/student" / f"{split}.parquet")
    return SINGLE_LABEL.probabilities(np.array(table["logits"].to_pylist())), np.array(table["label"].to_pylist())


def test_the_promise_is_shipped_and_measured_and_nothing_is_trained_again(tiny_recipe, tmp_path, run):
    folder = tmp_path / "run"
    raw = tiny_recipe(student={"epochs": 10, "batch_size": 8, "learning_rate": 1e-2})
    plain = distill(Recipe.from_dict(raw), folder)
    assert plain["decision"] is None
    stages = Stages()
    decide = {"class": "good", "at_precision": 0.4}
    raw |= {"export": {"formats": ["onnx"]}, "decide": decide}
    report = distill(Recipe.from_dict(raw), folder, reporter=stages)
    assert stages.begun == ["export"]
    assert report["models"]["student"] == plain["models"]["student"]

    index = read_splits(folder / "data").label_names.index("good")
    (valid, labels), (test, truth) = (student_on(folder, split) for split in ("valid", "test"))
    threshold = choose_class_threshold(valid[:, index], labels == index, 0.4)
    found = report["decision"]
    assert found["threshold"] == pytest.approx(threshold)
    assert found["valid_precision"]["mean"] >= 0.4
    precision, recall = promise(test[:, index] >= threshold, truth == index)
    assert found["test_precision"] == pytest.approx(vars(precision))
    assert found["test_recall"] == pytest.approx(vars(recall))
    assert json.loads((folder / "onnx/export.json").read_text())["thresholds"] == {"good": pytest.approx(threshold)}

    texts = [row["text"] for row in rows(60, 11)]
    answers = [json.loads(line) for line in run("predict", folder, *texts, "--json")[1].splitlines()]
    for answer in answers:
        others = {name: score for name, score in answer["scores"].items() if name != "good"}
        good = answer["scores"]["good"] >= threshold
        assert answer["label"] == ("good" if good else max(others, key=others.get))
    calibrated = [json.loads(line) for line in run("predict", folder, *texts, "--json", "--calibrated")[1].splitlines()]
    assert [answer["label"] for answer in calibrated] == [answer["label"] for answer in answers]
    torch = open_classifier(folder, "torch")
    assert torch.thresholds[index] == pytest.approx(threshold)
    for ours, answer in zip(torch.answers(torch.logits([(text,) for text in texts])), answers, strict=True):
        at_the_threshold = abs(answer["scores"]["good"] - threshold) < 1e-4  # where ONNX's rounding decides
        assert ours["label"] == answer["label"] or at_the_threshold
    for page in ("report.html", "README.md"):
        assert "On test its precision is" in (folder / page).read_text()


def test_a_promise_that_valid_does_not_keep_is_said(tiny_recipe, tmp_path):
    raw = tiny_recipe(decide={"class": "good", "at_precision": 0.999999}, student={"epochs": 1, "learning_rate": 1e-6})
    report = distill(Recipe.from_dict(raw), tmp_path / "run")
    found = report["decision"]
    if found["threshold"] is None:
        assert "No threshold gives good a precision of 100 % on valid" in (tmp_path / "run/report.html").read_text()
    else:
        assert found["valid_precision"]["mean"] == 1


@pytest.mark.parametrize(
    ("decide", "message"),
    [
        (
            {"class": "goood", "at_precision": 0.9},
            "decide.class names 'goood', which is not a label of the data. Did you mean 'good'? The labels are bad, fair, "
            "good.",
        ),
        (
            {"thresholds": {"good": 0.4}},
            "decide.thresholds is for rows that have any number of labels; these have one each. For a class that matters, "
            "give decide: {class: NAME, at_precision: 0.9}.",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_the_data(tiny_recipe, tmp_path, decide, message):
    with pytest.raises(RecipeError) as refused:
        distill(Recipe.from_dict(tiny_recipe(decide=decide)), tmp_path / "run")
    assert str(refused.value) == message
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("decide", "problem"),
    [
        (
            {"class": "good"},
            "decide: has class without at_precision; give both, as in {class: fraud, at_precision: 0.9}.",
        ),
        (
            {"class": "good", "at_precision": 0.5, "thresholds": {"bad": 0.5}},
            "decide: has class, for rows with one label, and thresholds, for rows with any number; give one.",
        ),
        (
            {"thresholds": {"good": "1.5"}},
            "decide.thresholds: gives label 'good' the threshold 1.5; a threshold is a number between 0 and 1.",
        ),
        ({"class": "good", "at_precision": 1}, "decide.at_precision: must be less than 1.0, not 1."),
    ],
)
def test_what_is_not_a_decision(tiny_recipe, decide, problem):
    with pytest.raises(RecipeError) as refused:
        Recipe.from_dict(tiny_recipe() | {"decide": decide})
    assert str(refused.value) == f"the recipe has a problem:\n  {problem}"


def test_the_section_is_written_and_read_again(tiny_recipe, tmp_path):
    recipe = Recipe.from_dict(tiny_recipe(decide={"class": "good", "at_precision": 0.9}))
    (tmp_path / "recipe.yaml").write_text(recipe.to_yaml())
    assert Recipe.load(tmp_path / "recipe.yaml").decide == recipe.decide
    assert recipe.model_dump()["decide"]["class"] == "good"
