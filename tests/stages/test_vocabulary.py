"""A student whose vocabulary is cut: the same answers from a smaller model, through the whole run."""

import json

import numpy as np
import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import run_data
from alambique.doctor.diagnose import diagnose
from alambique.errors import ModelError
from alambique.inference.predict import predict
from alambique.run.folder import RunFolder
from conftest import Stages, rows, write_jsonl

LAYERS = {"from_scratch": None, "from_teacher": {"architecture": "distilbert", "layers": 1}, "epochs": 2}


def student_of(folder):
    run = RunFolder.existing(folder)
    return read_scored(run, "student", run_data(run)[0])


def facts_of(folder, stage):
    return json.loads((folder / stage / "vocabulary.json").read_text("utf-8"))


def recipe_of(tiny_recipe, **student):
    teacher = {"from_scratch": {"layers": 2, "width": 32, "heads": 2, "vocabulary": 400}}
    return Recipe.from_dict(tiny_recipe(teacher=teacher, student=LAYERS | student))


def trained_by(teacher, tiny_recipe, folder, **student):
    """Reports of two runs with a finished teacher: of a student with all tokens, and of one with those that it meets."""
    section = {"from_scratch": None, "model": str(teacher), "fine_tune": False, "allow_weak": True}
    reports = {}
    for name, size in (("whole", None), ("cut", "auto")):
        raw = tiny_recipe(teacher=section, student=LAYERS | {"vocabulary": size} | student)
        reports[name] = distill(Recipe.from_dict(raw), folder / name)
    return reports


def test_a_student_with_fewer_tokens_learns_and_says_the_same(tiny_recipe, data_folder, tmp_path):
    # a teacher that knows more words than the student meets: it is trained on rows that are then left out
    further = [row | {"text": f"x{n} y{n}"} for n, row in enumerate(rows(60, 4))]
    write_jsonl(data_folder / "train.jsonl", rows(160, 1) + further)
    distill(recipe_of(tiny_recipe), tmp_path / "teacher")
    write_jsonl(data_folder / "train.jsonl", rows(160, 1))
    reports = trained_by(tmp_path / "teacher" / "teacher", tiny_recipe, tmp_path)
    whole, cut = (student_of(tmp_path / name) for name in ("whole", "cut"))
    for split in ("valid", "test"):
        assert np.abs(whole.logits[split] - cut.logits[split]).max() < 1e-5
    facts = facts_of(tmp_path / "cut", "vocabulary")
    width = AutoModelForSequenceClassification.from_pretrained(tmp_path / "cut" / "student").config.dim
    assert whole.parameters - cut.parameters == (facts["whole"] - facts["kept"]) * width > 0
    assert len(AutoTokenizer.from_pretrained(tmp_path / "cut" / "student")) == facts["kept"]
    assert facts["valid_rows_unchanged"] == 1
    assert reports["cut"]["models"]["undistilled"]["parameters"] == reports["cut"]["models"]["student"]["parameters"]
    parity = facts_of(tmp_path / "cut", "vocabulary_parity")
    score = reports["cut"]["models"]["student"]["valid"]["macro_f1"]["mean"]
    assert parity["macro_f1"] == pytest.approx([score, score])
    assert (parity["agreement"], parity["drop"]["mean"]) == (1, 0)
    shown = f"{100 * score:.1f} %"
    (note,) = [note for note in reports["cut"]["data"]["notes"] if "tokens" in note]
    assert note.startswith(
        f"The student has embeddings for {facts['kept']} of {facts['whole']} tokens (student.vocabulary: auto). It reads "
        "100.0 % of the rows of valid in the same tokens as with all of them, and other words in smaller pieces. Macro-F1 "
        f"on valid is {shown}; with all tokens it would be {shown}: it loses 0.0 points (-"
    )
    assert note.endswith(", a 95 % interval over rows), and 100.0 % of the labels are the same.")
    texts = [["a lovely lamp"], ["x7 something entirely new"]]
    first, second = (list(predict(tmp_path / name, texts)) for name in ("whole", "cut"))
    assert second[0]["scores"] == pytest.approx(first[0]["scores"], abs=1e-5)
    assert sum(second[1]["scores"].values()) == pytest.approx(1)


@pytest.mark.slow
def test_a_second_run_makes_nothing_again_and_read_only_commands_find_it_current(tiny_recipe, tmp_path, run):
    recipe = recipe_of(tiny_recipe, vocabulary="auto")
    distill(recipe, tmp_path / "run")
    stages = Stages()
    distill(recipe, tmp_path / "run", reporter=stages)
    assert stages.begun == []
    assert run("evaluate", tmp_path / "run")[0] == 0
    assert run("report", tmp_path / "run")[0] == 0


@pytest.mark.slow
def test_unlabelled_text_counts_and_valid_and_test_do_not(tiny_recipe, data_folder, tmp_path):
    distill(recipe_of(tiny_recipe), tmp_path / "first")  # its tokenizer knows all words of train
    labelled = rows(160, 1)
    words = [row["text"] for row in labelled]
    few = [row | {"text": f"a fine lamp {n % 4}"} for n, row in enumerate(rows(30, 1))]
    write_jsonl(data_folder / "train.jsonl", few)
    write_jsonl(data_folder / "more.jsonl", [{"text": text} for text in words[:20]])
    write_jsonl(data_folder / "test.jsonl", labelled[20:])
    teacher = {"from_scratch": None, "model": str(tmp_path / "first" / "teacher"), "allow_weak": True, "epochs": 1}
    raw = tiny_recipe(
        data={"unlabelled": str(data_folder / "more.jsonl")}, teacher=teacher, student=LAYERS | {"vocabulary": "auto"}
    )
    distill(Recipe.from_dict(raw), tmp_path / "run")
    whole, cut = (AutoTokenizer.from_pretrained(tmp_path / "run" / name) for name in ("teacher", "student"))
    assert all(cut.tokenize(text) == whole.tokenize(text) for text in words[:20])
    assert any(cut.tokenize(text) != whole.tokenize(text) for text in words[20:])
    assert 0 < facts_of(tmp_path / "run", "vocabulary")["valid_rows_unchanged"] < 1
    parity = facts_of(tmp_path / "run", "vocabulary_parity")
    assert parity["drop"]["low"] <= parity["drop"]["mean"] <= parity["drop"]["high"]
    assert parity["macro_f1"][0] - parity["macro_f1"][1] == pytest.approx(parity["drop"]["mean"])


@pytest.mark.slow
def test_with_all_tokens_it_is_the_student_that_was_trained_with_them(tiny_recipe, data_folder, tmp_path):
    distill(recipe_of(tiny_recipe), tmp_path / "first")
    write_jsonl(data_folder / "train.jsonl", [row for row in rows(160, 1) if "lamp" not in row["text"]])
    reports = trained_by(tmp_path / "first" / "teacher", tiny_recipe, tmp_path, weight_decay=0.0)
    trained_with_all = reports["whole"]["models"]["student"]["valid"]["macro_f1"]["mean"]
    assert facts_of(tmp_path / "cut", "vocabulary")["valid_rows_unchanged"] < 1
    assert facts_of(tmp_path / "cut", "vocabulary_parity")["macro_f1"][0] == pytest.approx(trained_with_all)


@pytest.mark.slow
def test_a_student_with_a_tokenizer_of_its_own(tiny_recipe, tmp_path):
    distill(recipe_of(tiny_recipe), tmp_path / "first")
    own = {"from_scratch": None, "model": str(tmp_path / "first" / "student"), "vocabulary": 80}
    report = distill(Recipe.from_dict(tiny_recipe(student=own)), tmp_path / "second")
    assert sorted(path.name for path in (tmp_path / "second" / "tokens").iterdir()) == ["student", "teacher", "whole"]
    assert len(AutoTokenizer.from_pretrained(tmp_path / "second" / "student")) <= 80
    assert report["models"]["student"]["parameters"] < student_of(tmp_path / "first").parameters
    stages = Stages()
    distill(Recipe.from_dict(tiny_recipe(student=own)), tmp_path / "second", reporter=stages)
    assert stages.begun == []


def test_a_size_that_is_too_small_is_refused_before_training(tiny_recipe, tmp_path):
    wanted = (
        r"^student\.vocabulary: 3 tokens are too few: characters and special tokens alone are \d+\. Set it to more\.$"
    )
    with pytest.raises(ModelError, match=wanted):
        distill(recipe_of(tiny_recipe, vocabulary=3), tmp_path / "run")
    assert not (tmp_path / "run" / "teacher").exists()
    with pytest.raises(ModelError, match=wanted):
        diagnose(recipe_of(tiny_recipe, vocabulary=3))
