"""What a single process sees; several are in tests/training/test_group_trainer.py and tests/faults/test_group_kills.py."""

import os
import socket
import sys

import pytest

from alambique.distributed import group as module
from alambique.distributed.group import Group, current_group, in_group
from alambique.distributed.launch import Launch
from alambique.errors import UserInputError


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


def test_processes_that_do_not_find_each_other_are_told(monkeypatch):
    """Of two, the other one is not there: nobody listens at the address of the first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    given = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(module, "JOIN", 1.0)
    with pytest.raises(UserInputError) as caught:
        in_group(lambda: None)
    assert str(caught.value).startswith(
        f"This is process 1 of 2, and at 127.0.0.1:{port} (MASTER_ADDR, MASTER_PORT) it does not find the others: "
    )
    assert str(caught.value).endswith("Start all of them, on every machine, with torchrun.")
    assert current_group() is None


def test_more_processes_than_gpus_are_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 1)
    chosen = []
    monkeypatch.setattr(torch.accelerator, "set_device_index", chosen.append)
    with pytest.raises(UserInputError) as caught:
        module._device_backend(Launch(rank=0, processes=2, local_processes=2))
    assert str(caught.value) == (
        "2 processes were started on a machine with 1 GPU. One process uses one GPU: give torchrun --nproc-per-node 1."
    )
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert module._device_backend(Launch(rank=3, processes=4, local_rank=1, local_processes=2)) == "cpu:gloo,cuda:nccl"
    assert chosen == [1]


def test_the_command_line_of_a_single_process_does_not_load_torch_for_this():
    assert "torch" not in vars(module)
    assert sys.modules["alambique.distributed.launch"]
