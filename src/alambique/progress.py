"""What long work shows: bars on a terminal, plain lines elsewhere, nothing when quiet. Always on standard error."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_SECONDS_BETWEEN_LINES = 20.0
_LARGE = 1000  # figures from here on, as rows per second are, have no decimals


class Step:
    """One stage's work while it goes on; this base shows nothing."""

    def start(self, total: int) -> None:
        """Say how many steps or rows there will be."""

    def advance(self, count: int = 1) -> None:
        """So many more are done."""

    def skip(self, count: int) -> None:
        """So many of those that were said at the start need not be done: the time left is that of the others."""

    def metrics(self, **figures: float) -> None:
        """Show the latest loss or metric, by name."""

    def scored(self, section: str, epoch: int, epochs: int, value: float) -> None:
        """A training of ``teacher`` or ``student`` made so many of its planned epochs, and this is its metric on valid.

        Raising an error here ends the training.
        """

    def say(self, line: str) -> None:
        """Say something about this stage."""


class Reporter:
    """Shows stages; this base shows nothing (``--quiet``)."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Step]:
        """A stage begins here and ends with the block."""
        del name
        yield Step()

    def say(self, line: str) -> None:
        """A line for the log."""


class Bars(Reporter):
    """Bars with stage, step, loss, valid metric and remaining time."""

    def __init__(self) -> None:
        """Draw on standard error."""
        from rich.console import Console  # noqa: PLC0415 - a tenth of a second, and only a terminal shows bars

        self.console = Console(stderr=True)

    @contextmanager
    def stage(self, name: str) -> Iterator[Step]:
        """One bar, which stays when the stage is done."""
        from rich.progress import (  # noqa: PLC0415 - as above
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<22}"), BarColumn(bar_width=24), MofNCompleteColumn(),
            TextColumn("{task.fields[figures]}"), TimeRemainingColumn(elapsed_when_finished=True),
        )  # fmt: skip
        with Progress(*columns, console=self.console) as progress:
            yield _BarStep(progress, progress.add_task(name, total=None, figures=""))

    def say(self, line: str) -> None:
        """A line above the bars."""
        self.console.print(line, style="dim", highlight=False, markup=False)


class _BarStep(Step):
    def __init__(self, progress: "Progress", task: "TaskID") -> None:
        self.progress, self.task = progress, task
        self.figures: dict[str, float] = {}

    def start(self, total: int) -> None:
        self.progress.update(self.task, total=total)

    def advance(self, count: int = 1) -> None:
        self.progress.advance(self.task, count)

    def skip(self, count: int) -> None:
        total = self.progress.tasks[self.task].total
        self.progress.update(self.task, total=None if total is None else total - count)

    def metrics(self, **figures: float) -> None:
        self.figures |= figures
        self.progress.update(self.task, figures=_figures(self.figures))

    def say(self, line: str) -> None:
        self.progress.console.print(line, style="dim", highlight=False, markup=False)


class Lines(Reporter):
    """Plain lines, a few a minute."""

    @contextmanager
    def stage(self, name: str) -> Iterator[Step]:
        """A line when it begins, and one when it ends."""
        self.say(f"{name}: begins")
        begun = time.monotonic()
        step = _LineStep(self, name)
        yield step
        self.say(f"{name}: done in {time.monotonic() - begun:.1f} s{step.shown()}")

    def say(self, line: str) -> None:
        """A line with the time of day."""
        print(f"{time.strftime('%H:%M:%S')} {line}", file=sys.stderr, flush=True)  # noqa: T201 - this is the log


class _LineStep(Step):
    def __init__(self, lines: Lines, name: str) -> None:
        self.lines, self.name = lines, name
        self.total, self.done = 0, 0
        self.begun = self.last = time.monotonic()
        self.figures: dict[str, float] = {}

    def start(self, total: int) -> None:
        self.total, self.begun = total, time.monotonic()

    def advance(self, count: int = 1) -> None:
        self.done += count
        now = time.monotonic()
        if now - self.last >= _SECONDS_BETWEEN_LINES and 0 < self.done < self.total:
            self.last = now
            left = (now - self.begun) / self.done * (self.total - self.done)
            self.lines.say(f"{self.name}: {self.done}/{self.total}{self.shown()}, about {left:.0f} s left")

    def skip(self, count: int) -> None:
        self.total -= count

    def metrics(self, **figures: float) -> None:
        self.figures |= figures

    def say(self, line: str) -> None:
        self.lines.say(f"{self.name}: {line}")

    def shown(self) -> str:
        return f", {_figures(self.figures)}" if self.figures else ""


def _figures(figures: dict[str, float]) -> str:
    return " ".join(f"{name.replace('_', ' ')} {_figure(value)}" for name, value in figures.items())


def _figure(value: float) -> str:
    return f"{value:.3f}" if abs(value) < _LARGE else f"{value:,.0f}"


def make_reporter(*, quiet: bool) -> Reporter:
    """Bars on a terminal, lines elsewhere, nothing when quiet."""
    if quiet:
        return Reporter()
    return Bars() if sys.stderr.isatty() else Lines()


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep the bars and warnings of transformers, datasets and the Hub out of ours, and restore them after."""
    import datasets  # noqa: PLC0415 - slow, and `alambique recipes` needs none of them
    from huggingface_hub.utils.tqdm import disable_progress_bars, enable_progress_bars  # noqa: PLC0415
    from transformers.utils import logging as transformers_logging  # noqa: PLC0415

    level = transformers_logging.get_verbosity()
    datasets_bars = datasets.is_progress_bar_enabled()
    hub_log = logging.getLogger("huggingface_hub")
    hub_level = hub_log.level
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    datasets.disable_progress_bars()
    disable_progress_bars()
    hub_log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        transformers_logging.enable_progress_bar()
        enable_progress_bars()
        hub_log.setLevel(hub_level)
        if datasets_bars:
            datasets.enable_progress_bars()
