"""Requests that wait run together, and each gets its own rows."""

import asyncio
import threading
import time

import numpy as np
import pytest
from served import classifier, counting

from alambique.serve import batching
from alambique.serve.batching import Batcher, SoloModel
from alambique.serve.limits import RequestProblem
from alambique.serve.server import run_alone


class Gated:
    """A model that stops in its first batch until it is let go."""

    def __init__(self):
        self.batches, self.begun, self.go = [], threading.Event(), threading.Event()

    def __call__(self, segments):
        self.batches.append([row[0] for row in segments])
        self.begun.set()
        assert self.go.wait(30)
        return counting(segments)


class Noted:
    """A model that notes what it ran, and whether on the event loop's thread."""

    def __init__(self):
        self.batches = []

    def __call__(self, segments):
        on_loop = threading.current_thread() is threading.main_thread()
        self.batches.append(([row[0] for row in segments], on_loop))
        return counting(segments)


def ran(scenario, model, capacity=1024, workers=1, alone=None):
    async def whole():
        lone = None if alone is None else SoloModel(classifier(alone), characters=3)
        batcher = Batcher(lambda: classifier(model), capacity=capacity, workers=workers, alone=lone)
        try:
            return await asyncio.wait_for(scenario(batcher), 30)
        finally:
            await asyncio.to_thread(batcher.close)

    return asyncio.run(whole())


def closed(batcher):
    while not batcher._closed:
        time.sleep(0.001)


def best(batched):
    return batched.logits.argmax(-1).tolist()


def test_what_waits_runs_together_and_everyone_gets_their_own():
    model = Gated()

    async def scenario(batcher):
        first = batcher.submit([("1",)])
        await asyncio.to_thread(model.begun.wait)
        others = [batcher.submit([(text,) for text in texts]) for texts in (["2", "0"], ["1"], ["0", "2", "1"])]
        model.go.set()
        return [best(await one) for one in (first, *others)]

    assert ran(scenario, model) == [[1], [2, 0], [1], [0, 2, 1]]
    assert model.batches == [["1"], ["2", "0", "1", "0", "2", "1"]]


def test_a_run_takes_at_most_128_texts():
    model = Gated()

    async def scenario(batcher):
        first = batcher.submit([("0",)])
        await asyncio.to_thread(model.begun.wait)
        others = [batcher.submit([("1",)] * size) for size in (100, 28, 1, 200)]
        model.go.set()
        await asyncio.gather(first, *others)

    ran(scenario, model)
    assert [len(batch) for batch in model.batches] == [1, 128, 97, 104]  # parts of 32 are kept whole


def test_threads_share_a_large_request_and_its_answers_are_in_order():
    both, batches = threading.Barrier(2), []

    def model(segments):
        batches.append([len(row[0]) for row in segments])
        if len(batches) <= 2:
            both.wait(30)  # which only two threads at once get through
        return counting([(row[0][0],) for row in segments])

    texts = [str(place % 3) * (1 + place % 50) for place in range(128)]

    async def scenario(batcher):
        return best(await batcher.submit([(text,) for text in texts]))

    assert ran(scenario, model, workers=2) == [place % 3 for place in range(128)]
    assert sorted(map(len, batches)) == [64, 64]
    short, long = sorted(batches, key=max)
    assert max(short) <= min(long)


def test_what_does_not_fit_is_refused_until_there_is_room():
    model = Gated()

    async def scenario(batcher):
        first = batcher.submit([("1",)] * 3)
        await asyncio.to_thread(model.begun.wait)
        second = batcher.submit([("1",)])
        with pytest.raises(RequestProblem) as caught:
            batcher.submit([("1",)] * 2)
        model.go.set()
        await asyncio.gather(first, second)
        again = await batcher.submit([("2",)] * 5)
        return caught.value, best(again)

    problem, answers = ran(scenario, model, capacity=5)
    assert (problem.status, problem.headers) == (503, {"Retry-After": "1"})
    assert problem.message == "4 texts are waiting, and at most 5 may. Try again in a second."
    assert answers == [2] * 5


def test_what_was_accepted_is_answered_before_it_closes():
    model = Gated()

    async def scenario(batcher):
        accepted = [batcher.submit([("1",)]), batcher.submit([("2",)])]
        await asyncio.to_thread(model.begun.wait)
        closing = asyncio.create_task(asyncio.to_thread(batcher.close))
        await asyncio.to_thread(closed, batcher)
        with pytest.raises(RequestProblem, match=r"^The service is stopping\.$"):
            batcher.submit([("0",)])
        model.go.set()
        await closing
        return [best(await one) for one in accepted]

    assert ran(scenario, model) == [[1], [2]]


def test_a_model_that_fails_fails_its_requests_and_not_the_next():
    calls = []

    def model(segments):
        calls.append(len(segments))
        if len(calls) == 1:
            raise MemoryError("no room")
        return counting(segments)

    async def scenario(batcher):
        with pytest.raises(MemoryError, match="no room"):
            await batcher.submit([("1",)])
        return best(await batcher.submit([("2",)]))

    assert ran(scenario, model) == [2]


def test_a_request_whose_client_has_gone_does_not_harm_the_others():
    model = Gated()

    async def scenario(batcher):
        gone = batcher.submit([("1",)])
        await asyncio.to_thread(model.begun.wait)
        stays = batcher.submit([("2",)])
        gone.cancel()
        model.go.set()
        return best(await stays)

    assert ran(scenario, model) == [2]


def test_what_nobody_waits_for_any_more_is_not_run():
    model = Gated()

    async def scenario(batcher):
        first = batcher.submit([("0",)])
        await asyncio.to_thread(model.begun.wait)
        gone = [batcher.submit([("1",)] * 100) for _ in range(3)]
        for one in gone:
            one.cancel()
        await asyncio.sleep(0)
        stays = batcher.submit([("2",)])
        model.go.set()
        answers = [best(await one) for one in (first, stays)]
        return answers, batcher._held

    assert ran(scenario, model) == ([[0], [2]], 0)
    assert model.batches == [["0"], ["2"]]


async def once_idle(batcher):
    """The first request starts the threads, which may take it; from here on they wait."""
    await batcher.submit([("0",)] * 2)
    await asyncio.to_thread(waiting, batcher)


def waiting(batcher):
    while len(batcher._idle) < len(batcher._threads):
        time.sleep(0.001)


@pytest.mark.parametrize("awake", [60, 0])
def test_a_short_request_that_is_alone_runs_on_the_event_loop_and_wakes_no_core(monkeypatch, awake):
    monkeypatch.setattr(batching, "WARM_WINDOW_S", awake)
    shared, alone = Noted(), Noted()

    async def scenario(batcher):
        await once_idle(batcher)
        alone.batches.clear()
        return [best(await batcher.submit([(text,)])) for text in ("2", "100", "1")]

    assert ran(scenario, shared, alone=alone, workers=2) == [[2], [1], [1]]
    later = [(["100"], True), (["1"], True)]  # while the cores are still awake from the one before
    assert (shared.batches, alone.batches) == (([(["2"], True)], later) if awake else ([(["2"], True), *later], []))


@pytest.mark.parametrize("texts", [["1000"], ["1", "2"]], ids=["a long text", "two texts"])
def test_what_is_alone_and_takes_longer_runs_in_a_thread_with_all_cores(texts):
    shared, alone = Noted(), Noted()

    async def scenario(batcher):
        await once_idle(batcher)
        alone.batches.clear()
        return best(await batcher.submit([(text,) for text in texts]))

    assert ran(scenario, shared, alone=alone, workers=2) == [int(text) % 3 for text in texts]
    assert alone.batches == [(texts, False)]
    assert shared.batches == []


@pytest.mark.parametrize("size", [1, 32])
def test_requests_that_come_together_run_together_in_a_thread(size):
    shared, alone = Noted(), Noted()

    async def scenario(batcher):
        await once_idle(batcher)
        alone.batches.clear()
        return [best(one) for one in await asyncio.gather(*(batcher.submit([(text,)] * size) for text in "012"))]

    assert ran(scenario, shared, alone=alone) == [[0] * size, [1] * size, [2] * size]
    assert shared.batches == []  # nothing else runs
    assert alone.batches == [(["0"] * size + ["1"] * size + ["2"] * size, False)]


def test_what_comes_while_something_runs_waits_for_a_thread():
    shared, alone = Noted(), Gated()

    async def scenario(batcher):
        first = batcher.submit([("1",), ("2",)])
        await asyncio.to_thread(alone.begun.wait)
        second = best(await batcher.submit([("2",)]))
        alone.go.set()
        return best(await first), second

    assert ran(scenario, shared, alone=alone, workers=2) == ([1, 2], [2])
    assert shared.batches == [(["2"], False)]


def test_a_model_that_fails_on_the_event_loop_fails_its_request_alone():
    noted = Noted()

    def model(segments):
        logits = noted(segments)
        if len(noted.batches) == 2:
            raise MemoryError("no room")
        return logits

    async def scenario(batcher):
        await once_idle(batcher)
        with pytest.raises(MemoryError, match="no room"):
            await batcher.submit([("1",)])
        return best(await batcher.submit([("2",)])), batcher._held, batcher._running

    assert ran(scenario, model, alone=model) == ([2], 0, 0)
    assert noted.batches == [(["0", "0"], False), (["1"], True), (["2"], True)]


def test_how_long_a_text_may_be_for_the_event_loop_is_measured():
    def slow(segments):
        time.sleep(0.02)  # for 24 tokens, where 5 ms are allowed: for 6 tokens, 18 characters
        return counting(segments)

    for pair in ((slow, counting), (counting, slow), (slow, slow)):
        assert 1 <= run_alone(*map(classifier, pair)).characters <= 18
    assert run_alone(classifier(), classifier()).characters > 3 * 24


def test_probabilities_are_the_softmax_by_the_temperature():
    model = classifier(temperature=2.0)
    logits = np.log(np.array([[0.5, 0.25, 0.25]]))
    assert model.probabilities_of(logits)[0].tolist() == pytest.approx([0.5, 0.25, 0.25])
    # the square roots 0.7071, 0.5, 0.5, over their sum 1.7071
    assert model.probabilities_of(logits, calibrated=True)[0].tolist() == pytest.approx(
        [0.41421, 0.29289, 0.29289], abs=1e-5
    )
