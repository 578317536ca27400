"""The push to the Hub against a stand-in for the Hub's HTTP interface."""

import json
import os
import shutil
import subprocess
import sys

import pytest
from hub_stand_in import TOKEN, hub
from huggingface_hub import ModelCard

NAME = "ann/small"
FILES = {
    "README.md", "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "onnx/model.onnx",
    "onnx/model_quantized.onnx", "onnx/export.json",
}  # fmt: skip


@pytest.fixture
def push(run, monkeypatch, tmp_path):
    """Call the command where the Hub is at ``address``."""

    def call(address, *arguments, token=TOKEN):
        for name, value in (("HF_HUB_OFFLINE", False), ("ENDPOINT", address), ("HF_HUB_DISABLE_XET", True),
                            ("HF_TOKEN_PATH", str(tmp_path / "token"))):  # fmt: skip
            monkeypatch.setattr(f"huggingface_hub.constants.{name}", value)
        monkeypatch.setenv("HF_TOKEN", token or "")
        return run("export", *arguments, "--quiet")

    return call


@pytest.fixture
def here(exported, tmp_path):
    shutil.copytree(exported[0], tmp_path / "run")
    return tmp_path / "run"


def test_one_commit_holds_student_onnx_files_and_card(here, exported, tmp_path):
    with hub() as there:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
        environment = {
            **kept, "HF_ENDPOINT": there.address, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home"),
            "HF_TOKEN": TOKEN,
        }  # fmt: skip
        command = [sys.executable, "-m", "alambique", "export", str(here), "--to", "hub", "--repo", NAME, "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=280, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, f"{there.address}/{NAME}\n", "")
        files = there.repositories[NAME]
        assert set(files) == FILES
        assert there.commits == ["Student, ONNX files and card, made by Alambique"]
        assert there.private == set()
    for name in ("model.safetensors", "config.json", "tokenizer.json"):
        assert files[name] == (here / "student" / name).read_bytes()
    assert files["onnx/model_quantized.onnx"] == (here / "onnx" / "model_int8.onnx").read_bytes()
    card = files["README.md"].decode()
    data = ModelCard(card).data
    assert (data.library_name, data.pipeline_tag, data.tags[-1]) == ("transformers", "text-classification", "onnx")
    reached = json.loads((here / "report.json").read_text())["models"]["student"]["test"]
    values = {one.metric_type: one.metric_value for one in data.eval_results}
    assert values == {
        "accuracy": round(reached["accuracy"]["per_seed"][0], 4), "f1": round(reached["macro_f1"]["per_seed"][0], 4)
    }  # fmt: skip
    assert f'pipeline("text-classification", "{NAME}")' in card
    assert "`onnx/model_quantized.onnx`" in card
    assert str(exported[0].parent) not in "".join(
        files[name].decode() for name in FILES if name.endswith((".md", ".json"))
    )


def test_a_second_push_adds_a_commit_and_what_others_put_there_stays(push, here):
    with hub() as there:
        there.repositories[NAME] = {"LICENSE": b"mine"}
        assert push(there.address, here, "--to", "hub", "--repo", NAME, "--private")[0] == 0
        assert set(there.repositories[NAME]) == FILES | {"LICENSE"}
        assert there.private == set()  # it was there already, and is not changed


def test_what_the_run_did_not_write_is_not_sent(push, here, tmp_path):
    (tmp_path / "key").write_text("secret")
    (here / "student" / "notes.txt").write_text("rows of the data")
    (here / "student" / "vocab.txt").symlink_to(tmp_path / "key")
    (here / "student" / ".ipynb_checkpoints").mkdir()
    with hub() as there:
        assert push(there.address, here, "--to", "hub", "--repo", NAME)[0] == 0
        assert set(there.repositories[NAME]) == FILES


def test_an_upload_that_breaks_off_is_told(push, here):
    with hub() as there:
        there.breaks = True
        status, out, err = push(there.address, here, "--to", "hub", "--repo", NAME)
        assert (status, out) == (2, "")
        assert err.startswith(f"alambique: {there.address} ")
        assert err.endswith("give the same command again.\n")
        assert err.count("\n") == 1
        assert there.repositories == {NAME: {}}


def test_a_private_repository(push, here):
    with hub() as there:
        assert push(there.address, here, "--to", "hub", "--repo", NAME, "--private")[0] == 0
        assert there.private == {NAME}


def test_without_a_token_it_says_how_to_log_in(push, here):
    with hub() as there:
        assert push(there.address, here, "--to", "hub", "--repo", NAME, token=None) == (2, "", (
            "alambique: To push to the Hub, log in once with `hf auth login`, or set HF_TOKEN to a token that may write.\n"
        ))  # fmt: skip
        assert there.asked == []


@pytest.mark.parametrize(("name", "token", "status"), [(NAME, "hf_of_nobody", 401), ("others/small", TOKEN, 403)])
def test_who_may_not_write_there_is_told_so(push, here, name, token, status):
    with hub() as there:
        assert push(there.address, here, "--to", "hub", "--repo", name, token=token) == (2, "", (
            f"alambique: {there.address} does not let you write to {name} (status {status}). Log in with `hf auth login` "
            "and a token that may write there, or choose another --repo.\n"
        ))  # fmt: skip
        assert there.repositories == {}


def test_a_refused_commit_leaves_the_files_as_they_were(push, here):
    with hub() as there:
        there.repositories[NAME] = {"README.md": b"before"}
        there.refuses = 400
        status, out, err = push(there.address, here, "--to", "hub", "--repo", NAME)
        assert (status, out) == (2, "")
        assert err.startswith(f"alambique: {there.address} refused {NAME}: ")
        assert err.endswith(". Nothing half-written stays there; run it again later.\n")
        assert there.repositories == {NAME: {"README.md": b"before"}}


def test_a_hub_that_is_not_there(push, here):
    with hub() as there:
        address = there.address
    status, out, err = push(address, here, "--to", "hub", "--repo", NAME)
    assert (status, out) == (2, "")
    assert err.startswith(f"alambique: {address} cannot be reached (")
    assert err.endswith("). No file was changed there; give the same command again.\n")


def test_a_damaged_student_is_not_pushed(push, here):
    path = here / "student" / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with hub() as there:
        status, _, err = push(there.address, here, "--to", "hub", "--repo", NAME)
        assert status == 2
        assert f"{path} has SHA-256" in err
        assert there.asked == []


def test_repositories_have_an_owner_and_a_name(run, exported):
    for name, what in (
        ("small", "has no owner"),
        ("a/b/c", "is not the name of a repository"),
        ("a b/c", "is not the name"),
    ):
        status, out, err = run("export", exported[0], "--to", "hub", "--repo", name)
        assert (status, out) == (2, "")
        assert err.startswith(f"alambique: --repo {name} {what}")
        assert err.endswith("; write it as owner/name.\n")
    assert run("export", exported[0], "--to", "hub")[0] == 2
    assert run("export", exported[0], "--repo", NAME)[0] == 2
