"""The sweep: trial after trial in one folder, each a run, the winner chosen on valid."""

from pathlib import Path
from typing import Any, Literal

from optuna.trial import FrozenTrial, Trial, TrialState

import alambique
from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import run_data
from alambique.distributed.launch import refuse_several_processes
from alambique.errors import AlambiqueError, ModelError, NonFiniteError, RecipeError, SweepError, WeakTeacherError
from alambique.evaluation.tasks import task_of
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.report import parts
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import STUDENT
from alambique.sweep.candidates import Candidates
from alambique.sweep.folder import BEST, SWEEP_HTML, SWEEP_JSON, sweep_folder, trial_folder, trial_folders
from alambique.sweep.history import DONE, FAILED, FULL, PRUNED, REASON, History
from alambique.sweep.page import sweep_page
from alambique.sweep.result import Point, SweepResult, TrialResult
from alambique.sweep.trial import PrunedError, Scored, run_trial
from alambique.trials.on_valid import OnValid

# errors that come of the values of a trial: the others go on
_OF_ITS_VALUES = (WeakTeacherError, NonFiniteError, RecipeError, ModelError)
_STATUS: dict[TrialState, Literal["done", "pruned", "failed"]] = {DONE: "done", PRUNED: "pruned", FAILED: "failed"}


def sweep(
    candidates: Candidates,
    out: Path,
    *,
    trials: int | None = None,
    prune: bool = True,
    reporter: Reporter | None = None,
) -> SweepResult:
    """Make the trials of a sweep that are not made yet, and choose the winner on valid.

    Args:
        candidates: the recipe and what is varied.
        out: the folder of the sweep; it is created, or gone on with.
        trials: how many in all; by default every combination, which ranges do not have.
        prune: whether a trial that is behind the others may end early.
        reporter: receives the progress; by default it is not shown.

    Raises:
        UserInputError: recipe, values, data, models or folder are at fault; nothing is left of a folder created here.
        SweepError: no trial could be finished.
    """
    reporter = reporter or Reporter()
    if trials is None and candidates.has_range:
        raise RecipeError("--over has a range, which has no end of values. Say how many trials to make: --trials 20")

    refuse_several_processes("alambique sweep")

    def check() -> None:
        reporter.say("sweep: checks data and models of all trials")
        with quiet_libraries():
            candidates.check_models()

    with sweep_folder(out, candidates.base, candidates.space.given, check) as folder:
        made = _Sweep(candidates, folder, History(folder, candidates.space), reporter, prune=prune)
        while (trial := made.history.next_trial(trials)) is not None:
            made.run(trial, trials or candidates.space.size)
            made.write()
        return made.finish()


class _Sweep:
    """A sweep that is under way, in a locked folder."""

    def __init__(
        self, candidates: Candidates, folder: Path, history: History, reporter: Reporter, *, prune: bool
    ) -> None:
        self.candidates, self.folder, self.history, self.reporter = candidates, folder, history, reporter
        self.prune = prune

    def run(self, trial: Trial, total: int | None) -> None:
        """Make one trial and note how it ended."""
        values = self.history.values_of(self.history.trials()[trial.number])
        number, shown = trial.number + 1, ", ".join(self.candidates.space.overrides(values))
        self.reporter.say(f"trial {number} of {total}: {shown}")
        place = trial_folder(self.folder, number)
        siblings = tuple(each for each in trial_folders(self.folder) if each != place)
        self._refuse_changed()

        def watch(training: int, share: int, value: float) -> bool:
            return self.history.report(trial, training, share, value) and self.prune

        try:
            recipe = self.candidates.recipe(values)
            trial.set_user_attr("planned", recipe.student.epochs)
            scored = run_trial(recipe, place, siblings, self.reporter, watch)
        except PrunedError:
            share = max(self.history.intermediate(trial)) % FULL
            reason = f"behind the median of the others after {share} % of its epochs"
            made = round(share / FULL * recipe.student.epochs)
            self.history.finish(trial, PRUNED, reason=reason, epochs=[made])
            self.reporter.say(f"trial {number}: pruned, {reason}")
        except _OF_ITS_VALUES as error:
            self.history.finish(trial, FAILED, reason=str(error))
            self.reporter.say(f"trial {number}: failed. {error}")
        else:
            value = scored.on_valid.mean
            self.history.finish(trial, DONE, value, **_facts(scored))
            self.reporter.say(f"trial {number}: {100 * value:.1f} % on valid")

    def _refuse_changed(self) -> None:
        """Stop where the file of the recipe was edited after the sweep began: trials could not be compared."""
        if Recipe.load(self.candidates.name, self.candidates.sets) != self.candidates.base:
            raise RecipeError(
                f"{self.candidates.name} was changed while the sweep ran. Undo the change to go on, or choose another "
                "folder with --out."
            )

    def write(self) -> SweepResult:
        """Write sweep.json and best.yaml from the trials so far."""
        result = self._result()
        write_text(self.folder / SWEEP_JSON, result.to_json())
        if result.winner is not None:
            recipe = self.candidates.recipe(tuple(result.winner.values.values()))
            write_text(self.folder / BEST, f"{_heading(result)}{recipe.to_yaml()}")
        return result

    def finish(self) -> SweepResult:
        """Write the page too.

        Raises:
            SweepError: no trial could be finished.
        """
        result = self.write()
        write_text(self.folder / SWEEP_HTML, sweep_page(result))
        if result.winner is None:
            reasons = dict.fromkeys(trial.reason for trial in result.trials if trial.reason)
            raise SweepError("\n".join([f"No trial could be finished: {result.summary}", *(f"  {r}" for r in reasons)]))
        return result

    def _result(self) -> SweepResult:
        trials = [trial for trial in self.history.trials() if trial.state in _STATUS]
        done = [trial for trial in trials if trial.state == DONE]
        best = max(done, key=lambda trial: trial.value or 0.0) if done else None
        winner = None if best is None else self._logits(best)
        base = self.candidates.base
        return SweepResult(
            alambique=alambique.__version__,
            recipe=self.candidates.name,
            over=self.candidates.space.given,
            sets=self.candidates.sets,
            metric=next((trial.user_attrs["metric"] for trial in done), "macro_f1"),
            valid_rows=next((trial.user_attrs["rows"] for trial in done), 0),
            trainings=len(base.seeds) * base.student.seeds,
            trials=tuple(self._trial(trial, None if trial is best else winner) for trial in trials),
            best=None if best is None else best.number + 1,
        )

    def _trial(self, trial: FrozenTrial, winner: OnValid | None) -> TrialResult:
        values, facts = self.history.values_of(trial), trial.user_attrs
        kept = self._logits(trial) if trial.state == DONE and winner is not None else None
        valid = facts.get("valid")
        return TrialResult(
            number=trial.number + 1,
            values=dict(self.candidates.space.by_key(values)),
            status=_STATUS[trial.state],
            reason=facts.get(REASON),
            valid=None if valid is None else parts.Interval.model_validate(valid),
            behind=None if kept is None or winner is None else winner.ahead_of(kept),
            epochs=tuple(facts.get("epochs", ())),
            planned=facts.get("planned") or 0,
            course=tuple(Point(share=step / FULL, value=v) for step, v in sorted(trial.intermediate_values.items())),
        )

    def _logits(self, trial: FrozenTrial) -> OnValid | None:
        """What the students of a finished trial gave for valid; None where its run was removed."""
        run = RunFolder(trial_folder(self.folder, trial.number + 1))
        try:
            splits, _ = run_data(run)
            places = [each.student(n) for each in run.seeds_of(run.recipe()).values() for n in range(self._students)]
            return OnValid(
                splits.valid,
                task_of(splits, run.recipe().verdict),
                tuple(read_scored(each, STUDENT, splits).logits["valid"] for each in places),
                self._students,
            )
        except (AlambiqueError, OSError):
            return None

    @property
    def _students(self) -> int:
        return self.candidates.base.student.seeds


def _facts(scored: Scored) -> dict[str, Any]:
    """What the journal keeps of a finished trial beside its value."""
    return {
        "valid": scored.on_valid.figure.model_dump(), "epochs": list(scored.epochs),
        "metric": scored.on_valid.task.verdict_metric, "rows": len(scored.on_valid.valid),
    }  # fmt: skip


def _heading(result: SweepResult) -> str:
    lines = [
        f"The best of alambique sweep {result.recipe} on valid. It was chosen there: its figure on valid is optimistic.",
        result.summary,
    ]
    return "".join(f"# {' '.join(line.split())}\n" for line in lines)
