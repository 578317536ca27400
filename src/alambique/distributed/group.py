"""The group of processes that train together: the first one does the run, the others take part in its trainings.

The process of rank 0 has the run folder and prints. It hands each training to the others, which are given nothing else to
do: they neither read the recipe nor write artefacts. All wait for the next training without using a processor.
"""

import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

from alambique.distributed.forming import connect, form
from alambique.distributed.launch import Launch, alone, own_precision, read_launch
from alambique.distributed.lifeline import INTERRUPTED, Hub, Line
from alambique.distributed.sharing import from_bytes, to_bytes
from alambique.errors import AlambiqueError
from alambique.progress import quiet_libraries

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
_SETTLES = 2.0  # seconds in which the lifeline finds who is gone, after an operation with them failed


class Group:
    """What the processes of a group tell each other in main memory, beside the gradients."""

    def __init__(self, launch: Launch, control: Any) -> None:
        """Args: the place of this process; a group of torch for tensors on the CPU."""
        self.launch, self._control = launch, control

    @property
    def rank(self) -> int:
        """Of this process."""
        return self.launch.rank

    @property
    def processes(self) -> int:
        """Of the group."""
        return self.launch.processes

    def any_of(self, flags: Sequence[bool]) -> list[bool]:
        """Which of some flags are set in any process."""
        import torch  # noqa: PLC0415 - takes seconds

        given = torch.tensor([int(flag) for flag in flags])
        torch.distributed.all_reduce(given, op=torch.distributed.ReduceOp.MAX, group=self._control)
        return [bool(flag) for flag in given.tolist()]

    def barrier(self) -> None:
        """Wait until all processes are here."""
        self.any_of([False])

    def share(self, value: Any = None) -> Any:
        """The value that the first process gives; the others give none."""
        import torch  # noqa: PLC0415

        data = bytearray(to_bytes(value)) if self.launch.is_first else bytearray()
        size = torch.tensor([len(data)])
        torch.distributed.broadcast(size, 0, group=self._control)
        sent = torch.frombuffer(data, dtype=torch.uint8) if data else torch.empty(int(size), dtype=torch.uint8)
        torch.distributed.broadcast(sent, 0, group=self._control)
        return value if self.launch.is_first else from_bytes(sent.numpy().tobytes())

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, by rank."""
        import torch  # noqa: PLC0415

        values: list[Any] = [None] * self.processes
        torch.distributed.all_gather_object(values, value, group=self._control)
        return values


class _Current:
    group: Group | None = None
    formed = 0  # groups, one after the other


def current_group() -> Group | None:
    """The group that this process is in; None if it is alone."""
    return _Current.group


def in_group(do: Callable[[], Result]) -> Result:
    """Do something in the first process of those that were started together; the others take part in its trainings.

    A single process does it without further ado, and so does the first one where it is in its group already.

    Args:
        do: what the first process does.

    Returns:
        What it gave, in all processes.

    Raises:
        UserInputError: the processes are not one group, or there are fewer devices than processes.

    Example:
        >>> from alambique.distributed.group import in_group
        >>> in_group(lambda: 6 * 7)
        42
    """
    if _Current.group is not None:
        return do()
    launch = read_launch()
    if launch.processes == 1:
        with alone():
            return do()
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # torch's own advice would be given by each process
    with own_precision():
        _Current.formed += 1
        store, lifeline = connect(launch, _Current.formed)
        with _led(lifeline) if isinstance(lifeline, Hub) else _following(lifeline):
            control, formed_here = form(launch, store)
            _Current.group = Group(launch, control)
            try:
                return _lead(lifeline, do) if isinstance(lifeline, Hub) else _follow()
            finally:
                _Current.group = None
                if formed_here and sys.exc_info()[0] is None:
                    from torch.distributed import destroy_process_group  # noqa: PLC0415

                    destroy_process_group()


def by_first_process(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Have a function done as :func:`in_group` does it, wherever it is called in all processes with the same arguments."""

    @wraps(function)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return in_group(lambda: function(*args, **kwargs))

    return wrapped


@dataclass(frozen=True)
class _Finished:
    """The last thing that is shared: what the first process has come to."""

    result: Any


def _lead(hub: Hub, do: Callable[[], Result]) -> Result:
    result = do()
    hub.finish(0)
    cast("Group", _Current.group).share(_Finished(result))
    return result


def _follow() -> Any:
    group = cast("Group", _Current.group)
    with quiet_libraries():
        while not isinstance(work := group.share(), _Finished):
            work()
    return work.result


@contextmanager
def _led(hub: Hub) -> Iterator[None]:
    """End the others when the first process ends, however it does."""
    try:
        yield
    except BaseException as error:
        if not isinstance(error, AlambiqueError | KeyboardInterrupt | SystemExit):
            hub.wait_for_end(_SETTLES)  # another is gone, perhaps: then it ends this process here
        hub.finish(_status_of(error))
        raise
    hub.close()


@contextmanager
def _following(line: Line) -> Iterator[None]:
    """Tell the first process what went wrong here, and end when it does."""
    try:
        yield
    except KeyboardInterrupt:
        line.leave()
    except AlambiqueError as error:
        line.fail(str(error), error.exit_status)
    except Exception:  # noqa: BLE001 - whatever it is, the first process says it
        line.fail(traceback.format_exc(), 1)
    line.close()


def _status_of(error: BaseException) -> int:
    if isinstance(error, AlambiqueError):
        return error.exit_status
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.code if isinstance(error, SystemExit) and isinstance(error.code, int) else 1
