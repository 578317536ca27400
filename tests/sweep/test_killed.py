"""A sweep whose process is killed goes on where it was, and ends as one that was not."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import yaml


@pytest.mark.slow
def test_a_killed_sweep_repeats_no_trial_and_ends_the_same(tiny_recipe, tmp_path):
    recipe = tiny_recipe(teacher={"allow_weak": True}, student={"epochs": 3})
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(recipe))
    command = [
        sys.executable, "-m", "alambique", "sweep", "mine.yaml", "--over", "student.learning_rate=1e-3..1e-2 log",
        "--over", "distillation.loss=kl,mse", "--over", "teacher.epochs=2,4", "--trials", "6", "--out",
    ]  # fmt: skip
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run([*command, "whole"], cwd=tmp_path, env=environment, check=True, capture_output=True)
    log, lines = tmp_path / "log", []
    for place in (2, 5):  # killed while these trials are made
        with log.open("w") as stream:
            process = subprocess.Popen([*command, "killed"], cwd=tmp_path, env=environment, stderr=stream)
        while (
            not (tmp_path / "killed" / "trials" / str(place) / ".work" / "student").is_dir() and process.poll() is None
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        lines += log.read_text().splitlines()
    done = subprocess.run(
        [*command, "killed"], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    lines += done.stderr.splitlines()
    ended = [line.split()[2] for line in lines if " trial " in line and ("on valid" in line or "pruned" in line)]
    assert ended == ["1:", "2:", "3:", "4:", "5:", "6:"]
    assert sum("teacher (seed 0): begins" in line for line in lines) == 2
    whole, killed = (json.loads((tmp_path / name / "sweep.json").read_text()) for name in ("whole", "killed"))
    assert whole == killed
    assert len(whole["trials"]) == 6
