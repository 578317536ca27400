import socket

import pytest

from alambique.distributed import forming
from alambique.distributed.group import current_group, in_group
from alambique.distributed.launch import Launch
from alambique.errors import UserInputError


def test_processes_that_do_not_find_each_other_are_told(monkeypatch):
    """Of two, the other one is not there: nobody listens at the address of the first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    given = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(forming, "JOIN", 1.0)
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
        forming.device_backend(Launch(rank=0, processes=2, local_processes=2))
    assert str(caught.value) == (
        "2 processes were started on a machine with 1 GPU. One process uses one GPU: give torchrun --nproc-per-node 1."
    )
    monkeypatch.setattr(torch.accelerator, "device_count", lambda: 2)
    assert forming.device_backend(Launch(rank=3, processes=4, local_rank=1, local_processes=2)) == "cpu:gloo,cuda:nccl"
    assert chosen == [1]
