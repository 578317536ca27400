import os

import pytest

from alambique.distributed.launch import Launch, alone, read_launch, refuse_several_processes, refuse_sharding
from alambique.errors import UserInputError

TORCHRUN = {"RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "first",
            "MASTER_PORT": "29500"}  # fmt: skip
ADVICE = (
    "Start them with torchrun, on one machine: torchrun --nproc-per-node {} -m alambique distill RECIPE; on several as "
    "docs/scale.md shows."
)


def test_a_process_knows_its_place_by_what_torchrun_sets():
    launch = read_launch(TORCHRUN)
    assert launch == Launch(rank=5, processes=8, local_rank=1, local_processes=4)
    assert (launch.is_first, launch.machines) == (False, 2)
    assert read_launch({}) == read_launch({**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0"}) == Launch()
    assert Launch().is_first


def test_without_numbers_of_the_machine_all_processes_are_on_one():
    given = {name: value for name, value in TORCHRUN.items() if not name.startswith("LOCAL")}
    assert read_launch(given) == Launch(rank=5, processes=8, local_rank=5, local_processes=8)


@pytest.mark.parametrize(("given", "message"), [
    ({"WORLD_SIZE": "2"}, "This is one of 2 processes (WORLD_SIZE), but they are not one group: RANK, MASTER_ADDR, "
     f"MASTER_PORT are not set. {ADVICE.format(2)}"),
    ({"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "here"},
     f"This is one of 2 processes (WORLD_SIZE), but they are not one group: MASTER_PORT is not set. {ADVICE.format(2)}"),
    ({"SLURM_STEP_NUM_TASKS": "4"}, "This is one of 4 processes that srun started (SLURM_STEP_NUM_TASKS), but they are not "
     f"one group: each would make the whole run. {ADVICE.format(4)}"),
    ({"OMPI_COMM_WORLD_SIZE": "2"}, "This is one of 2 processes that mpirun started (OMPI_COMM_WORLD_SIZE), but they are "
     f"not one group: each would make the whole run. {ADVICE.format(2)}"),
])  # fmt: skip
def test_processes_that_are_not_one_group_are_told(given, message):
    with pytest.raises(UserInputError) as caught:
        read_launch(given)
    assert str(caught.value) == message


@pytest.mark.parametrize("given", [
    {"SLURM_STEP_NUM_TASKS": "1"}, {"SLURM_NTASKS": "4"},  # a script of sbatch has the latter, and is one process
    {**TORCHRUN, "SLURM_STEP_NUM_TASKS": "2"},  # srun starts torchrun on each of two machines
])  # fmt: skip
def test_slurm_is_not_in_the_way(given):
    read_launch(given)


def test_of_a_single_process_the_libraries_do_not_hear_that_it_was_launched(monkeypatch):
    for name, value in {**TORCHRUN, "WORLD_SIZE": "1", "RANK": "0", "ACCELERATE_MIXED_PRECISION": "bf16"}.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    with alone():
        assert not set(TORCHRUN) & set(os.environ)
        assert "ACCELERATE_MIXED_PRECISION" not in os.environ  # the recipe says it
        os.environ["ACCELERATE_MIXED_PRECISION"] = "no"  # as Trainer does
    assert dict(os.environ) == before


def test_models_in_pieces_are_refused(monkeypatch):
    refuse_sharding()
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(UserInputError) as caught:
        refuse_sharding()
    assert str(caught.value) == (
        "accelerate launch asks for FSDP (ACCELERATE_USE_FSDP), which divides a model that is too large for one device. An "
        "encoder fits one: leave it out, and each process trains a whole copy."
    )


def test_a_command_of_one_process_is_refused_in_several(monkeypatch):
    refuse_several_processes("alambique sweep")
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserInputError) as caught:
        refuse_several_processes("alambique sweep")
    assert str(caught.value) == (
        "alambique sweep is one process, and this is one of 8 (WORLD_SIZE). Start it without torchrun or accelerate launch; "
        "distill and label train with several."
    )
