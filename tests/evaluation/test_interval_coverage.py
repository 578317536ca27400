"""What the intervals promise, in simulated runs: the cells of benchmarks/interval_coverage.py."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).resolve().parents[2] / "benchmarks" / "interval_coverage.py"
SPEC = importlib.util.spec_from_file_location("interval_coverage", PATH)
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)
CHANCE = 0.04  # shares of 200 draws of a true 95 % differ by 1.5 points, and the lowest of many by 4
GROUPS = sorted({(cell.trainings, cell.spread) for cell in script.cells(full=True)})


def test_the_truth_is_what_many_rows_and_seeds_show():
    cell = script.Cell("6 classes, one of 2 %", 20000, 40, 0.6, 0.4)
    world = script.World.of(cell)
    skill = world.skill(0.6)
    labels, (predicted,) = world.draw(np.random.default_rng(0), cell, (skill,))
    truth = world.truth(skill)
    assert truth.accuracy == pytest.approx(0.6)
    assert (predicted == labels).mean() == pytest.approx(0.6, abs=0.03)  # 40 seeds, each 8 points off
    f1 = [script.contributions.of_macro_f1(each, labels, 6).figure for each in predicted]
    assert np.mean(f1) == pytest.approx(truth.macro_f1, abs=0.03)
    assert np.mean(1 / np.array(f1)) == pytest.approx(truth.per_macro_f1, abs=0.1)


@pytest.mark.parametrize(("trainings", "accuracy"), [(1, 0.6), (1, 0.9), (1, 0.998), (2, 0.6), (3, 0.98), (5, 0.6)])
def test_intervals_cover_the_truth(trainings, accuracy):
    """A few cells and draws; the slow test below has all of them."""
    cell = script.Cell("6 classes, one of 2 %", 300, trainings, accuracy, 0.4 if trainings > 1 else 0.0)
    covered = script.coverage(cell, 150)
    assert min(covered.values()) >= 0.92 - 0.05, covered


def test_a_single_training_gives_no_verdict():
    assert script.wrong_verdicts(script.Cell("6 classes", 300, 1, 0.6, 0.4), 50) == 0.0


@pytest.mark.slow
@pytest.mark.parametrize(("trainings", "spread"), GROUPS)
def test_every_cell_covers_and_their_mean_is_what_is_promised(trainings, spread):
    cells = [cell for cell in script.cells(full=True) if (cell.trainings, cell.spread) == (trainings, spread)]
    covered = {cell: script.coverage(cell, script.DRAWS[cell.rows]) for cell in cells}
    for figure in script.FIGURES:
        shares = {cell: each[figure] for cell, each in covered.items()}
        lowest = min(shares, key=shares.get)
        assert shares[lowest] >= 0.92 - CHANCE, (figure, lowest, shares[lowest])
        assert np.mean(list(shares.values())) >= 0.93, figure


@pytest.mark.slow
@pytest.mark.parametrize("cell", [*script.null_cells(full=True)], ids=lambda cell: f"{cell.trainings}-{cell.spread}")
def test_without_a_gain_at_most_5_percent_of_verdicts_are_yes_or_no(cell):
    assert script.wrong_verdicts(cell, 2000) <= 0.05
