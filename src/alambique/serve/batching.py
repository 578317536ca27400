"""Micro-batching: a queue and a few threads a model, which run together whatever waits. Nobody waits for a batch to fill.

While batches run, the next one gathers; when a thread is free, a request starts at once. What is alone has all cores. If it
is one short text, it runs on the event loop itself, since to wake a thread and be woken by it would take longer; and on one
core unless it follows another closely, since waking cores that sleep takes longer than they would save.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from alambique.inference.classifier import Classifier, Segments
from alambique.inference.token_batches import BATCH
from alambique.serve.limits import busy

WARM_WINDOW_S = (
    0.002  # after a run on the event loop; by trial, all cores were faster after a pause of 1 ms, slower after 5
)
MAX_BATCH_TEXTS = 128  # that run at a time, over up to four threads; more would only make the first wait for the last


@dataclass(frozen=True)
class Batched:
    """One request's answer.

    Attributes:
        logits: (texts, classes) float32, in the order of the texts.
        waited: seconds until its first batch began.
        ran: seconds from there to the end of its last.
    """

    logits: np.ndarray
    waited: float
    ran: float


class _Job:
    """A request, whose parts may come back in any order."""

    def __init__(self, texts: int, parts: int) -> None:
        self.loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Batched] = self.loop.create_future()
        self.texts, self.left, self.cancelled = texts, parts, False
        self.answer.add_done_callback(self._leave)
        self.since, self.begun = time.perf_counter(), float("inf")
        self.logits: np.ndarray | None = None
        self.error: Exception | None = None

    def _leave(self, answer: "asyncio.Future[Batched]") -> None:
        self.cancelled = answer.cancelled()

    def add(self, places: Sequence[int], logits: np.ndarray) -> None:
        if self.logits is None:
            self.logits = logits if len(logits) == self.texts else np.empty((self.texts, logits.shape[1]), logits.dtype)
        if self.logits is not logits:
            self.logits[places] = logits

    def deliver(self, ended: float) -> None:
        """On the event loop."""
        if self.answer.cancelled():
            return
        if self.error is not None:
            self.answer.set_exception(self.error)
        elif self.logits is not None:
            self.answer.set_result(Batched(self.logits, self.begun - self.since, ended - self.begun))


@dataclass(frozen=True)
class _Part:
    job: _Job
    places: Sequence[int]
    segments: Segments


@dataclass(frozen=True)
class _Batch:
    parts: list[_Part]
    alone: bool  # nothing else ran or waited when it began


@dataclass(frozen=True)
class SoloModel:
    """The same model with all cores, for what comes while nothing else runs.

    Attributes:
        classifier: ready.
        characters: of a request of one text that may run on the event loop, at most.
    """

    classifier: Classifier
    characters: int

    def on_loop(self, segments: Segments) -> bool:
        """Whether it is soon done."""
        return len(segments) == 1 and sum(map(len, segments[0])) <= self.characters


class Batcher:
    """Queue and threads of one model."""

    def __init__(
        self, open_model: Callable[[], Classifier], *, capacity: int, workers: int = 1, alone: SoloModel | None = None
    ) -> None:
        """Open nothing yet.

        Args:
            open_model: called once, at the first request, in a thread; with ``alone`` it must be ready at once.
            capacity: texts accepted and not answered, at most.
            workers: threads that run the model; more than one for a model that uses one core a run.
            alone: runs what is alone; the model itself does by default, in a thread.
        """
        self._open, self._capacity, self._alone = open_model, capacity, alone
        self._held = self._running = 0  # texts; batches
        self._ran_alone = float("-inf")  # when the event loop last ran something
        self._together = max(BATCH, MAX_BATCH_TEXTS // workers)
        self._queue: deque[_Part] = deque()
        self._changing, self._opening = threading.Lock(), threading.Lock()
        # a locked gate for each thread that has nothing to do; the last to stop is the first to go on, its caches are warm
        self._idle: list[threading.Lock] = []
        self._threads = [threading.Thread(target=self._work, name="batcher", daemon=True) for _ in range(workers)]
        self._closed = self._started = self._placing = False
        self.classifier: Classifier | None = None

    def submit(self, segments: Segments) -> "asyncio.Future[Batched]":
        """Queue one request's texts; called on the event loop.

        Raises:
            RequestProblem: 503, the queue is full or closed.
        """
        parts = _parts(segments)
        job = _Job(len(segments), len(parts))
        with self._changing:
            if self._closed:
                raise busy("The service is stopping.")
            if self._held + len(segments) > self._capacity:
                raise busy(f"{self._held} texts are waiting, and at most {self._capacity} may. Try again in a second.")
            self._held += len(segments)
            for places in parts:
                self._queue.append(_Part(job, places, [segments[place] for place in places]))
            if not self._started:
                self._started = True
                for thread in self._threads:
                    thread.start()
            if not self._placing:  # when all that has come by now has been read
                self._placing = True
                job.loop.call_soon(self._place)
        return job.answer

    def close(self) -> None:
        """Take no more, answer what was accepted, stop."""
        with self._changing:
            self._closed = True
            self._wake(len(self._idle))
        if self._started:
            for thread in self._threads:
                thread.join()

    def _place(self) -> None:
        """On the event loop: run what is alone and short; the threads run the rest."""
        batch = None
        with self._changing:
            self._placing = False
            if self._alone is not None and not self._running and len(self._queue) == 1:
                batch = self._next() if self._alone.on_loop(self._queue[0].segments) else None
            self._wake(len(self._queue))
        if batch is not None:
            awake = time.perf_counter() - self._ran_alone < WARM_WINDOW_S
            done, ended = self._run(batch, all_cores=awake)
            self._ran_alone = ended
            _deliver(done, ended)

    def _wake(self, threads: int) -> None:
        for _ in range(min(threads, len(self._idle))):
            self._idle.pop().release()

    def _work(self) -> None:
        while (batch := self._take()) is not None:
            done, ended = self._run(batch, all_cores=batch.alone)
            if done:
                with suppress(RuntimeError):  # the loop was closed: nobody waits
                    done[0].loop.call_soon_threadsafe(_deliver, done, ended)

    def _take(self) -> _Batch | None:
        """What runs next, in the order it came; nothing once all is answered and the queue is closed."""
        gate = threading.Lock()
        gate.acquire()
        while True:
            with self._changing:
                batch = self._next()
                if batch is not None or self._closed:
                    return batch
                self._idle.append(gate)
            gate.acquire()

    def _next(self) -> _Batch | None:
        parts: list[_Part] = []
        texts = 0
        while self._queue and (not parts or texts + len(self._queue[0].segments) <= self._together):
            part = self._queue.popleft()
            if part.job.cancelled:  # nobody waits for it
                self._held -= len(part.segments)
                continue
            parts.append(part)
            texts += len(part.segments)
        if not parts:
            return None
        self._running += 1
        return _Batch(parts, alone=self._running == 1 and not self._queue)

    def _run(self, batch: _Batch, *, all_cores: bool) -> tuple[list[_Job], float]:
        """Run a batch; what has its answer now, and when it ended."""
        begun = time.perf_counter()
        outcome: np.ndarray | Exception
        try:
            model = self._alone.classifier if all_cores and self._alone is not None else self._opened()
            outcome = model.logits([row for part in batch.parts for row in part.segments])
        except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to the requests, not to who runs it
            outcome = error
        ended = time.perf_counter()
        with self._changing:
            self._running -= 1
            return self._finish(batch.parts, outcome, begun), ended

    def _opened(self) -> Classifier:
        with self._opening:
            if self.classifier is None:
                self.classifier = self._open()
            return self.classifier

    def _finish(self, parts: list[_Part], outcome: np.ndarray | Exception, begun: float) -> list[_Job]:
        start = 0
        done = []
        for part in parts:
            job, size = part.job, len(part.segments)
            self._held -= size
            job.begun, job.left = min(job.begun, begun), job.left - 1
            if isinstance(outcome, Exception):
                job.error = outcome
            else:
                job.add(part.places, outcome[start : start + size])
            start += size
            if not job.left:
                done.append(job)
        return done


def _deliver(done: list[_Job], ended: float) -> None:
    for job in done:
        job.deliver(ended)


def _parts(segments: Segments) -> list[Sequence[int]]:
    """Places of at most a batch each, texts of similar length together, so that threads share a large request."""
    if len(segments) <= BATCH:
        return [range(len(segments))]
    order = sorted(range(len(segments)), key=lambda place: -sum(map(len, segments[place])))
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
