import io

import pytest
from rich.console import Console
from transformers.utils import logging

from alambique.progress import Bars, Lines, Reporter, make_reporter, quiet_libraries


def test_lines_tell_stage_step_figures_and_remaining_time(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 0.0, 5.0, 25.0, 30.0])  # stage, step, start, two advances, end
    monkeypatch.setattr("alambique.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("alambique.progress.time.strftime", lambda _: "12:00:00")
    with Lines().stage("student") as step:
        step.start(10)
        step.metrics(loss=1.25)
        step.advance(1)
        step.say("a remark")
        step.metrics(valid_macro_f1=0.5)
        step.advance(4)
    assert capsys.readouterr().err.splitlines() == [
        "12:00:00 student: begins",
        "12:00:00 student: a remark",
        "12:00:00 student: 5/10, loss 1.250 valid macro f1 0.500, about 25 s left",
        "12:00:00 student: done in 30.0 s, loss 1.250 valid macro f1 0.500",
    ]


def test_a_long_wait_before_the_first_step_is_no_time_per_step(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 0.0, 30.0, 31.0])  # stage, step, start, an advance by none, end
    monkeypatch.setattr("alambique.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("alambique.progress.time.strftime", lambda _: "12:00:00")
    with Lines().stage("student") as step:
        step.start(10)
        step.advance(0)
    assert capsys.readouterr().err.splitlines() == ["12:00:00 student: begins", "12:00:00 student: done in 31.0 s"]


def test_bars_tell_stage_step_and_figures():
    bars = Bars()
    bars.console = Console(file=io.StringIO(), force_terminal=True, width=140)
    with bars.stage("teacher (seed 0)") as step:
        step.start(40)
        step.advance(40)
        step.metrics(loss=0.5, valid_macro_f1=0.25)
        step.say("a remark")
    shown = bars.console.file.getvalue()
    for part in ("teacher (seed 0)", "40/40", "loss 0.500 valid macro f1 0.250", "a remark"):
        assert part in shown


def test_what_need_not_be_done_is_no_part_of_the_time_left(capsys, monkeypatch):
    clock = iter([0.0, 0.0, 0.0, 30.0, 31.0])  # stage, step, start, advance, end
    monkeypatch.setattr("alambique.progress.time.monotonic", lambda: next(clock))
    monkeypatch.setattr("alambique.progress.time.strftime", lambda _: "12:00:00")
    with Lines().stage("predict") as step:
        step.start(1000)
        step.skip(400)
        step.metrics(rows_per_second=12345.6)
        step.advance(100)
    assert capsys.readouterr().err.splitlines() == [
        "12:00:00 predict: begins",
        "12:00:00 predict: 100/600, rows per second 12,346, about 150 s left",
        "12:00:00 predict: done in 31.0 s, rows per second 12,346",
    ]
    bars = Bars()
    bars.console = Console(file=io.StringIO(), force_terminal=True, width=140)
    with bars.stage("predict") as step:
        step.skip(400)
        step.start(1000)
        step.skip(400)
        step.advance(600)
    assert "600/600" in bars.console.file.getvalue()


def test_quiet_shows_nothing(capsys):
    reporter = make_reporter(quiet=True)
    with reporter.stage("x") as step:
        step.start(1)
        step.skip(1)
        step.advance()
        step.metrics(loss=1.0)
        step.say("x")
    reporter.say("x")
    assert capsys.readouterr() == ("", "")


def test_what_is_shown_where(monkeypatch):
    assert type(make_reporter(quiet=True)) is Reporter
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    assert type(make_reporter(quiet=False)) is Lines
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert type(make_reporter(quiet=False)) is Bars


def test_the_libraries_are_quiet_only_meanwhile():
    before = logging.get_verbosity()
    with pytest.raises(KeyError), quiet_libraries():
        assert logging.get_verbosity() == logging.ERROR
        raise KeyError
    assert logging.get_verbosity() == before
