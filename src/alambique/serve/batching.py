"""Micro-batching: a queue and a few threads a model, which run together whatever waits. Nobody waits for a batch to fill.

While batches run, the next one gathers; when a thread is free, a request starts at once.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from alambique.classifier import Classifier, Segments
from alambique.onnx_model import BATCH
from alambique.serve.limits import busy

TOGETHER = 128  # texts that run at a time, over up to four threads; more would only make the first wait for the last


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
        self.texts, self.left, self.gone = texts, parts, False
        self.answer.add_done_callback(self._leave)
        self.since, self.begun = time.perf_counter(), float("inf")
        self.logits: np.ndarray | None = None
        self.error: Exception | None = None

    def _leave(self, answer: "asyncio.Future[Batched]") -> None:
        self.gone = answer.cancelled()

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


class Batcher:
    """Queue and threads of one model."""

    def __init__(self, open_model: Callable[[], Classifier], *, capacity: int, workers: int = 1) -> None:
        """Open nothing yet.

        Args:
            open_model: called once, in a thread, at the first request.
            capacity: texts accepted and not answered, at most.
            workers: threads that run the model; more than one for a model that uses one core a run.
        """
        self._open, self._capacity, self._held = open_model, capacity, 0
        self._together = max(BATCH, TOGETHER // workers)
        self._queue: deque[_Part] = deque()
        self._changing, self._opening = threading.Lock(), threading.Lock()
        # a locked gate for each thread that has nothing to do; the last to stop is the first to go on, its caches are warm
        self._idle: list[threading.Lock] = []
        self._threads = [threading.Thread(target=self._work, name="batcher", daemon=True) for _ in range(workers)]
        self._closed = self._started = False
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
            self._wake(len(parts))
        return job.answer

    def close(self) -> None:
        """Take no more, answer what was accepted, stop."""
        with self._changing:
            self._closed = True
            self._wake(len(self._idle))
        if self._started:
            for thread in self._threads:
                thread.join()

    def _wake(self, threads: int) -> None:
        for _ in range(min(threads, len(self._idle))):
            self._idle.pop().release()

    def _work(self) -> None:
        while batch := self._take():
            begun = time.perf_counter()
            try:
                logits = self._opened().logits([row for part in batch for row in part.segments])
            except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to the requests, not to this thread
                self._finish(batch, error, begun)
            else:
                self._finish(batch, logits, begun)

    def _take(self) -> list[_Part]:
        """What runs next, in the order it came; nothing once all is answered and the queue is closed."""
        gate = threading.Lock()
        gate.acquire()
        while True:
            with self._changing:
                batch = self._next()
                if batch or self._closed:
                    return batch
                self._idle.append(gate)
            gate.acquire()

    def _next(self) -> list[_Part]:
        batch: list[_Part] = []
        texts = 0
        while self._queue and (not batch or texts + len(self._queue[0].segments) <= self._together):
            part = self._queue.popleft()
            if part.job.gone:  # nobody waits for it
                self._held -= len(part.segments)
                continue
            batch.append(part)
            texts += len(part.segments)
        return batch

    def _opened(self) -> Classifier:
        with self._opening:
            if self.classifier is None:
                self.classifier = self._open()
            return self.classifier

    def _finish(self, batch: list[_Part], outcome: np.ndarray | Exception, begun: float) -> None:
        ended, start = time.perf_counter(), 0
        done = []
        with self._changing:
            for part in batch:
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
        if done:
            with suppress(RuntimeError):  # the loop was closed: nobody waits
                done[0].loop.call_soon_threadsafe(_deliver, done, ended)


def _deliver(done: list[_Job], ended: float) -> None:
    for job in done:
        job.deliver(ended)


def _parts(segments: Segments) -> list[Sequence[int]]:
    """Places of at most a batch each, texts of similar length together, so that threads share a large request."""
    if len(segments) <= BATCH:
        return [range(len(segments))]
    order = sorted(range(len(segments)), key=lambda place: -sum(map(len, segments[place])))
    return [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
