"""How often the 95 % intervals of a report contain the truth, and how often a verdict is wrong, in simulated runs.

    python benchmarks/interval_coverage.py            # a few cells, a minute
    python benchmarks/interval_coverage.py --full     # the tables of docs/concepts.md, about half an hour on one core

A row has a label and an ease, the same for all models; a training gets it right with a chance of its model's skill, its
seed's offset and the row's ease, on a logistic scale; wrong answers are drawn among the other classes. The truth is
computed, not drawn. Seeds differ by the standard deviation of their offsets: 0.4 is about 8 points of accuracy at 60 %, far
more than seeds of fine-tuning do. Student and undistilled student differ by half a point to three points, and by nothing in
the runs whose verdicts are counted. The last line of the output is one JSON object.
"""

import argparse
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import optimize

from alambique.evaluation import contributions
from alambique.evaluation.intervals import helped, interval_over

SHAPES = {
    "2 classes": (0.5, 0.5),
    "4 classes": (0.25,) * 4,
    "6 classes": (1 / 6,) * 6,
    "6 classes, one of 2 %": (0.30, 0.25, 0.20, 0.13, 0.10, 0.02),
}
ROWS, TRAININGS, SPREADS = (300, 1300), (1, 2, 3, 5), (0.0, 0.4)
ACCURACIES = (0.25, 0.6, 0.9, 0.98, 0.998)
DRAWS = {300: 400, 1300: 200}
BAND = 0.9  # above it few rows are wrong
FIGURES = ("accuracy", "macro-F1", "gain", "retention")
APART = {"student": 0.0, "undistilled": -0.12, "teacher": 0.15}  # skills beside the student's, in logits
HARDER = 0.5  # how much harder the rows of a rare class are
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(41)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()


class Cell(NamedTuple):
    """A kind of run: labels, rows of test, trainings, the student's accuracy, how much seeds differ."""

    shape: str
    rows: int
    trainings: int
    accuracy: float
    spread: float


class Truth(NamedTuple):
    """Means of a model's figures over all rows and seeds there could be."""

    accuracy: float
    macro_f1: float
    per_macro_f1: float  # the mean of 1 / macro-F1


@dataclass(frozen=True)
class World:
    """What rows and models are drawn from."""

    shares: np.ndarray
    spread: float

    @classmethod
    def of(cls, cell: Cell) -> "World":
        """The world of a cell."""
        return cls(np.array(SHAPES[cell.shape]), cell.spread)

    @property
    def hardness(self) -> np.ndarray:
        """(C,) how much harder each class is."""
        return np.where(self.shares < 0.05, HARDER, 0.0)  # noqa: PLR2004

    def truth(self, skill: float) -> Truth:
        """The figures of a model of this skill."""
        offsets = self.spread * _NODES[:, None, None]
        right = _chance(skill + offsets - self.hardness[:, None] + _NODES) @ _WEIGHTS  # (offsets, classes)
        hits, wrong = self.shares * right, self.shares * (1 - right)
        given = hits + (wrong.sum(1, keepdims=True) - wrong) / (len(self.shares) - 1)
        f1 = (2 * hits / (self.shares + given)).mean(1)
        return Truth(float(_WEIGHTS @ hits.sum(1)), float(_WEIGHTS @ f1), float(_WEIGHTS @ (1 / f1)))

    def skill(self, accuracy: float) -> float:
        """The skill that gives this accuracy."""
        return float(optimize.brentq(lambda skill: self.truth(skill).accuracy - accuracy, -8, 30))

    def draw(
        self, random: np.random.Generator, cell: Cell, skills: tuple[float, ...]
    ) -> tuple[np.ndarray, list[np.ndarray]]:
        """Labels, (N,), and for each skill the predicted classes of all trainings, (K, N)."""
        classes, size = len(self.shares), (cell.trainings, cell.rows)
        labels = random.choice(classes, p=self.shares, size=cell.rows)
        ease = random.normal(size=cell.rows) - self.hardness[labels]
        models = []
        for skill in skills:
            offsets = random.normal(scale=self.spread, size=(cell.trainings, 1))
            wrong = (labels + random.integers(1, classes, size)) % classes
            models.append(np.where(random.random(size) < _chance(skill + offsets + ease), labels, wrong))
        return labels, models


def _chance(logits: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-logits)))


def _random(cell: Cell) -> np.random.Generator:
    """Numbers of the cell's own, the same each time."""
    return np.random.default_rng(zlib.crc32(repr(tuple(cell)).encode()))


def coverage(cell: Cell, draws: int) -> dict[str, float]:
    """Share of draws whose interval contains the truth, by figure."""
    world, random = World.of(cell), _random(cell)
    base = world.skill(cell.accuracy)
    skills = tuple(base + apart for apart in APART.values())
    student, twin, teacher = (world.truth(skill) for skill in skills)
    truths = (
        student.accuracy, student.macro_f1, student.macro_f1 - twin.macro_f1, student.macro_f1 * teacher.per_macro_f1,
    )  # fmt: skip
    covered = np.zeros(len(FIGURES))
    for _ in range(draws):
        labels, models = world.draw(random, cell, skills)
        intervals = [interval_over(parts) for parts in _parts(labels, models, len(world.shares))]
        covered += [shown.low <= truth <= shown.high for shown, truth in zip(intervals, truths, strict=True)]
    return dict(zip(FIGURES, (covered / draws).tolist(), strict=True))


def _parts(labels: np.ndarray, models: list[np.ndarray], classes: int) -> tuple[list[contributions.Contributions], ...]:
    """Contributions of each training to each of the figures; every teacher has one class right at least."""
    trainings = list(zip(*models, strict=True))
    ratios = [contributions.of_macro_f1_ratio(student, teacher, labels, classes) for student, _, teacher in trainings]
    return (
        [contributions.of_share((student == labels).astype(float)) for student, _, _ in trainings],
        [contributions.of_macro_f1(student, labels, classes) for student, _, _ in trainings],
        [contributions.of_macro_f1_gain(student, twin, labels, classes) for student, twin, _ in trainings],
        [ratio for ratio in ratios if ratio is not None],
    )


def wrong_verdicts(cell: Cell, runs: int) -> float:
    """Share of runs without a true gain whose verdict is yes or no."""
    world, random = World.of(cell), _random(cell)
    skill, classes, wrong = world.skill(cell.accuracy), len(world.shares), 0
    for _ in range(runs):
        labels, (students, twins) = world.draw(random, cell, (skill, skill))
        pairs = zip(students, twins, strict=True)
        gain = interval_over([contributions.of_macro_f1_gain(*pair, labels, classes) for pair in pairs])
        wrong += helped(gain) != "not shown"
    return wrong / runs


def cells(*, full: bool) -> Iterator[Cell]:
    """Every cell, or a few of them. A single training has no spread: its interval is about that training."""
    for trainings in TRAININGS:
        for spread in SPREADS if trainings > 1 else SPREADS[:1]:
            for shape, shares in SHAPES.items() if full else list(SHAPES.items())[-1:]:
                for rows in ROWS if full else ROWS[:1]:
                    for accuracy in ACCURACIES if full else ACCURACIES[1::2]:
                        if accuracy * len(shares) >= 1:
                            yield Cell(shape, rows, trainings, accuracy, spread)


def null_cells(*, full: bool) -> Iterator[Cell]:
    """Runs without a gain, with seeds that differ."""
    for trainings in TRAININGS:
        for spread in (0.1, 0.2, 0.4) if full else (0.4,):
            yield Cell("6 classes", 300, trainings, 0.6, spread)


def main() -> None:
    """Simulate and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--full", action="store_true", help="all cells, 200 or 400 draws each, and 2,000 runs per verdict"
    )
    full = parser.parse_args().full
    runs = 2000 if full else 200
    measured = {}
    for cell in cells(full=full):
        measured[cell] = coverage(cell, DRAWS[cell.rows] if full else 100)
        print(*cell, *(f"{100 * share:.1f}" for share in measured[cell].values()), flush=True)
    null = {cell: wrong_verdicts(cell, runs) for cell in null_cells(full=full)}
    print(_coverage_table(measured), _null_table(null), sep="\n\n")
    listed = {"coverage": [[*cell, *shares.values()] for cell, shares in measured.items()]}
    print(json.dumps(listed | {"wrong_verdicts": [[*cell, share] for cell, share in null.items()]}))


def _coverage_table(measured: dict[Cell, dict[str, float]]) -> str:
    """Lowest, mean and highest coverage over rows, labels and accuracies of a band, in percent."""
    lines = ["| trainings | seeds differ by | accuracy | " + " | ".join(FIGURES) + " |", "|---:|---:|---|" + "---|" * 4]
    groups: dict[tuple[int, float, str], list[dict[str, float]]] = {}
    for cell, shares in measured.items():
        band = "up to 0.9" if cell.accuracy <= BAND else "0.98 and 0.998"
        groups.setdefault((cell.trainings, cell.spread, band), []).append(shares)
    for (trainings, spread, band), inside in groups.items():
        ranges = []
        for figure in FIGURES:
            values = [100 * shares[figure] for shares in inside]
            ranges.append(f"{min(values):.1f} / {np.mean(values):.1f} / {max(values):.1f}")
        differ = f"{spread:g}" if trainings > 1 else "–"
        lines.append(f"| {trainings} | {differ} | {band} | " + " | ".join(ranges) + " |")
    return "\n".join(lines)


def _null_table(null: dict[Cell, float]) -> str:
    lines = ["| trainings | seeds differ by | wrong yes or no, % |", "|---:|---:|---:|"]
    return "\n".join([*lines, *(f"| {c.trainings} | {c.spread} | {100 * share:.1f} |" for c, share in null.items())])


if __name__ == "__main__":
    main()
