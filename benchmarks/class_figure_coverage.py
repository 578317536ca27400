"""How often the 95 % intervals of figures of one class, and of ordinal labels, contain the truth, in simulated runs.

    python benchmarks/class_figure_coverage.py            # a minute
    python benchmarks/class_figure_coverage.py --full     # 400 runs per cell, about an hour on one core

A row is of the class or not; its score is a normal variate, the same for all models but for half of its variance, and
higher by a model's strength where the row is of the class. Student and undistilled student differ in strength. Ordinal
labels are decided with a normal error, rounded to a class. Seeds differ in strength. The truth is computed, not drawn: the
figure of all rows there could be, the mean over seeds. The last line of the output is one JSON object.
"""

import argparse
import json
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import stats

from alambique.evaluation import contributions
from alambique.evaluation.intervals import interval_over
from alambique.evaluation.rankings import RankingFigure, of_ranking, of_ranking_gain
from alambique.evaluation.table_figures import class_f1_of, kappa_of, steps_of

PRECISION = 0.9
FIGURES = {"average precision": RankingFigure(), "recall at 0.9": RankingFigure(PRECISION)}
COLUMNS = ("F1", *FIGURES, "gain in F1", *(f"gain in {name}" for name in FIGURES), "kappa", "error", "gain in kappa")
WEAKER = 0.3  # the undistilled student's strength below the student's
CLASSES = 5
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class Cell(NamedTuple):
    """A kind of run: rows of test, share of the class, the student's strength, trainings, how much seeds differ."""

    rows: int
    share: float
    strength: float
    trainings: int
    spread: float


class Truth(NamedTuple):
    """Figures of a model over all rows and seeds there could be."""

    f1: float
    average_precision: float
    recall: float
    kappa: float
    error: float


def truth(cell: Cell, strength: float) -> Truth:
    """The figures of a model of this strength."""
    each = np.array([_of_one(cell.share, strength + cell.spread * node, _cut(cell)) for node in _NODES])
    return Truth(*(_WEIGHTS @ each).tolist())


def _of_one(share: float, strength: float, cut: float) -> tuple[float, ...]:
    cuts = np.linspace(-8, 8 + strength, 20_001)[::-1]
    found, false = stats.norm.sf(cuts - strength), stats.norm.sf(cuts)
    precision = share * found / (share * found + (1 - share) * false)
    reached = found[precision >= PRECISION]
    hits, given = share * stats.norm.sf(cut - strength), share * stats.norm.sf(cut - strength)
    given += (1 - share) * stats.norm.sf(cut)
    table = _ordinal_table(strength)
    return (
        2 * hits / (share + given), float(np.trapezoid(precision, found)), float(reached.max(initial=0.0)),
        kappa_of(table).value, steps_of(table).value,
    )  # fmt: skip


def _cut(cell: Cell) -> float:
    """Where a model decides for the class: where it is as probable as not for the student."""
    return cell.strength / 2 + np.log((1 - cell.share) / cell.share) / cell.strength


def _error(strength: float) -> float:
    return float(2 / max(strength, 0.2))


def _ordinal_table(strength: float) -> np.ndarray:
    """(C, C) shares by label and decision."""
    labels, ends = np.arange(CLASSES), np.arange(CLASSES - 1) + 0.5
    below = stats.norm.cdf((ends - labels[:, None]) / _error(strength))
    return np.diff(below, axis=1, prepend=0.0, append=1.0) / CLASSES * 1e9


def coverage(cell: Cell, draws: int) -> dict[str, float]:
    """Share of draws whose interval contains the truth, by column."""
    random = np.random.default_rng(zlib.crc32(repr(tuple(cell)).encode()))
    mine, theirs = truth(cell, cell.strength), truth(cell, cell.strength - WEAKER)
    gains = [a - b for a, b in zip(mine, theirs, strict=True)]
    truths = (*mine[:3], *gains[:3], mine.kappa, mine.error, gains[3])
    covered = np.zeros(len(COLUMNS))
    for _ in range(draws):
        shown = [interval_over(parts) for parts in _draw(cell, random)]
        covered += [each.low <= value <= each.high for each, value in zip(shown, truths, strict=True)]
    return dict(zip(COLUMNS, (covered / draws).tolist(), strict=True))


def _draw(cell: Cell, random: np.random.Generator) -> list[list[contributions.Contributions]]:
    positive = random.random(cell.rows) < cell.share
    labels = random.integers(0, CLASSES, cell.rows)
    common, common_error = random.normal(size=(2, cell.rows))

    def model(strength: float) -> tuple[np.ndarray, np.ndarray]:
        strength += cell.spread * random.normal()
        own, own_error = random.normal(size=(2, cell.rows))
        error = _error(strength) * (common_error + own_error) / np.sqrt(2)
        return (
            (common + own) / np.sqrt(2) + strength * positive,
            np.clip(np.rint(labels + error), 0, CLASSES - 1).astype(np.int64),
        )

    pairs = [(model(cell.strength), model(cell.strength - WEAKER)) for _ in range(cell.trainings)]
    cut, truths = _cut(cell), positive.astype(np.int64)
    decided = [tuple((scores > cut).astype(np.int64) for scores, _ in pair) for pair in pairs]
    return [
        [contributions.of_table(class_f1_of, mine, truths, 2) for mine, _ in decided],
        *([of_ranking(figure, mine[0], positive) for mine, _ in pairs] for figure in FIGURES.values()),
        [contributions.of_table_gain(class_f1_of, mine, theirs, truths, 2) for mine, theirs in decided],
        *(
            [of_ranking_gain(figure, mine[0], theirs[0], positive) for mine, theirs in pairs]
            for figure in FIGURES.values()
        ),
        [contributions.of_table(kappa_of, mine[1], labels, CLASSES) for mine, _ in pairs],
        [contributions.of_table(steps_of, mine[1], labels, CLASSES) for mine, _ in pairs],
        [contributions.of_table_gain(kappa_of, mine[1], theirs[1], labels, CLASSES) for mine, theirs in pairs],
    ]


def cells() -> Iterator[Cell]:
    """Every cell: a single training, and three whose strengths differ."""
    for trainings, spread in ((1, 0.0), (3, 0.1)):
        for rows, share in ((300, 0.1), (300, 0.3), (1300, 0.02), (1300, 0.1)):
            for strength in (2.0, 3.5):
                yield Cell(rows, share, strength, trainings, spread)


def main() -> None:
    """Simulate and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="400 runs per cell in the place of 10")
    draws = 400 if parser.parse_args().full else 10
    print("| rows | of the class | strength | trainings |", *(f" {column} |" for column in COLUMNS), sep="")
    print("|---:" * (4 + len(COLUMNS)) + "|")
    measured = {}
    for cell in cells():
        measured[cell] = coverage(cell, draws)
        shares = " | ".join(f"{100 * share:.1f}" for share in measured[cell].values())
        print(f"| {cell.rows} | {cell.share:.0%} | {cell.strength} | {cell.trainings} | {shares} |", flush=True)
    print(json.dumps({"coverage": [[*cell, *shares.values()] for cell, shares in measured.items()]}))


if __name__ == "__main__":
    main()
