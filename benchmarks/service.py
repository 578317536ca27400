"""Measure `alambique serve`, in its own process, from its clients: latency, load, refusals."""

import asyncio
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import onnxruntime
import psutil

from alambique.inference.onnx_model import OnnxModel
from alambique.models.inputs import ModelInputs
from alambique.run.integrity import read_json
from alambique.run.layout import EXPORT_FACTS, ONNX, ONNX_FILES

CLIENTS, SECONDS, BODIES = 200, 30.0, 10_000
BLOCKS, BLOCK, WARM_UP = 12, 100, 10
CONNECTIONS = 16  # that send malformed bodies
MEGABYTE = 1e6


class Service(NamedTuple):
    """A running service: its address and its process."""

    port: int
    process: psutil.Process


@contextmanager
def serving(run: Path, source: Path | None = None) -> Iterator[Service]:
    """Run the command on a free port, from the sources in another folder if one is given."""
    command = [sys.executable, "-m", "alambique", "serve", str(run), "--port", "0", "--no-teacher", "--model", "int8"]
    environment = os.environ if source is None else os.environ | {"PYTHONPATH": str(source)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        try:
            line = process.stderr.readline() if process.stderr else ""
            if "http://127.0.0.1:" not in line:
                sys.exit(f"alambique serve did not start: {line}")
            yield Service(int(line.split("http://127.0.0.1:")[1].split()[0]), psutil.Process(process.pid))
        finally:
            process.terminate()


def latency(service: Service, run: Path, texts: list[str], blocks: int = BLOCKS) -> dict[str, float]:
    """Medians in milliseconds, blocks in turn: one text per request on an open connection; the same texts without HTTP.

    A block's first runs are not counted: they find caches full of what the other process did, which tells of neither.
    """
    path, facts = run / ONNX / ONNX_FILES["int8"], read_json(run / ONNX / EXPORT_FACTS)
    model = OnnxModel(path, run / ONNX / "tokenizer.json", ModelInputs.recorded(facts))
    untuned = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    times: dict[str, list[float]] = {name: [] for name in ("serve", "model", "session", "untuned_session")}
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask(message: bytes) -> None:
            connection.sendall(message)
            receive(connection)

        for start in range(0, blocks * BLOCK, BLOCK):
            part = [texts[place % len(texts)] for place in range(start, start + BLOCK)]
            batches = [next(iter(model.encode([(text,)], 1)))[1] for text in part]
            times["serve"] += timed(ask, [request(json.dumps({"text": text}).encode()) for text in part])
            times["model"] += timed(model.logits, [[(text,)] for text in part])
            times["session"] += timed(partial(model.session.run, None), batches)
            times["untuned_session"] += timed(partial(untuned.run, None), batches)
    found = {name: 1000 * statistics.median(values) for name, values in times.items()}
    ratios = {f"ratio_to_{name}": found["serve"] / value for name, value in found.items() if name != "serve"}
    return {f"{name}_ms": round(value, 3) for name, value in found.items()} | {
        name: round(value, 3) for name, value in ratios.items()
    }


def timed(do: Callable[[Any], object], values: list[Any]) -> list[float]:
    """Seconds of each call except the first few."""
    seconds = []
    for value in values:
        begun = time.perf_counter()
        do(value)
        seconds.append(time.perf_counter() - begun)
    return seconds[WARM_UP:]


def load(service: Service, texts: list[str], clients: int = CLIENTS, seconds: float = SECONDS) -> dict[str, Any]:
    """Answers by status, and memory of the service over time, with clients that each send one request after another."""
    answers: Counter[str] = Counter()
    memory: list[float] = []
    asyncio.run(_load(service, texts, answers, memory, clients, seconds))
    third = max(1, len(memory) // 3)
    return {
        "clients": clients, "seconds": seconds, "answers": dict(answers),
        "answers_per_s": round(sum(answers.values()) / seconds),
        "memory_mb": [round(min(memory)), round(max(memory))],
        "memory_last_to_first_third": round(statistics.median(memory[-third:]) / statistics.median(memory[:third]), 3),
    }  # fmt: skip


async def _load(
    service: Service, texts: list[str], answers: Counter[str], memory: list[float], clients: int, seconds: float
) -> None:
    ends = time.perf_counter() + seconds

    async def client(number: int) -> None:
        chooser = random.Random(number)  # noqa: S311
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        while time.perf_counter() < ends:
            writer.write(request(json.dumps({"text": chooser.choice(texts)}).encode()))
            try:
                status = await _status(reader)
            except (OSError, asyncio.IncompleteReadError) as error:
                answers[type(error).__name__] += 1
                return
            answers[status] += 1
            if status == "503":
                await asyncio.sleep(0.1)
        writer.close()

    async def watch() -> None:
        while time.perf_counter() < ends:
            memory.append(service.process.memory_info().rss / MEGABYTE)
            await asyncio.sleep(0.25)

    await asyncio.gather(watch(), *(client(number) for number in range(clients)))


def malformed(service: Service) -> dict[str, Any]:
    """Send malformed bodies and count the answers by status."""
    answers: Counter[str] = Counter()
    asyncio.run(_malformed(service, answers))
    return {"bodies": BODIES, "answers": dict(answers)}


async def _malformed(service: Service, answers: Counter[str]) -> None:
    async def client(number: int) -> None:
        maker = random.Random(number)  # noqa: S311
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        for _ in range(BODIES // CONNECTIONS):
            writer.write(request(bad_body(maker)))
            answers[await _status(reader)] += 1
        writer.close()

    await asyncio.gather(*(client(number) for number in range(CONNECTIONS)))


def bad_body(maker: random.Random) -> bytes:
    """Make a body that must be refused, of one of several kinds."""
    good = json.dumps({"text": "a statement", "calibrated": False}).encode()
    place = maker.randrange(1, len(good) - 1)
    wrong: Any = maker.choice([None, True, 17, 1.5, [], {}, [1], {"a": "b"}, ["a", "b"]])
    kinds = (
        good[:place],
        good + bytes([maker.randrange(33, 126)]),
        maker.randbytes(maker.randrange(1, 200)) + b"\xff",
        json.dumps(wrong).encode(),
        json.dumps({"text": wrong}).encode(),
        json.dumps({"texts": [wrong] * maker.randrange(1, 4)}).encode(),
        json.dumps({"texts": "a" * maker.randrange(9)}).encode(),
        json.dumps({"text": "a", "texts": ["a"]}).encode(),
        json.dumps({"text": "a", "model": wrong}).encode(),
        json.dumps({"text": "a", "calibrated": maker.choice([None, 1, "yes", []])}).encode(),
        json.dumps({"text": "a", "".join(maker.choices("xyz", k=5)): 1}).encode(),
        json.dumps({"texts": ["a"] * 257}).encode(),
        json.dumps({"text": "a" * 8193}).encode(),
        b"[" * maker.randrange(1, 5000),
        b'{"text": "\\ud8"}',
        b'{"text": NaN}',
        b"",
    )
    return maker.choice(kinds)


def request(body: bytes) -> bytes:
    """Send POST /predict on a connection that stays open."""
    head = (
        "POST /predict HTTP/1.1",
        "Host: localhost",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "".join(f"{line}\r\n" for line in (*head, "")).encode() + body


def receive(connection: socket.socket) -> bytes:
    """Read one complete answer."""
    received = connection.recv(65536)
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    size = _length(head)
    while len(body) < size:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


async def _status(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(_length(head))
    return head.split(b" ", 2)[1].decode()


def _length(head: bytes) -> int:
    named = (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return int(next(named).split(b":")[1])
