"""How often the 95 % intervals of figures of rows with any number of labels contain the truth, in simulated runs.

    python benchmarks/label_set_coverage.py            # a minute
    python benchmarks/label_set_coverage.py --full     # 400 runs per cell, about ten minutes on one core

A row has each label or not, some of them together, and an ease, the same for all labels and models; the logit of a label is
a normal variate, higher by a model's strength where the row has the label, and labels are given at fixed thresholds.
Student, undistilled student and teacher differ in strength. Seeds differ in strength. The truth is that of 200,000 rows and,
of several trainings, of 200 seeds. The last line of the output is one JSON object.
"""

import argparse
import json
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from alambique.evaluation.intervals import interval_over
from alambique.evaluation.label_metrics import Decided, LabelMetric, label_metric
from alambique.recipe import verdict as sections

SHARES = {
    "6 labels": (0.4, 0.3, 0.25, 0.2, 0.15, 0.1),
    "20 labels, most rare": (0.3, 0.2, *(0.05,) * 8, *(0.02,) * 10),
}
KINDS = (
    sections.MacroF1, sections.MicroF1, sections.SamplesF1, sections.Accuracy, sections.MeanAveragePrecision,
)  # fmt: skip
METRICS = {kind().name: label_metric(kind(), ()) for kind in KINDS}
APART = {"student": 0.0, "undistilled": -0.2, "teacher": 0.3}  # strengths beside the student's
TOGETHER = 0.4  # share of the variance that labels of a row have in common
_MANY, _PART, _SEEDS = 200_000, 20_000, 200


class Cell(NamedTuple):
    """A kind of run: labels, rows of test, the student's strength, trainings, how much seeds differ."""

    shape: str
    rows: int
    strength: float
    trainings: int
    spread: float


class World(NamedTuple):
    """Rows that were drawn: labels (N, L), and what all models have in common of the logits, (N, L)."""

    labels: np.ndarray
    common: np.ndarray


def draw(cell: Cell, rows: int, random: np.random.Generator) -> World:
    """Draw rows."""
    shares = np.array(SHARES[cell.shape])
    mood = np.sqrt(TOGETHER) * random.normal(size=(rows, 1)) + np.sqrt(1 - TOGETHER) * random.normal(
        size=(rows, len(shares))
    )
    cuts = np.quantile(random.normal(size=100_000), 1 - shares)
    ease = random.normal(scale=0.7, size=(rows, 1)) + random.normal(scale=0.7, size=(rows, len(shares)))
    return World((mood > cuts).astype(np.int64), ease)


def decided(cell: Cell, world: World, strength: float, random: np.random.Generator) -> Decided:
    """A model of this strength on these rows, its labels given at thresholds that grow with their rarity."""
    shares = np.array(SHARES[cell.shape])
    logits = world.common + random.normal(scale=0.7, size=world.labels.shape) + strength * world.labels
    given = logits > strength / 2 - 0.5 * np.log(shares / (1 - shares))
    return Decided(1 / (1 + np.exp(-logits)), given.astype(np.int64), world.labels)


def truths(cell: Cell) -> dict[str, np.ndarray]:
    """The figures of each model over very many rows, (seeds,) each, by model and metric."""
    random = np.random.default_rng(7)
    offsets = random.normal(scale=cell.spread, size=_SEEDS) if cell.spread else np.zeros(1)
    rows = _MANY if len(offsets) == 1 else _PART
    world = draw(cell, rows, random)
    return {
        f"{model} {name}": np.array([
            metric.value(decided(cell, world, cell.strength + apart + offset, random)) for offset in offsets
        ])
        for model, apart in APART.items()
        for name, metric in METRICS.items()
    }  # fmt: skip


def columns() -> tuple[str, ...]:
    """What is covered: each figure, its gain, and for macro-F1 the share that is kept."""
    return (*METRICS, *(f"gain in {name}" for name in METRICS), "macro_f1 kept")


def coverage(cell: Cell, draws: int) -> dict[str, float]:
    """Share of draws whose interval contains the truth, by figure."""
    random, truth = np.random.default_rng(zlib.crc32(repr(tuple(cell)).encode())), truths(cell)
    hits = dict.fromkeys(columns(), 0)
    for _ in range(draws):
        world = draw(cell, cell.rows, random)
        offsets = random.normal(scale=cell.spread, size=(3, cell.trainings))
        models = {
            model: [decided(cell, world, cell.strength + apart + offset, random) for offset in offsets[place]]
            for place, (model, apart) in enumerate(APART.items())
        }
        for name, metric in METRICS.items():
            hits[name] += _covers([metric.contributions(rows) for rows in models["student"]], truth[f"student {name}"])
            gain = truth[f"student {name}"].mean() - truth[f"undistilled {name}"].mean()
            hits[f"gain in {name}"] += _covers(_pairs(metric.gain, models, "undistilled"), gain)
        kept = truth["student macro_f1"].mean() * (1 / truth["teacher macro_f1"]).mean()
        hits["macro_f1 kept"] += _covers(_pairs(METRICS["macro_f1"].ratio, models, "teacher"), kept)
    return {name: count / draws for name, count in hits.items()}


def _pairs(of: LabelMetric, models: dict, other: str) -> list:
    return [of(*pair) for pair in zip(models["student"], models[other], strict=True)]


def _covers(parts: list, truth: np.ndarray) -> bool:
    over = interval_over(parts)
    return bool(over.low <= np.mean(truth) <= over.high)


def cells(*, full: bool) -> Iterator[Cell]:
    """The kinds of run."""
    for shape in SHARES:
        for rows in (300, 1000) if full else (300,):
            for strength in (1.5, 3.0) if full else (2.0,):
                yield Cell(shape, rows, strength, 1, 0.0)
                if full:
                    yield Cell(shape, rows, strength, 3, 0.2)


def main() -> None:
    """Print a table and a JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--draws", type=int)
    options = parser.parse_args()
    draws = options.draws or (400 if options.full else 60)
    print(f"| labels | rows | strength | trainings | {' | '.join(columns())} |")
    print(f"|---|{'---:|' * (3 + len(columns()))}")
    made = []
    for cell in cells(full=options.full):
        covered = coverage(cell, draws)
        shown = " | ".join(f"{100 * covered[name]:.1f}" for name in columns())
        print(f"| {cell.shape} | {cell.rows} | {cell.strength} | {cell.trainings} | {shown} |", flush=True)
        made.append({**cell._asdict(), **covered})
    print(json.dumps({"draws": draws, "cells": made}))


if __name__ == "__main__":
    main()
