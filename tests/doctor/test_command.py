"""``alambique doctor``: findings and estimates on standard output, nothing trained, nothing written."""

import json
import re

import pytest


@pytest.fixture(autouse=True)
def _brief(monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._BUDGET", 0.1)


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
