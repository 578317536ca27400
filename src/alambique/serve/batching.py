"""Micro-batching: one thread a model, which runs together whatever waits. Nobody waits for a batch to fill.

While a batch runs, the next one gathers; when nothing runs, a request starts at once.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from alambique.classifier import Classifier, Segments
from alambique.serve.limits import busy

TOGETHER = 128  # texts a run of the model, which sorts them by length; more would only make the first wait for the last


@dataclass(frozen=True)
class Batched:
    """One request's answer.

    Attributes:
        logits: (texts, classes) float32, in the order of the texts.
        waited: seconds until its batch began.
        ran: seconds that the batch took.
    """

    logits: np.ndarray
    waited: float
    ran: float


@dataclass(frozen=True)
class _Waiting:
    segments: Segments
    since: float
    loop: asyncio.AbstractEventLoop
    answer: "asyncio.Future[Batched]"


class Batcher:
    """Queue and thread of one model."""

    def __init__(self, open_model: Callable[[], Classifier], *, capacity: int) -> None:
        """Open nothing yet.

        Args:
            open_model: called once, in the thread, at the first request.
            capacity: texts accepted and not answered, at most.
        """
        self._open, self._capacity, self._held = open_model, capacity, 0
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.classifier: Classifier | None = None

    def submit(self, segments: Segments) -> "asyncio.Future[Batched]":
        """Queue one request's texts; called on the event loop.

        Raises:
            RequestProblem: 503, the queue is full or closed.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(segments, time.perf_counter(), loop, loop.create_future())
        with self._changed:
            if self._closed:
                raise busy("The service is stopping.")
            if self._held + len(segments) > self._capacity:
                raise busy(f"{self._held} texts are waiting, and at most {self._capacity} may. Try again in a second.")
            self._held += len(segments)
            self._queue.append(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="batcher", daemon=True)
                self._thread.start()
            self._changed.notify()
        return waiting.answer

    def close(self) -> None:
        """Take no more, answer what was accepted, stop."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            try:
                model = self._opened()
                begun = time.perf_counter()
                logits = model.logits([row for one in batch for row in one.segments])
            except Exception as error:  # noqa: BLE001 - whatever a model raises belongs to the requests, not to this thread
                self._finish(batch, [error] * len(batch))
                continue
            ran = time.perf_counter() - begun
            ends = np.cumsum([len(one.segments) for one in batch])[:-1]
            parts = np.split(logits, ends)
            self._finish(batch, [Batched(part, begun - one.since, ran) for one, part in zip(batch, parts, strict=True)])

    def _take(self) -> list[_Waiting]:
        """What runs next, in the order it came; nothing once all is answered and the queue is closed."""
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            batch: list[_Waiting] = []
            texts = 0
            while self._queue and (not batch or texts + len(self._queue[0].segments) <= TOGETHER):
                batch.append(self._queue.popleft())
                texts += len(batch[-1].segments)
            return batch

    def _opened(self) -> Classifier:
        if self.classifier is None:
            self.classifier = self._open()
        return self.classifier

    def _finish(self, batch: list[_Waiting], outcomes: Sequence[Batched | Exception]) -> None:
        with self._changed:
            self._held -= sum(len(one.segments) for one in batch)
        batch[0].loop.call_soon_threadsafe(_deliver, [one.answer for one in batch], outcomes)


def _deliver(answers: "list[asyncio.Future[Batched]]", outcomes: Sequence[Batched | Exception]) -> None:
    for answer, outcome in zip(answers, outcomes, strict=True):
        if answer.cancelled():
            continue
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
