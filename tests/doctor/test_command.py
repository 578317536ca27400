"""``alambique doctor``: findings and estimates on standard output, nothing trained, nothing written."""

import json
import re

import numpy as np
import pytest
import torch
import yaml
from transformers import DataCollatorWithPadding

from alambique.artefacts.splits import Split
from alambique.doctor.batches import reader
from alambique.doctor.check_teacher import _scored
from alambique.doctor.cost import Rows, cost, fitting
from alambique.doctor.diagnose import diagnose
from alambique.inference.torch_model import tokenize
from alambique.recipe.recipe import Recipe
from conftest import rows


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._BUDGET", 0.1)


@pytest.fixture
def recipe_file(tiny_recipe, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(tiny_recipe()))
    return path


def files_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_findings_and_estimates(run, recipe_file, data_folder, tmp_path):
    train = data_folder / "train.jsonl"
    first = json.loads(train.read_text().splitlines()[0])
    with (data_folder / "test.jsonl").open("a") as stream:
        stream.write(json.dumps(first) + "\n")
    before = files_in(tmp_path)
    status, out, err = run("doctor", recipe_file)
    assert status == 0
    assert "  shared-with-train (test)\n    1 of 49 rows of test have a text that is also in train.\n" in out
    assert "head-not-trained" not in out  # it is yet to be fine-tuned
    for stage in ("teacher", "soft labels", "student", "undistilled", "scoring", "all"):
        assert re.search(rf"^  {stage} +\d+ s +\d+(\.\d)? [MG]B memory$", out, re.MULTILINE), stage
    assert re.search(r"^  disk +\d+ MB needed, ", out, re.MULTILINE)
    assert "doctor: measures" in err
    assert files_in(tmp_path) == before
    assert run("doctor", recipe_file, "--quiet")[2] == ""
    status, out, _ = run("doctor", recipe_file, "--quiet", "--set", "data.max_length=4")
    assert (status, out.count("  everything-cut (")) == (0, 3)


def test_a_finished_teacher_and_a_pretrained_student(run, recipe_file, tmp_path, tiny_bert, tiny_distilbert, tokenizer):
    for name, model in (("teacher", tiny_bert()), ("student", tiny_distilbert())):
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    status, out, _ = run(
        "doctor", recipe_file, "--quiet", "--set", f"teacher.model={tmp_path / 'teacher'}",
        "--set", "teacher.fine_tune=false", "--set", f"student.model={tmp_path / 'student'}",
    )  # fmt: skip
    assert status == 0
    assert "  head-not-trained (teacher)\n" in out
    assert not re.search(r"^  teacher ", out, re.MULTILINE)  # it is not trained again


def test_the_users_errors_are_status_2(run, recipe_file):
    assert run("doctor", "lair")[0] == 2
    status, out, err = run("doctor", recipe_file, "--set", "data.text=label", "--set", "data.label=text")
    assert (status, out) == (2, "")
    status, out, err = run("doctor", recipe_file, "--quiet", "--set", "teacher.model=/nowhere/at/all")
    assert (status, out) == (2, "")
    assert err == "alambique: teacher.model: there is no folder /nowhere/at/all.\n"


def test_a_small_disk_and_little_memory_are_named(tiny_recipe, monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose.available", lambda _: 1000)
    monkeypatch.setattr("alambique.doctor.diagnose.busy", lambda: (3.0, 2))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    found = diagnose(Recipe.from_dict(tiny_recipe(seeds=[0, 1]))).findings
    codes = [finding.code for finding in found]
    assert codes[-3:] == ["disk-space", "memory", "machine-busy"]


def test_measuring_moves_no_weight_and_counts_what_is_kept(tiny_bert, tokenizer):
    model = tiny_bert(layers=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    segments = [(row["text"],) for row in rows(64, 3)]
    read = Rows(tokenizer, tokenize(tokenizer, segments, max_length=32, model=model))
    small, large = (cost(model, read, batch_size=size, scored=16, budget=0.1) for size in (8, 32))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert small.weights == 4 * model.num_parameters()
    kept = [each.memory - 4 * each.weights for each in (small, large)]
    assert 3.9 < kept[1] / kept[0] < 4.1
    assert min(small.step, small.row) > 0


def test_a_model_that_is_not_trained_is_only_scored(tiny_bert, tokenizer):
    model = tiny_bert(layers=2)
    read = Rows(tokenizer, tokenize(tokenizer, [(row["text"],) for row in rows(64, 3)], max_length=32, model=model))
    found = cost(model, read, batch_size=None, scored=16, budget=0.1)
    assert (found.step, found.memory) == (0.0, 2 * found.weights)
    assert found.row > 0


@pytest.mark.parametrize(
    ("size", "seconds", "budget", "rows_measured"),
    [
        (32, 0.1, 4.0, 32),  # a batch of 32 takes 0.4 s, four of them 1.6 s
        (32, 0.25, 4.0, 32),  # four take 4 s: just right
        (32, 0.26, 4.0, 16),
        (32, 0.6, 4.0, 8),
        (32, 60.0, 4.0, 8),  # never fewer than were tried
        (20, 0.7, 4.0, 10),
        (10, 5.0, 4.0, 8),  # half would be fewer than were tried
        (4, 60.0, 4.0, 4),  # a batch smaller than that is measured whole
    ],
)
def test_batches_are_halved_until_four_fit_into_the_budget(size, seconds, budget, rows_measured):
    assert fitting(size, tried=min(8, size), seconds=seconds, budget=budget) == rows_measured


class Clock:
    """Time as the model spends it: so many seconds for each token of a batch."""

    def __init__(self, monkeypatch):
        self.now = 0.0
        self.sizes = []
        monkeypatch.setattr("time.perf_counter", lambda: self.now)

    def spend(self, each):
        def run(model, args, inputs):
            self.sizes.append(len(inputs["input_ids"]))
            self.now += each * inputs["input_ids"].numel()

        return run


def test_measuring_keeps_to_its_budget_and_gives_the_time_a_row(monkeypatch, tiny_bert, tokenizer):
    model = tiny_bert(layers=2)
    read = Rows(tokenizer, tokenize(tokenizer, [(row["text"],) for row in rows(256, 3)], max_length=32, model=model))
    clock = Clock(monkeypatch)
    model.register_forward_pre_hook(clock.spend(0.001), with_kwargs=True)
    found = cost(model, read, batch_size=None, scored=64, budget=1.2)
    assert found.row == pytest.approx(0.001 * read.mean_tokens(64) / 64)
    assert clock.now <= 1.2
    assert clock.sizes[:3] == [8, 8, 32]  # tried twice; 64 rows would be too slow for four rounds
    assert set(clock.sizes[2:]) == {32}
    assert len(clock.sizes) >= 5


def test_a_slow_teacher_is_judged_on_fewer_rows(monkeypatch, tiny_bert, tokenizer):
    chosen = rows(320, 3)
    split = Split("valid", tuple(map(str, range(320))), tuple(row["text"] for row in chosen), None, np.arange(320) % 3)
    teacher = tiny_bert().eval()
    source = reader(DataCollatorWithPadding(tokenizer), [teacher])
    everything, labels = _scored(teacher, source, split)
    assert everything.shape == (320, 3)
    assert labels.tolist() == [i % 3 for first in range(5) for i in range(first, 320, 5)]
    clock = Clock(monkeypatch)
    teacher.register_forward_pre_hook(clock.spend(0.02), with_kwargs=True)
    some, labels = _scored(teacher, source, split)
    assert 64 <= len(some) < 320
    assert np.allclose(some, everything[: len(some)], atol=1e-5)
    assert labels.tolist() == [i % 3 for first in range(5) for i in range(first, 320, 5)][: len(some)]
