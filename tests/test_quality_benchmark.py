"""The comparison of ways to make a student: what is stored, what is trained again, and the figures."""

import argparse
import json

import numpy as np
import pytest
import torch
from torch import nn

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import tokenize_rows
from alambique.recipe.sections import Training


@pytest.fixture
def settings(tiny_recipe, tmp_path):
    """Settings that make every student in seconds; the recipe is a tiny one in the place of liar-small."""
    recipe = tmp_path / "tiny.yaml"
    student = {"from_scratch": None, "from_teacher": {"architecture": "same", "layers": 1}}
    recipe.write_text(json.dumps(tiny_recipe(student=student)), "utf-8")

    def options(*ways, **further):
        given = {"ways": ways, "seeds": 2, "rows": None, "epochs": 1, "split": "valid", "reference": "ours"} | further
        return argparse.Namespace(**given)

    return recipe, options


def splits_of(labels):
    parts = {
        name: Split(name, tuple(f"{name}-{i}" for i in range(4)), ("a b", "c", "d e f", "g"), None, np.array(labels))
        for name in ("train", "valid", "test")
    }
    return Splits(**parts, label_names=("no", "yes"))


def test_a_result_is_stored_and_read_by_its_key_alone(bench, tmp_path):
    cells = bench("quality").Cells(tmp_path / "set")
    logits = {"valid": np.ones((2, 3), np.float32), "test": np.zeros((1, 3), np.float32)}
    assert cells.read("a way", 0, "key") is None
    cells.write("a way", 0, "key", logits)
    assert [path.relative_to(tmp_path).as_posix() for path in sorted(tmp_path.rglob("*.*"))] == [
        "set/cells/a-way/0.npz"
    ]
    stored = cells.read("a way", 0, "key")
    assert {name: values.tolist() for name, values in stored.items()} == {"valid": [[1, 1, 1]] * 2, "test": [[0, 0, 0]]}
    assert cells.read("a way", 0, "another key") is None
    assert cells.read("a way", 1, "key") is None


def test_figures_by_hand(bench):
    module, splits = bench("quality"), splits_of([0, 0, 1, 1])
    right = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], np.float32)
    half = np.array([[1, 0], [0, 1], [0, 1], [1, 0]], np.float32)  # one of two right in each class
    logits = {
        "teacher": [{"valid": right}] * 2,
        "ours": [{"valid": right}] * 2,
        "twin": [{"valid": half}] * 2,
        "classic": [{"valid": right}] * 2,
    }
    assert module.figures("teacher", logits, splits, "valid") == {"macro_f1": 100, "accuracy": 100, "kept": 100}
    twin = module.figures("twin", logits, splits, "valid")
    assert (twin["macro_f1"], twin["accuracy"], twin["kept"], twin["ours_minus"]["mean"]) == (50, 50, 50, 50)
    assert module.figures("classic", logits, splits, "valid")["ours_minus"]["mean"] == 0
    assert "ours_minus" not in module.figures("ours", logits, splits, "valid")


def test_a_second_run_of_the_same_command_trains_nothing(bench, settings, data_folder, tmp_path, monkeypatch, capsys):
    module, (recipe, options) = bench("quality"), settings
    monkeypatch.setattr(module, "RECIPE", str(recipe))
    asked = options("ours", "twin", "classic", seeds=1)
    first = module.measure(module.case_of(str(data_folder), asked, tmp_path / "out"), asked)
    assert set(first["ways"]) == {"teacher", "ours", "twin", "classic"}
    table = capsys.readouterr().out
    assert [line.split()[0] for line in table.strip().splitlines()[1:]] == ["way", "teacher", "ours", "twin", "classic"]

    def refuse(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "distill", refuse)
    assert module.measure(module.case_of(str(data_folder), asked, tmp_path / "out"), asked) == first
    assert capsys.readouterr().out == table


@pytest.mark.slow
def test_a_library_that_is_not_installed_is_left_out_with_its_command(
    bench, settings, data_folder, tmp_path, monkeypatch, capsys
):
    module, (recipe, options) = bench("quality"), settings
    monkeypatch.setattr(module, "RECIPE", str(recipe))
    monkeypatch.setitem(module.WAYS, "setfit", module.WAYS["setfit"]._replace(package="no-such-package"))
    asked = options("ours", "setfit", seeds=1)
    found = module.measure(module.case_of(str(data_folder), asked, tmp_path / "out"), asked)
    assert set(found["ways"]) == {"teacher", "ours"}
    assert capsys.readouterr().err == "SetFit is not installed: pip install --no-deps setfit evaluate\n"


@pytest.mark.slow
def test_a_library_gets_the_teacher_and_the_start_of_the_run(bench, settings, data_folder, tmp_path, monkeypatch):
    module, (recipe, options) = bench("quality"), settings
    monkeypatch.setattr(module, "RECIPE", str(recipe))
    jobs = []

    def make(job):
        jobs.append(job)
        return {part.name: np.zeros((len(part), len(job.splits.label_names)), np.float32) for part in job.splits}

    monkeypatch.setitem(module.WAYS, "setfit", module.WAYS["setfit"]._replace(make=make, package="torch"))
    asked = options("setfit")
    case = module.case_of(str(data_folder), asked, tmp_path / "out")
    module.measure(case, asked)
    assert [job.seed for job in jobs] == [0, 1]
    for job in jobs:
        saved = case.folder / "run" / "seeds" / str(job.seed) / "teacher"
        assert (
            job.teacher.config.num_hidden_layers == json.loads((saved / "config.json").read_text())["num_hidden_layers"]
        )
        assert (job.student.num_labels, job.settings.epochs) == (len(job.splits.label_names), 1)
    module.measure(case, asked)
    assert len(jobs) == 2


@pytest.fixture
def job(bench, tiny_bert, tokenizer):
    peers = bench("peers")
    splits, teacher = splits_of([0, 1, 0, 1]), tiny_bert(2, ("no", "yes"))
    tokens = {part.name: tokenize_rows(tokenizer, part.segments(), max_length=16) for part in splits}
    return peers.Job(
        splits, tokenizer, tokens, teacher, tiny_bert(1, ("no", "yes")), Training(epochs=3, batch_size=3), 0
    )


def test_their_loss_gets_the_teachers_logits_of_its_rows(bench, job):
    peers, seen = bench("peers"), []
    before = {name: weight.clone() for name, weight in job.student.state_dict().items()}
    expected = peers.predict_tokens(job.teacher, job.tokens["train"])

    def loss(ours, theirs, labels):
        seen.append((len(ours), theirs, labels))
        return nn.functional.cross_entropy(ours, labels)

    logits = peers._own_loop(job, loss)
    assert job.steps == 2
    assert [rows for rows, _, _ in seen] == [3, 1] * 3
    for _, theirs, labels in seen:
        for row, label in zip(theirs.numpy(), labels.tolist(), strict=True):
            matching = [np.allclose(row, each, atol=1e-6) for each in expected[job.splits.train.labels == label]]
            assert any(matching)
    assert {name: values.shape for name, values in logits.items()} == {"valid": (4, 2), "test": (4, 2)}
    assert all(torch.equal(before[name], weight) for name, weight in job.student.state_dict().items())


def test_the_best_epoch_on_valid_is_kept(bench, job, monkeypatch):
    peers, best = bench("peers"), None
    truth = np.eye(2, dtype=np.float32)[job.splits.valid.labels]
    given = iter([truth[::-1].copy(), truth, truth[::-1].copy()])
    per_epoch = [next(given) for _ in range(3)]
    best = peers.BestEpoch(job)
    for logits in per_epoch:
        monkeypatch.setattr(peers, "predict_tokens", lambda *_, logits=logits: logits)
        best.score(job.student)
    assert best.best == 1
    assert best.logits["valid"] is per_epoch[1]


def test_layers_that_textbrewer_compares_are_evenly_spaced(bench, tiny_bert):
    matches = bench("peers")._matches(tiny_bert(6), tiny_bert(3))
    assert [(each["layer_T"], each["layer_S"]) for each in matches if each["loss"] == "hidden_mse"] == [
        (0, 0), (2, 1), (4, 2), (6, 3),
    ]  # fmt: skip
    assert [(each["layer_T"], each["layer_S"]) for each in matches if each["loss"] == "mmd"] == [
        ([0, 0], [0, 0]), ([2, 2], [1, 1]), ([4, 4], [2, 2]), ([6, 6], [3, 3]),
    ]  # fmt: skip


def test_probabilities_become_logits_in_the_order_of_the_labels(bench, job):
    logits = bench("peers")._from_probabilities(job, [[0.25, 0.75]], np.array([1, 0]))
    assert np.exp(logits) == pytest.approx(np.array([[0.75, 0.25]]))
    alone = bench("peers")._from_probabilities(job, [[1.0]], np.array([1]))
    assert alone == pytest.approx(np.array([[np.log(1e-12), 0.0]]))
