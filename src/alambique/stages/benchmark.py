"""What the models cost to run: latency and throughput on the test texts, measured in turn within one run."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import Segments
from alambique.inference.torch_model import open_in_torch
from alambique.progress import Reporter
from alambique.run.integrity import write_text
from alambique.run.layout import BENCHMARK, COST, MODELS
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, keyed

SINGLES, BATCH, BATCHES, ROUNDS = 100, 32, 6, 3
_SIDE = 2048


@dataclass(frozen=True)
class BenchmarkInputs(Inputs):
    """Teacher (if it is a model), student and twin, and the texts they are timed on."""

    models: Mapping[str, Artefact] = keyed(
        "inputs", value=lambda models: {name: models[name].digest for name in MODELS if name in models}
    )
    test: Split = keyed("inputs", "test", value=lambda split: split.digest)
    max_length: int = keyed("max_length")


def _make(inputs: BenchmarkInputs, work: Path, reporter: Reporter) -> None:
    """Write the latency and throughput of teacher, student and twin.

    Batch 1: the first :data:`SINGLES` test texts, one by one. Batch 32: :data:`BATCHES` batches as they come, padded to the
    longest of each. The models take turns over :data:`ROUNDS` rounds, after a warm-up, with the machine's rate of 2048³ fp32
    matrix multiplications in between; tokenisation is part of the time.
    """
    segments = inputs.test.segments()
    with reporter.stage("benchmark") as step:
        names = [name for name in MODELS if name in inputs.models]
        step.start(ROUNDS * len(names))
        score = {name: _scorer(inputs.models[name].folder, inputs.max_length) for name in names}
        for scorer in score.values():
            scorer(segments[:BATCH])
        rounds = []
        for _ in range(ROUNDS):
            rounds.append({name: timed_round(each, segments) for name, each in score.items()} | {"rate": matmul_rate()})
            step.advance(len(names))
    write_text(work / COST, json.dumps(summary(rounds, names), indent=1))


STAGE = Stage(BENCHMARK, _make)


def matmul_rate() -> float:
    """GFLOP/s of one 2048³ fp32 matrix multiplication on the processor."""
    a = torch.ones(_SIDE, _SIDE)
    begun = time.perf_counter()
    torch.mm(a, a)
    return 2 * _SIDE**3 / (time.perf_counter() - begun) / 1e9


def _scorer(folder: Path, max_length: int) -> Callable[[Segments], object]:
    return open_in_torch(folder, key=folder.name, max_length=max_length)[0]


def timed_round(score: Callable[[Segments], object], segments: Segments) -> dict[str, Any]:
    """Milliseconds of single texts and texts per second in batches, once, of a model that is warm.

    Args:
        score: from at most :data:`BATCH` texts to their logits, in one batch.
        segments: the texts.
    """
    singles = []
    for row in segments[: SINGLES // ROUNDS + 1]:
        begun = time.perf_counter()
        score([row])
        singles.append(1000 * (time.perf_counter() - begun))
    some = segments[: BATCH * BATCHES]
    begun = time.perf_counter()
    for start in range(0, len(some), BATCH):  # batch by batch: sorting the whole set would flatter
        score(some[start : start + BATCH])
    return {"latencies_ms": singles, "throughput_per_s": len(some) / (time.perf_counter() - begun)}


def summary(rounds: list[dict[str, Any]], names: list[str]) -> dict[str, Any]:
    """Median and 99th percentile of single texts, medians of the rest, over rounds in which the models took turns."""
    figures: dict[str, Any] = {"gflops_matmul": float(np.median([r["rate"] for r in rounds]))}
    for name in names:
        latencies = np.concatenate([r[name]["latencies_ms"] for r in rounds])
        figures[name] = {
            "latency_ms": {"p50": float(np.percentile(latencies, 50)), "p99": float(np.percentile(latencies, 99))},
            "throughput_per_s": float(np.median([r[name]["throughput_per_s"] for r in rounds])),
        }
    return figures
