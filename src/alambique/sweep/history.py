"""The trials of a sweep, in Optuna's journal: which were made, which is next, and when one is pruned.

Every suggestion follows from the trials before it alone, so that a sweep that was killed goes on as if it had not been.
"""

import json
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, Trial, TrialState

from alambique.errors import CorruptArtefactError
from alambique.sweep.space import Choices, Range, Space, Values

JOURNAL = "trials.log"
REASON = "reason"  # of a failed trial, among its attributes
DONE, PRUNED, FAILED = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
FULL = 100  # pruning compares trials at the same share of their planned epochs, in percent
_STUDY = "sweep"
_ATTEMPTS = 100  # at a combination that was not tried yet
_BEFORE_PRUNING = 4  # trials that are finished before any is pruned
_WARM_UP = 50  # percent of the epochs in which none is pruned: figures leap late in small trainings


class Journal(BaseJournalBackend):
    """The journal of one process that has the folder to itself: a JSON object per line, appended and put on the disk.

    Optuna's own file backend makes a lock that a kill leaves behind, and appends to a line that a kill or a full disk tore.
    """

    def __init__(self, path: Path) -> None:
        """Read the journal, and remove what follows its last line end."""
        self.path = path
        content = path.read_bytes() if path.is_file() else b""
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with path.open("r+b") as stream:
                stream.truncate(whole)
        self.entries: list[dict[str, Any]] = [json.loads(line) for line in content[:whole].splitlines()]

    def read_logs(self, log_number_from: int) -> Iterator[dict[str, Any]]:
        """Entries from this number on."""
        return iter(self.entries[log_number_from:])

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Add entries."""
        lines = [json.dumps(entry, separators=(",", ":")) for entry in logs]
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
            os.fsync(stream.fileno())
        self.entries += [json.loads(line) for line in lines]


class History:
    """The trials of one sweep."""

    def __init__(self, folder: Path, space: Space) -> None:
        """Open the journal in a locked folder, or begin one.

        Args:
            folder: of the sweep.
            space: the same for all trials.

        Raises:
            CorruptArtefactError: the journal cannot be read.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        path = folder / JOURNAL
        pruner = optuna.pruners.MedianPruner(
            n_startup_trials=_BEFORE_PRUNING, n_warmup_steps=_WARM_UP, n_min_trials=_BEFORE_PRUNING - 1
        )
        try:
            self.study = optuna.create_study(
                storage=JournalStorage(Journal(path)), study_name=_STUDY,
                direction="maximize", pruner=pruner, load_if_exists=True,
            )  # fmt: skip
            self.trials()
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptArtefactError(
                f"{path} is not what was written there, so the trials cannot be told. Begin again in another folder with "
                "--out, or remove this one."
            ) from error

    def trials(self) -> list[FrozenTrial]:
        """All trials, in their order."""
        return self.study.get_trials(deepcopy=False)

    def values_of(self, trial: FrozenTrial) -> Values:
        """The values of a trial, as ``--set`` takes them."""
        params = trial.params or trial.system_attrs.get("fixed_params", {})
        return tuple(_text(dimension, params[dimension.key]) for dimension in self.space.dimensions)

    def next_trial(self, most: int | None) -> Trial | None:
        """The trial that was interrupted, or a new one; None where all are made.

        Args:
            most: trials in all; None for every combination.
        """
        trials = self.trials()
        begun = next((trial for trial in trials if trial.state == TrialState.RUNNING), None)
        if begun is not None:
            trial = Trial(self.study, begun._trial_id)  # noqa: SLF001 - Optuna has no other name for it
            self._fix(trial)
            return trial
        if not any(trial.state == TrialState.WAITING for trial in trials):
            values = self._propose(trials, most)
            if values is None:
                return None
            params = zip(self.space.dimensions, values, strict=True)
            self.study.enqueue_trial({each.key: _stored(each, value) for each, value in params})
        trial = self.study.ask()
        self._fix(trial)
        return trial

    def _fix(self, trial: Trial) -> None:
        """Have the trial take the values that it was enqueued with."""
        for dimension in self.space.dimensions:
            if isinstance(dimension, Choices):
                trial.suggest_categorical(dimension.key, dimension.values)
            elif dimension.whole:
                trial.suggest_int(dimension.key, int(dimension.low), int(dimension.high), log=dimension.log)
            else:
                trial.suggest_float(dimension.key, dimension.low, dimension.high, log=dimension.log)

    def _propose(self, trials: Sequence[FrozenTrial], most: int | None) -> Values | None:
        seen = {self.values_of(trial) for trial in trials}
        size = self.space.size
        if size is not None and (most is None or size <= most):
            return next((values for values in self.space.combinations() if values not in seen), None)
        if len(trials) >= (most or 0):
            return None
        for attempt in range(_ATTEMPTS):
            values = self._sample(trials, seed=_ATTEMPTS * len(trials) + attempt)
            if values not in seen:
                return values
        return next((values for values in self.space.combinations() if values not in seen), None)

    def _sample(self, trials: Sequence[FrozenTrial], *, seed: int) -> Values:
        """What the tree-structured Parzen estimator suggests after these trials, asked in a study of its own."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
            study.add_trials([trial for trial in trials if trial.state.is_finished()])
            trial = study.ask({each.key: _distribution(each) for each in self.space.dimensions})
        return tuple(_text(each, trial.params[each.key]) for each in self.space.dimensions)

    def report(self, trial: Trial, training: int, share: int, value: float) -> bool:
        """Note the metric on valid at a share of the planned epochs; whether the trial is behind the others there.

        A training counts with its best epoch so far, which is the one it would keep.

        Args:
            trial: the one that is being made.
            training: number of the training within the trial, from 0.
            share: of its planned epochs, in percent.
            value: the metric after this epoch.
        """
        step, seen = FULL * training + share, self.intermediate(trial)
        if step not in seen:
            trial.report(max([value, *(seen[each] for each in seen if each > FULL * training)]), step)
        return share < FULL and trial.should_prune()

    def intermediate(self, trial: Trial) -> dict[int, float]:
        """What was noted of a trial, by step."""
        return self.trials()[trial.number].intermediate_values

    def finish(self, trial: Trial, state: TrialState, value: float | None = None, **facts: Any) -> None:
        """Note how a trial ended, and facts about it."""
        for name, fact in facts.items():
            trial.set_user_attr(name, fact)
        self.study.tell(trial, value if state == DONE else None, state=state)


def _distribution(dimension: Choices | Range) -> BaseDistribution:
    if isinstance(dimension, Choices):
        return CategoricalDistribution(dimension.values)
    if dimension.whole:
        return IntDistribution(int(dimension.low), int(dimension.high), log=dimension.log)
    return FloatDistribution(dimension.low, dimension.high, log=dimension.log)


def _text(dimension: Choices | Range, value: Any) -> str:
    return str(value) if isinstance(dimension, Choices) else dimension.text(value)


def _stored(dimension: Choices | Range, text: str) -> Any:
    if isinstance(dimension, Choices):
        return text
    return int(text) if dimension.whole else float(text)
