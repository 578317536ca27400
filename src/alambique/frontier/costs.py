"""What students, teacher and TF-IDF cost to run, measured in turns on the same texts, in one sitting on one machine.

The figures are kept with the machine that they are of. On another machine, or with another model in the set, all of them are
measured again: a table never mixes figures of two machines. Figures of a machine that was busy are not kept.
"""

import gc
import json
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import Segments
from alambique.cpu import available_cores, processor_name
from alambique.frontier.result import is_uneven
from alambique.frontier.variant import Logits
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json, write_text
from alambique.run.layout import COST
from alambique.run.stage import Inputs, Stage, keyed
from alambique.run.work import remove
from alambique.stages import benchmark

COSTS = "costs"


@dataclass(frozen=True)
class Timed:
    """A model that is timed.

    Attributes:
        digest: what it is made of.
        open: loads it.
    """

    digest: str
    open: Callable[[], Logits]


@dataclass(frozen=True)
class CostInputs(Inputs):
    """The models, the texts they are timed on, and the machine."""

    models: Mapping[str, Timed] = keyed(
        "inputs", "models", value=lambda models: {name: model.digest for name, model in models.items()}
    )
    texts: Split = keyed("inputs", "texts", value=lambda split: split.digest)
    machine: Mapping[str, Any] = keyed("machine")


def this_machine() -> dict[str, Any]:
    """What the figures depend on, beside what else runs."""
    return {"processor": processor_name(), "cores": available_cores(), "system": platform.system()}


def measure(run: RunFolder, models: Mapping[str, Timed], texts: Split, reporter: Reporter) -> dict[str, Any]:
    """Measure the costs of all models, or take those that were measured on this machine.

    Returns:
        By model ``latency_ms`` (``p50``, ``p99``) and ``throughput_per_s``; ``rates``, the machine's own before each round,
        in GFLOP/s; and ``machine``.
    """
    inputs = CostInputs(models, texts, this_machine())
    before = run.recorded_key(COSTS)
    if before and before.get("machine") != inputs.machine:
        reporter.say("costs: were measured on another machine, and are measured again on this one")
    elif is_uneven(_rates(run)):
        reporter.say("costs: the machine was busy when they were measured; they are measured again")
        remove(run.path / COSTS)
    made = Stage(COSTS, _make).run(run, inputs, reporter)
    figures = read_json(made.folder / COST)
    assert isinstance(figures, dict)  # noqa: S101 - its hash was just compared
    return figures | {"machine": dict(inputs.machine)}


def _rates(run: RunFolder) -> list[float]:
    figures = read_json(run.path / COSTS / COST)
    return list(figures.get("rates", [])) if isinstance(figures, dict) else []


def _make(inputs: CostInputs, work: Path, reporter: Reporter) -> None:
    """As the benchmark of a run, but that a model is loaded for its turn alone: many do not fit memory together."""
    segments, names = inputs.texts.segments(), list(inputs.models)
    rounds: list[dict[str, Any]] = []
    with reporter.stage("costs") as step:
        step.start(benchmark.ROUNDS * len(names))
        for _ in range(benchmark.ROUNDS):
            turn: dict[str, Any] = {"rate": benchmark.matmul_rate()}
            for name, model in inputs.models.items():
                turn[name] = _one_turn(model, segments)
                step.advance()
            rounds.append(turn)
    figures = benchmark.summary(rounds, names) | {"rates": [turn["rate"] for turn in rounds]}
    write_text(work / COST, json.dumps(figures, indent=1))


def _one_turn(model: Timed, segments: Segments) -> dict[str, Any]:
    logits = model.open()
    logits(segments[: benchmark.BATCH])  # warms up
    logits(segments[:1])
    figures = benchmark.timed_round(logits, segments)
    gc.collect()  # what the model before left
    return figures
