"""One trial: a run up to its students, without twin, benchmark, export or test, scored on valid."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from alambique.artefacts.predictions import read_scored
from alambique.pipeline import begun, train_seed
from alambique.progress import Reporter, Step
from alambique.recipe.recipe import Recipe
from alambique.run.layout import STUDENT
from alambique.training.stopping import epochs_made
from alambique.trials.on_valid import OnValid

if TYPE_CHECKING:
    import numpy as np

Watch = Callable[[int, int, float], bool]  # training, percent of its epochs, metric on valid → whether to stop


class PrunedError(Exception):
    """A trial is behind the others and ends here; not an error of anyone's."""


@dataclass(frozen=True)
class Scored:
    """What a trial's students give for valid.

    Attributes:
        on_valid: their logits.
        epochs: that each training made.
    """

    on_valid: OnValid
    epochs: tuple[int, ...]


def run_trial(recipe: Recipe, folder: Path, siblings: tuple[Path, ...], reporter: Reporter, watch: Watch) -> Scored:
    """Make a trial, or what is missing of it.

    Args:
        recipe: of the trial.
        folder: its run.
        siblings: the runs of other trials, whose teachers and soft labels are taken over where their keys agree.
        reporter: receives the progress.
        watch: told the metric on valid after each epoch of a student; says whether to stop.

    Raises:
        PrunedError: ``watch`` said so; of the student that was being trained nothing is left.
        UserInputError: as :func:`alambique.pipeline.distill`.
        WeakTeacherError: a teacher is not better than guessing.
        NonFiniteError: a loss is not finite.
    """
    with begun(recipe, folder, reporter, siblings=siblings, with_test=False) as (run, job):
        logits: list[np.ndarray] = []
        epochs: list[int] = []
        for seed, of_seed in run.seeds_of(recipe).items():
            places = [of_seed.student(number) for number in range(recipe.student.seeds)]
            before = len(logits)

            def watched(number: int, before: int = before) -> Reporter:
                return _Watched(reporter, partial(watch, before + number))

            try:
                train_seed(of_seed, job, seed, reporter, watch=watched)
            except PrunedError:
                for place in places:
                    place.discard(STUDENT)
                raise
            logits += [read_scored(place, STUDENT, job.splits).logits["valid"] for place in places]
            epochs += [epochs_made(place.path / STUDENT) or 0 for place in places]
        return Scored(OnValid(job.splits.valid, job.task, tuple(logits), recipe.student.seeds), tuple(epochs))


class _Watched(Reporter):
    """Passes progress on, and the epochs of a student to whoever decides whether it goes on."""

    def __init__(self, reporter: Reporter, watch: Callable[[int, float], bool]) -> None:
        self.reporter, self.watch = reporter, watch

    @contextmanager
    def stage(self, name: str) -> Iterator[Step]:
        with self.reporter.stage(name) as step:
            yield _WatchedStep(step, self.watch)

    def say(self, line: str) -> None:
        self.reporter.say(line)


class _WatchedStep(Step):
    def __init__(self, step: Step, watch: Callable[[int, float], bool]) -> None:
        self.step, self.watch = step, watch

    def start(self, total: int) -> None:
        self.step.start(total)

    def advance(self, count: int = 1) -> None:
        self.step.advance(count)

    def metrics(self, **figures: float) -> None:
        self.step.metrics(**figures)

    def say(self, line: str) -> None:
        self.step.say(line)

    def scored(self, section: str, epoch: int, epochs: int, value: float) -> None:
        if section == STUDENT and self.watch(round(100 * epoch / epochs), value):
            raise PrunedError
