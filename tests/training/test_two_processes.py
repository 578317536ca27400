"""Two processes of torchrun take the step that one process takes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from two_processes import ROWS, WEIGHTED, data, first_step

from alambique.losses.features import FEATURES
from alambique.losses.prediction import LOSSES

pytestmark = pytest.mark.slow  # three processes that import transformers


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """The first step of each loss in two processes of 8 rows."""
    out = tmp_path_factory.mktemp("two") / "steps.pt"
    script = Path(__file__).with_name("two_processes.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone", script, out]
    done = subprocess.run(
        command, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return torch.load(out)


@pytest.mark.parametrize("name", [*LOSSES, *FEATURES, WEIGHTED])
def test_two_processes_of_8_rows_are_one_of_16(steps, tmp_path, name):
    assert steps[name]["processes"] == 2
    if name in LOSSES and LOSSES[name].needs_batch:  # each process compares the rows that it has
        halves = [
            first_step(name, part, ROWS // 2, str(tmp_path))
            for part in (data(name)[: ROWS // 2], data(name)[ROWS // 2 :])
        ]
    else:
        halves = [first_step(name, data(name), ROWS, str(tmp_path))]
    assert {"loss", f"loss_{name.split(',')[0]}", "loss_ce"} <= steps[name]["parts"].keys() <= halves[0]["parts"].keys()
    for part, value in steps[name]["parts"].items():
        assert value == pytest.approx(sum(half["parts"][part] for half in halves) / len(halves), abs=1e-6), part
    assert steps[name]["gradients"].keys() == halves[0]["gradients"].keys()
    for key, gradient in steps[name]["gradients"].items():
        expected = torch.stack([half["gradients"][key] for half in halves]).mean(0)
        torch.testing.assert_close(gradient, expected, atol=1e-6, rtol=1e-5)
