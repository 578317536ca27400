"""What a single process sees; several are in tests/training/test_group_trainer.py and tests/faults/test_group_kills.py."""

import os
import sys

from alambique.distributed import group as module
from alambique.distributed.group import Group, current_group, in_group
from alambique.distributed.launch import Launch


def test_a_single_process_does_it_without_a_group(monkeypatch):
    for name, value in {
        "RANK": "0",
        "WORLD_SIZE": "1",
        "LOCAL_RANK": "0",
        "MASTER_ADDR": "a",
        "MASTER_PORT": "1",
    }.items():
        monkeypatch.setenv(name, value)  # as torchrun --nproc-per-node 1 does
    assert in_group(lambda: (current_group(), os.environ.get("LOCAL_RANK"))) == (None, None)
    assert os.environ["LOCAL_RANK"] == "0"


def test_within_its_group_the_first_process_does_it(monkeypatch):
    there = Group(Launch(processes=2), None)
    monkeypatch.setattr(module._Current, "group", there)
    assert in_group(current_group) is there


def test_the_command_line_of_a_single_process_does_not_load_torch_for_this():
    assert "torch" not in vars(module)
    assert sys.modules["alambique.distributed.launch"]
