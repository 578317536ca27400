"""Costs: in turns, kept with the machine, measured again where they may not be mixed or trusted."""

import json

import numpy as np
import pytest

from alambique.artefacts.splits import Split
from alambique.frontier import costs
from alambique.frontier.costs import Timed, measure
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.stages import benchmark

TEXTS = Split("valid", tuple("abcdefgh"), tuple("abcdefgh"), None, np.array([0, 1] * 4))


class Lines(Reporter):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


@pytest.fixture
def sitting(tmp_path, monkeypatch):
    """Measure models of these names: what was opened in which order, what was said, the figures."""
    rates = [50.0, 55.0, 52.0] * 9
    monkeypatch.setattr(benchmark, "matmul_rate", lambda: rates.pop(0))
    monkeypatch.setattr(benchmark, "ROUNDS", 3)

    def run(*names):
        opened, reporter = [], Lines()

        def timed(name):
            def load():
                opened.append(name)
                return lambda segments: np.zeros((len(segments), 2))

            return Timed(f"digest of {name}", load)

        figures = measure(RunFolder(tmp_path), {name: timed(name) for name in names}, TEXTS, reporter)
        return opened, reporter.lines, figures

    run.rates = rates
    return run


def test_models_take_turns_and_figures_are_kept(sitting):
    opened, said, figures = sitting("a", "b")
    assert (opened, said) == (["a", "b"] * 3, [])
    assert figures["rates"] == [50, 55, 52]
    assert figures["machine"] == costs.this_machine()
    for name in ("a", "b"):
        assert 0 < figures[name]["latency_ms"]["p50"] <= figures[name]["latency_ms"]["p99"]
        assert figures[name]["throughput_per_s"] > 0
    assert sitting("b", "a") == ([], [], figures)  # in another order they are the same models
    assert sitting("a")[0] == ["a"] * 3


def test_another_machine_has_all_measured_again(sitting, monkeypatch):
    sitting("a", "b")
    monkeypatch.setattr(costs, "processor_name", lambda: "another")
    opened, said, figures = sitting("a", "b")
    assert opened == ["a", "b"] * 3
    assert said == ["costs: were measured on another machine, and are measured again on this one"]
    assert figures["machine"]["processor"] == "another"


def test_figures_of_a_busy_machine_are_not_kept(sitting):
    sitting.rates[:3] = [50.0, 30.0, 50.0]
    assert sitting("a")[2]["rates"] == [50, 30, 50]
    opened, said, figures = sitting("a")
    assert opened == ["a"] * 3
    assert said == ["costs: the machine was busy when they were measured; they are measured again"]
    assert json.loads(json.dumps(figures))["rates"] == [50, 55, 52]
