"""sweep.json: the trials of a sweep, the winner, and what may be concluded from it."""

from typing import Literal

from pydantic import Field

from alambique.report.numbers import grouped, interval, percent
from alambique.report.parts import Interval, Part

STATUSES = {"done": "done", "pruned": "pruned", "failed": "failed"}


class Point(Part):
    """The best metric on valid so far, after an epoch."""

    share: float
    """Of the planned epochs, from 0 to 1; from 1 to 2 in the second training of a trial, and so on."""
    value: float
    """With several trainings, the mean of those so far."""


class TrialResult(Part):
    """One trial."""

    number: int
    """From 1; its run is `trials/NUMBER/`."""
    values: dict[str, str]
    """By key, as `--set` takes them."""
    status: Literal["done", "pruned", "failed"]
    """pruned: it was behind the other trials at the same share of its epochs, and was ended."""
    reason: str | None = None
    """Why it failed, or was pruned."""
    valid: Interval | None = None
    """The metric on valid, the mean over trainings; null unless it is done."""
    behind: Interval | None = None
    """The winner's metric less this trial's, by the same rows; null for the winner, and unless it is done."""
    epochs: tuple[int, ...] = ()
    """That each training made."""
    planned: int
    """Epochs planned per training."""
    course: tuple[Point, ...] = ()
    """The best metric on valid so far, by epoch."""

    @property
    def text(self) -> str:
        """The values in a line."""
        return ", ".join(f"{key}={value}" for key, value in self.values.items())


class SweepResult(Part):
    """A sweep."""

    alambique: str
    """Version of the program."""
    recipe: str
    """Name or file of the recipe."""
    over: tuple[str, ...]
    """What was varied, as `--over` takes it."""
    sets: tuple[str, ...] = ()
    """What `--set` was given."""
    metric: str
    """That the winner was chosen by, on valid."""
    valid_rows: int
    """Rows of valid."""
    trainings: int = Field(ge=1)
    """Trainings of a student per trial, over which figures are means."""
    trials: tuple[TrialResult, ...]
    """In the order in which they were made."""
    best: int | None
    """Number of the winner."""

    @property
    def winner(self) -> TrialResult | None:
        """The trial with the best figure on valid; the first of equals."""
        return next((trial for trial in self.trials if trial.number == self.best), None)

    @property
    def alike(self) -> tuple[TrialResult, ...]:
        """Trials whose difference to the winner may be chance: its interval holds 0."""
        return tuple(trial for trial in self.trials if trial.behind and (trial.behind.low or 0) <= 0)

    @property
    def summary(self) -> str:
        """What was made, and which trial won."""
        counts = {name: sum(trial.status == name for trial in self.trials) for name in STATUSES}
        made = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        if self.winner is None or self.winner.valid is None:
            return f"{_trials(len(self.trials))} ({made}). There is no winner."
        figure = self.winner.valid
        return (
            f"{_trials(len(self.trials))} ({made}). Trial {self.best} is the best on valid: {self.metric_name} "
            f"{percent(figure.mean)} % ({interval(figure)}), with {self.winner.text}."
        )

    @property
    def caution(self) -> str:
        """What the winner's figure does not say."""
        if self.winner is None:
            return ""
        done = sum(trial.status == "done" for trial in self.trials)
        sentences = []
        if done > 1:
            sentences.append(
                f"This figure is optimistic: it is the best of {done} on the same {grouped(self.valid_rows)} rows of valid, "
                "and so lucky in part. Expect less on other rows."
            )
            alike = len(self.alike)
            sentences.append(
                f"{alike} of the {done - 1} other finished trials cannot be told from it on these rows."
                if alike
                else "On these rows it is better than each other finished trial by more than chance."
            )
        if self.trainings == 1:
            sentences.append("Each trial is one training: another seed may change their order.")
        sentences.append("Test was not looked at.")
        return " ".join(sentences)

    @property
    def metric_name(self) -> str:
        """The metric as people write it."""
        return self.metric.replace("macro_f1", "macro-F1")

    @property
    def best_sets(self) -> tuple[str, ...]:
        """The winner's values, each as ``--set`` takes it."""
        return tuple(f"{key}={value}" for key, value in self.winner.values.items()) if self.winner else ()

    def to_json(self) -> str:
        """JSON with a line end."""
        return self.model_dump_json(indent=2) + "\n"


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"
