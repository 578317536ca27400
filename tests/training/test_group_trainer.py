"""Several processes train as one: losses, best epoch, weights. Two of torchrun, and one, on the same rows."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from trainings import train_in

from alambique.distributed.group import Group
from alambique.distributed.launch import Launch

SCRIPT = Path(__file__).with_name("group_trainings.py")
NAMES = ("hard labels", "hard labels, plain", "soft labels", "a row too few", "fewer rows than processes", "accumulated",
         "a batch compared", "a batch compared, a row too few", "weighed", "views", "features")  # fmt: skip
slow = pytest.mark.slow  # processes that import transformers


FEW = (
    "soft labels",
    "a row too few",
    "fewer rows than processes",
    "a batch compared, a row too few",
)  # by three processes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder of trainings by one process, by two, and some by three."""
    folder = tmp_path_factory.mktemp("trained")
    for processes, names in ((1, NAMES), (2, NAMES), (3, FEW)):
        out = folder / str(processes)
        out.mkdir()
        launcher = ["-m", "torch.distributed.run", "--nproc_per_node", str(processes), "--standalone"]
        command = [sys.executable, *(launcher if processes > 1 else ()), SCRIPT, out, *names]
        done = subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr[-4000:]
    return folder


def history(folder):
    return json.loads((folder / "history.json").read_text())


@slow
@pytest.mark.parametrize(("processes", "name"), [*(("2", name) for name in NAMES), *(("3", name) for name in FEW)])
def test_several_processes_train_as_one(trained, name, processes):
    # correlations of rows that hardly vary magnify the rounding
    tolerance = {"rel": 1e-4} if name.startswith("a batch compared") else {"rel": 0, "abs": 1e-5}
    ours, theirs = (history(trained / which / name) for which in (processes, "1"))
    assert [entry.keys() for entry in ours] == [entry.keys() for entry in theirs]
    for our, their in zip(ours, theirs, strict=True):
        assert our == pytest.approx(their, **tolerance)
    weights, expected = (load_file(trained / which / name / "model.safetensors") for which in (processes, "1"))
    assert weights.keys() == expected.keys()
    for key, values in expected.items():
        np.testing.assert_allclose(weights[key], values, atol=2e-5, err_msg=key)


@slow
def test_only_the_first_process_stores_something(trained):
    files = {
        which: {path.relative_to(trained / which).as_posix() for path in (trained / which).rglob("*")
                if "checkpoints" not in path.parts}
        for which in ("1", "2")
    }  # fmt: skip
    assert files["1"] == files["2"]


def test_a_trainer_that_sees_fewer_processes_than_the_group_has_is_refused(
    tiny_distilbert, tokenizer, tmp_path, monkeypatch
):
    """Two independent copies would train, and say nothing."""
    monkeypatch.setattr("alambique.training.prepare.current_group", lambda: Group(Launch(processes=2), None))
    with pytest.raises(RuntimeError, match="^Trainer sees 1 of 2 processes$"):
        train_in(tmp_path / "run", tiny_distilbert(), tokenizer)
