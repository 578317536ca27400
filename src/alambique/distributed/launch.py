"""How this process was started: alone, or as one of several by ``torchrun``, ``accelerate launch`` or the like."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from alambique.errors import UserInputError

_RANK, _PROCESSES = "RANK", "WORLD_SIZE"
_LOCAL_RANK, _LOCAL_PROCESSES = "LOCAL_RANK", "LOCAL_WORLD_SIZE"
_PLACE = ("MASTER_ADDR", "MASTER_PORT")
_VARIABLES = (_RANK, _PROCESSES, _LOCAL_RANK, _LOCAL_PROCESSES, *_PLACE)
# launchers that start processes without telling them where the others are
_STARTERS = {
    "SLURM_STEP_NUM_TASKS": "srun",
    "OMPI_COMM_WORLD_SIZE": "mpirun",
    "PMI_SIZE": "mpirun",
    "MV2_COMM_WORLD_SIZE": "mpirun",
}
_SHARDING = {"ACCELERATE_USE_FSDP": "FSDP", "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
             "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM"}  # fmt: skip


@dataclass(frozen=True)
class Launch:
    """The place of this process among those that were started together.

    Attributes:
        rank: of this process, from 0; the process of rank 0 writes and prints.
        processes: of all machines.
        local_rank: of this process among those of its machine: the number of its GPU.
        local_processes: of this machine.
    """

    rank: int = 0
    processes: int = 1
    local_rank: int = 0
    local_processes: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    @property
    def machines(self) -> int:
        """Machines that have processes, if each has as many as this one."""
        return -(-self.processes // self.local_processes)


def read_launch(environment: Mapping[str, str] | None = None) -> Launch:
    """The place of this process, by its environment.

    Args:
        environment: that of this process by default.

    Raises:
        UserInputError: it is one of several that are not one group.

    Example:
        >>> from alambique.distributed.launch import read_launch
        >>> read_launch({"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2",
        ...              "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"})
        Launch(rank=1, processes=2, local_rank=1, local_processes=2)
    """
    given = os.environ if environment is None else environment
    processes = _number(given, _PROCESSES)
    if processes is None or processes == 1:
        _refuse_strangers(given)
        return Launch()
    missing = [name for name in (_RANK, *_PLACE) if not given.get(name)]
    if missing:
        raise UserInputError(
            f"This is one of {processes} processes ({_PROCESSES}), but they are not one group: {', '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} not set. {_advice(processes)}"
        )
    rank = _number(given, _RANK) or 0
    local_processes = _number(given, _LOCAL_PROCESSES) or processes
    local_rank = _number(given, _LOCAL_RANK)
    return Launch(rank, processes, rank % local_processes if local_rank is None else local_rank, local_processes)


def _number(given: Mapping[str, str], name: str) -> int | None:
    value = given.get(name, "")
    return int(value) if value.isdigit() else None


def _refuse_strangers(given: Mapping[str, str]) -> None:
    """Refuse processes that a launcher started side by side, each of which believes that it is alone."""
    for name, starter in _STARTERS.items():
        processes = _number(given, name) or 1
        if processes > 1 and not given.get(_PROCESSES):
            raise UserInputError(
                f"This is one of {processes} processes that {starter} started ({name}), but they are not one group: each "
                f"would make the whole run. {_advice(processes)}"
            )


def refuse_sharding() -> None:
    """Refuse to divide a model among devices.

    Raises:
        UserInputError: ``accelerate launch`` was told to.
    """
    for name, method in _SHARDING.items():
        if os.environ.get(name, "").lower() == "true":
            raise UserInputError(
                f"accelerate launch asks for {method} ({name}), which divides a model that is too large for one device. An "
                "encoder fits one: leave it out, and each process trains a whole copy."
            )


def refuse_several_processes(command: str) -> None:
    """Refuse to be one of several processes: each would do the same.

    Args:
        command: of Alambique, for the message.

    Raises:
        UserInputError: ``torchrun`` or ``accelerate launch`` started several.
    """
    processes = read_launch().processes
    if processes > 1:
        raise UserInputError(
            f"{command} is one process, and this is one of {processes} (WORLD_SIZE). Start it without torchrun or "
            "accelerate launch; distill and label train with several."
        )


def _advice(processes: int) -> str:
    return (
        f"Start them with torchrun, on one machine: torchrun --nproc-per-node {processes} -m alambique distill RECIPE; on "
        "several as docs/scale.md shows."
    )


@contextmanager
def alone() -> Iterator[None]:
    """Hide from the libraries that a launcher started this process, where it started no other.

    Of a single process ``torchrun`` would otherwise make a group of one, whose model is wrapped and whose checkpoints have
    other files. ``accelerate launch`` would choose the precision, which is the recipe's to choose.
    """
    hidden = {name: os.environ.pop(name) for name in (*_VARIABLES, *_SHARDING) if name in os.environ}
    with own_precision():
        try:
            yield
        finally:
            os.environ.update(hidden)


@contextmanager
def own_precision() -> Iterator[None]:
    """Let the recipe choose the precision, whatever ``accelerate launch`` was told."""
    name = "ACCELERATE_MIXED_PRECISION"
    before = os.environ.pop(name, None)
    try:
        yield
    finally:
        os.environ.pop(name, None)  # Trainer leaves its own there
        if before is not None:
            os.environ[name] = before
