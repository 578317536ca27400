"""Processes of a Ray cluster that hold a model: each loads it once, takes tasks, and is replaced when it dies."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self

import alambique
from alambique.distributed.ray_session import RaySession
from alambique.distributed.ray_tasks import Source, Task
from alambique.errors import AlambiqueError, ClusterError, UserInputError

_AHEAD = 2  # tasks that a worker has: the next is there when it has done one
_LOOK = 1.0  # seconds between looks at who is alive
_GROW = 20.0  # seconds between looks at the size of the cluster
_PATIENCE = 30.0  # seconds without a worker, after which it is said
_ATTEMPTS = 4  # at a task, whose worker died each time
_PROGRESS = "progress"


class Model(Protocol):
    """What a worker holds; each method but the first is called in the worker's process."""

    def load(self) -> str:
        """Load the model; returns a digest of it, which is the same wherever it is the same model."""

    def run(self, task: Any, advance: Callable[[int], None]) -> Any:
        """The result of a task, which follows from the task alone; ``advance`` hears of rows that are done."""


class _Actor:
    """A worker's process. It has two threads: one does the tasks, the other says how far they are."""

    def __init__(self, model: Model) -> None:
        self.model, self.number, self.rows = model, -1, 0

    def load(self) -> tuple[str, str]:
        return alambique.__version__, self.model.load()

    def run(self, number: int, task: Any) -> Any:
        self.number, self.rows = number, 0
        return self.model.run(task, self._advance)

    def progress(self) -> tuple[int, int]:
        return self.number, self.rows

    def _advance(self, rows: int) -> None:
        self.rows += rows


@dataclass(eq=False)
class _Worker:
    handle: Any
    ready: bool = False
    tasks: set[int] = field(default_factory=set)
    asked: bool = False  # how far it is


@dataclass(frozen=True)
class _Call:
    worker: _Worker
    kind: str  # load, run or progress
    number: int = -1


class RayWorkers:
    """Workers of a cluster.

    Args:
        session: the connection.
        model: what each of them holds; it is sent to them, and loads itself there.
        digest: of the model as this process has it; None if it does not.
        gpu: whether the model runs on a GPU where there are GPUs.
        count: of workers; None: as many as the cluster has room for, which may grow.
        advance: hears of rows that are done.
        say: for a line to the user.
    """

    def __init__(
        self, session: RaySession, model: Model, *, digest: str | None, gpu: bool, count: int | None,
        advance: Callable[[int], None], say: Callable[[str], None],
    ) -> None:  # fmt: skip
        """Start none yet."""
        self.session, self.ray, self.digest = session, session.ray, digest
        self.gpu, self.count, self.advance, self.say = gpu, count, advance, say
        on_gpu = gpu and session.has_gpus()
        self._class = self.ray.remote(
            num_cpus=1, num_gpus=int(on_gpu), max_restarts=0, concurrency_groups={_PROGRESS: 1}
        )(_Actor)
        self._model = self.ray.put(model)
        self._workers: list[_Worker] = []
        self._calls: dict[Any, _Call] = {}
        self._tasks: dict[int, Task] = {}
        self._again: deque[int] = deque()
        self._deaths = 0  # since the last result

    def __enter__(self) -> Self:
        """End them with the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers at once."""
        for worker in self._workers:
            with suppress(Exception):  # of a cluster that is lost
                self.ray.kill(worker.handle)

    def results(self, tasks: Iterable[tuple[Any, int]]) -> Iterator[tuple[int, Any]]:
        """The results of tasks, in the order in which they are done.

        Args:
            tasks: each with its number of rows. An error that comes from here is raised when all tasks before it are done.

        Yields:
            The number of a task, from 0, and its result: each once, whoever dies.

        Raises:
            ClusterError: the cluster is lost, or a task has ended its worker again and again.
        """
        try:
            yield from self._results(Source(tasks))
        except AlambiqueError:
            raise
        except Exception:  # of a call to a cluster that is lost
            self.session.check()
            raise

    def _results(self, source: Source) -> Iterator[tuple[int, Any]]:
        grown = with_worker = -math.inf
        while True:
            now = time.monotonic()
            if now - grown >= _GROW:
                grown = now
                self._grow()
            self._hand_out(source)
            if source.ended and not self._tasks:
                break
            if with_worker == -math.inf or any(each.ready for each in self._workers):
                with_worker = now
            elif now - with_worker >= _PATIENCE:
                with_worker = now
                self.say("no worker is ready yet: the cluster has no room, or they load the model")
            yield from self._done()
        if source.error is not None:
            raise source.error

    def _hand_out(self, source: Source) -> None:
        """Give workers tasks, those of workers that died first."""
        while (worker := self._free()) is not None:
            if self._again:
                self._give(worker, self._again.popleft())
                continue
            task = source.take()
            if task is None:
                return
            self._tasks[source.taken - 1] = task
            self._give(worker, source.taken - 1)

    def _grow(self) -> None:
        """Start the workers that there is room for."""
        count = self.count or self.session.places(gpu=self.gpu)
        while len(self._workers) < max(1, count):
            self._hire()

    def _hire(self) -> None:
        worker = _Worker(self._class.remote(self._model))
        self._workers.append(worker)
        self._calls[worker.handle.load.remote()] = _Call(worker, "load")

    def _free(self) -> _Worker | None:
        free = [each for each in self._workers if each.ready and len(each.tasks) < _AHEAD]
        return min(free, key=lambda each: len(each.tasks), default=None)

    def _give(self, worker: _Worker, number: int) -> None:
        worker.tasks.add(number)
        self._calls[worker.handle.run.remote(number, self._tasks[number].content)] = _Call(worker, "run", number)

    def _done(self) -> Iterator[tuple[int, Any]]:
        """Wait for a moment, and take what has come."""
        ready, _ = self.ray.wait(list(self._calls), num_returns=1, timeout=_LOOK)
        if not ready:
            self.session.check()
            self._ask()
        for reference in ready:
            call = self._calls.pop(reference, None)
            if call is None:  # of a worker that died with another call
                continue
            try:
                value = self.ray.get(reference)
            except self.ray.exceptions.RayTaskError as error:
                raise self._explained(call, error) from error
            except self.ray.exceptions.RayError as error:
                self._bury(call.worker, error)
                continue
            if call.kind == "load":
                self._check_model(value)
                call.worker.ready = True
            elif call.kind == "run":
                call.worker.tasks.discard(call.number)
                self._deaths = 0
                task = self._tasks.pop(call.number)
                self.advance(task.rows - task.shown)
                yield call.number, value
            else:
                call.worker.asked = False
                self._show(*value)

    def _ask(self) -> None:
        for worker in self._workers:
            if worker.tasks and not worker.asked:
                worker.asked = True
                reference = worker.handle.progress.options(concurrency_group=_PROGRESS).remote()
                self._calls[reference] = _Call(worker, "progress")

    def _show(self, number: int, rows: int) -> None:
        task = self._tasks.get(number)
        if task is not None and rows > task.shown:
            self.advance(rows - task.shown)
            task.shown = rows

    def _bury(self, worker: _Worker, error: Exception) -> None:
        """Take away a worker that died, and give its tasks to others."""
        self.session.check()
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        self._calls = {reference: call for reference, call in self._calls.items() if call.worker is not worker}
        self.ray.kill(worker.handle)
        self._deaths += 1
        for number in sorted(worker.tasks):
            task = self._tasks[number]
            task.attempts += 1
            if task.attempts >= _ATTEMPTS:
                raise self._gives_up(error)
            self.advance(-task.shown)
            task.shown = 0
            self._again.append(number)
        if self._deaths > max(_ATTEMPTS, 2 * (len(self._workers) + 1)):
            raise self._gives_up(error)
        self._hire()

    def _gives_up(self, error: Exception) -> ClusterError:
        reason = next((line.strip() for line in str(error).splitlines() if "OOM" in line or "memory" in line), "")
        return ClusterError(
            f"Ray's workers die again and again{f' ({reason})' if reason else ', perhaps for want of memory'}. Use fewer "
            "workers, or smaller shards. What is finished is kept: the same command goes on from there."
        )

    def _explained(self, call: _Call, error: Any) -> BaseException:
        """What a worker raised, as if it had been raised here; a model that is not there is the cluster's fault."""
        cause = error.cause
        if call.kind == "load" and isinstance(cause, UserInputError) and not self.session.local:
            return UserInputError(f"A machine of the cluster ({error.ip}) cannot load the model: {cause}")
        return cause if isinstance(cause, BaseException) else error

    def _check_model(self, loaded: tuple[str, str]) -> None:
        version, digest = loaded
        if version != alambique.__version__:
            raise UserInputError(
                f"A machine of the cluster has version {version} of Alambique, this one {alambique.__version__}."
            )
        if self.digest is not None and digest != self.digest:
            raise UserInputError(
                "A machine of the cluster has another model at the same path. All machines need the same run folder, as on "
                "a shared disk."
            )
