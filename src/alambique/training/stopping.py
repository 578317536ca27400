"""When a training ends before its planned epochs: without progress on valid, or after a number of epochs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alambique.run.integrity import read_json
from alambique.run.layout import HISTORY
from alambique.training.checkpoints import STATE

_SCORED = "eval_loss"  # in the entry of an epoch that was scored on valid


@dataclass(frozen=True)
class Stopping:
    """A rule that follows from the recorded epochs alone, so that a resumed training stops where an uninterrupted one does.

    Attributes:
        metric: of valid.
        patience: epochs in a row without a better value than before; None for no such limit.
        after: epochs in all; None for as many as planned.
        labelless: epochs at the beginning that learn from no label: patience begins after them.
        greater_is_better: whether a larger value is better.

    Example:
        >>> from alambique.training.stopping import Stopping
        >>> log = [{"eval_macro_f1": value, "eval_loss": 1.0} for value in (0.5, 0.7, 0.7, 0.6)]
        >>> [Stopping("macro_f1", patience=2).is_due(log[:epochs]) for epochs in range(1, 5)]
        [False, False, False, True]
    """

    metric: str
    patience: int | None = None
    after: int | None = None
    labelless: int = 0
    greater_is_better: bool = True

    def is_due(self, log: Sequence[dict[str, Any]]) -> bool:
        """Whether to stop now.

        Args:
            log: of the trainer, an entry with ``eval_loss`` and the metric for each epoch.
        """
        values = [entry[f"eval_{self.metric}"] for entry in log if _SCORED in entry]
        if self.after is not None and len(values) >= self.after:
            return True
        counted = values[self.labelless :]
        if self.patience is None or not counted:
            return False
        return len(counted) - 1 - counted.index((max if self.greater_is_better else min)(counted)) >= self.patience


def scored_epochs(log: Sequence[dict[str, Any]]) -> int:
    """Epochs that a training has made, by its log."""
    return sum(_SCORED in entry for entry in log)


def epochs_made(folder: Path) -> int | None:
    """Epochs that a finished training made, by the history beside its model; None where there is none."""
    log = read_json(folder / HISTORY)
    return scored_epochs(log) if isinstance(log, list) else None


def log_of(checkpoint: Path) -> list[dict[str, Any]]:
    """The trainer's log in a checkpoint."""
    return list(read_json(checkpoint / STATE)["log_history"])


class StoppingCallback(TrainerCallback):
    """Ends a training after the epoch at which its rule is due."""

    def __init__(self, stopping: Stopping) -> None:
        """Args: the rule."""
        self.stopping = stopping

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Look at the epochs so far, the one just scored among them."""
        del args
        if self.stopping.is_due(state.log_history):
            control.should_training_stop = True
