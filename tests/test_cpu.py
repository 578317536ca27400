import os

import pytest

from alambique import cpu as cores


@pytest.fixture
def machine(monkeypatch):
    """Four logical processors, two a core, unless a test says otherwise."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    files = {cores._TOPOLOGY.format(cpu): f"{cpu % 2},{cpu % 2 + 2}" for cpu in range(4)}
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3}, raising=False)
    monkeypatch.setattr(cores, "_read", lambda path: files.get(str(path), ""))
    return files


def test_two_threads_of_a_core_count_once(machine):
    assert cores.available_cores() == 2


def test_affinity_quota_and_environment_limit(machine, monkeypatch):
    machine["/sys/fs/cgroup/cpu.max"] = "max 100000"
    assert cores.available_cores() == 2
    machine["/sys/fs/cgroup/cpu.max"] = "150000 100000"
    assert cores.available_cores() == 1
    machine["/sys/fs/cgroup/cpu.max"] = "50000 100000"
    assert cores.available_cores() == 1
    machine.clear()
    assert cores.available_cores() == 4  # no topology: each processor is taken for a core
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert cores.available_cores() == 3
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2}, raising=False)
    assert cores.available_cores() == 1
