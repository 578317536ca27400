"""How processes that were started together find each other."""

import os
from datetime import timedelta
from typing import Any, cast

from alambique.distributed.launch import Launch, refuse_sharding
from alambique.distributed.lifeline import JOIN, Hub, Line
from alambique.errors import UserInputError

_HUB = "hub"
_ANY_TIME = timedelta(days=30)  # for those that wait for a training; a lifeline says whether to wait on
_OPERATION = timedelta(minutes=30)


def connect(launch: Launch, number: int) -> tuple[Any, Hub | Line]:
    """The store by which the processes find each other, and this one's lifeline.

    Args:
        launch: the place of this process.
        number: of the group, of those that these processes form one after the other.

    Raises:
        UserInputError: some have not come.
    """
    from torch.distributed import DistError  # noqa: PLC0415 - torch takes seconds
    from torch.distributed.distributed_c10d import PrefixStore  # noqa: PLC0415
    from torch.distributed.rendezvous import rendezvous  # noqa: PLC0415

    one_machine = launch.machines == 1
    try:
        shared, *_ = next(rendezvous("env://", launch.rank, launch.processes, timeout=timedelta(seconds=JOIN)))
        store = PrefixStore(f"alambique/{number}", shared)
        if launch.is_first:
            hub = Hub(launch.processes, one_machine=one_machine)
            store.set(_HUB, f"{hub.port} {hub.token}")
            hub.wait_for_all()
            return store, hub
        port, token = store.get(_HUB).decode().split()
    except DistError as error:
        place = ":".join(os.environ[name] for name in ("MASTER_ADDR", "MASTER_PORT"))
        raise UserInputError(
            f"This is process {launch.rank} of {launch.processes}, and at {place} (MASTER_ADDR, MASTER_PORT) it does not "
            f"find the others: {str(error).splitlines()[0][:200]}. Start all of them, on every machine, with torchrun."
        ) from error
    address = ("127.0.0.1" if one_machine else os.environ["MASTER_ADDR"], int(port))
    speaks = launch.rank == 1 or launch.local_rank == 0
    return store, Line(address, token, launch.rank, speaks=speaks)


def form(launch: Launch, store: Any) -> tuple[Any, bool]:
    """Form the group of torch.

    Returns:
        a group for tensors on the CPU; and whether torch's default group was formed here, and not by a caller's script.

    Raises:
        UserInputError: there are fewer devices than processes, or the launcher asks for a model in pieces.
    """
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    refuse_sharding()
    backend = device_backend(launch) if torch.accelerator.is_available() else "gloo"
    formed_here = not distributed.is_initialized()
    if formed_here:
        distributed.init_process_group(
            backend, store=store, rank=launch.rank, world_size=launch.processes, timeout=_OPERATION
        )
    return distributed.new_group(backend="gloo", timeout=_ANY_TIME), formed_here


def device_backend(launch: Launch) -> str:
    """Of collective operations on this machine's GPUs, one of which is chosen for this process.

    Raises:
        UserInputError: there are fewer than processes.
    """
    import torch  # noqa: PLC0415
    from torch import distributed  # noqa: PLC0415

    kind, count = torch.accelerator.current_accelerator(), torch.accelerator.device_count()
    if launch.local_processes > count:
        raise UserInputError(
            f"{launch.local_processes} processes were started on a machine with {count} {'GPU' if count == 1 else 'GPUs'}. "
            f"One process uses one GPU: give torchrun --nproc-per-node {count}."
        )
    torch.accelerator.set_device_index(launch.local_rank)
    of_device = distributed.get_default_backend_for_device(cast("torch.device", kind))
    return f"cpu:gloo,{cast('torch.device', kind).type}:{of_device}"
