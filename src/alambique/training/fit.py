"""One training, the same for teacher, student and twin: rows in random order, the best epoch on valid kept."""

import copy
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.distributed.group import current_group
from alambique.errors import UserInputError
from alambique.models.inputs import POSITIONS_AFTER_PADDING
from alambique.models.tokenizer import save_tokenizer
from alambique.progress import Step
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute, Training
from alambique.run.layout import HISTORY, SCRATCH, STUDENT
from alambique.run.system_errors import explain_system_error
from alambique.signals import defer_signals
from alambique.training.checkpoints import facts_of, latest_valid
from alambique.training.prepare import HARD_ONLY, prepare
from alambique.training.resumable_trainer import ResumableTrainer
from alambique.training.rows import TrainingRows
from alambique.training.samplers import ORDER
from alambique.training.stopping import scored_epochs
from alambique.training.tracking import NONE, tracked

_CHECKPOINTS = "checkpoints"
NOTICE = "alambique: a checkpoint is saved at the end of this step, then it stops; again to stop at once"
OTHER_ORDER = "the checkpoints here are of a version that trained in another order of rows, so training starts again"
_MEASURED_TIME = ("_runtime", "_per_second")


def fit(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: TrainingRows,
    *,
    settings: Training,
    compute: Compute,
    max_length: int,
    seed: int,
    work: Path,
    step: Step,
    distillation: Distillation = HARD_ONLY,
    section: str = STUDENT,
    stop_after: int | None = None,
    stored: Callable[[PreTrainedModel], PreTrainedModel] = lambda model: model,
) -> None:
    """Train a copy of ``model`` and save it, its tokenizer and the course of training into ``work``.

    After each epoch it is scored on valid; the epoch with the best metric of the task is the one saved. Checkpoints of an
    interrupted attempt in ``work/scratch`` are continued, and left there; those of a version that trained in another order
    of rows are removed. Ctrl-C and SIGTERM save one more.

    Args:
        model: what the training begins from; it is not changed.
        tokenizer: its own; it is not changed.
        rows: what is trained on and scored.
        settings: epochs, batch size, learning rate and the like.
        compute: precision, and whether the exact speed-ups are used.
        max_length: where texts are cut, in tokens.
        seed: of the order of rows and of dropout.
        work: an existing folder.
        step: shows steps, loss and metric.
        distillation: loss, temperature and mixture; hard labels alone by default.
        section: of the recipe, for messages.
        stop_after: epochs after which it stops, on the learning rates of those planned; None for all of them.
        stored: from the trained model to the one that is saved, where that is not the same.

    Raises:
        NonFiniteError: loss or gradient is not finite.
        KeyboardInterrupt: it was asked for; a checkpoint was saved.
    """
    model, tokenizer = copy.deepcopy(model), copy.deepcopy(tokenizer)
    model.config.problem_type = rows.task.problem_type
    padding = model.config.to_dict().get("pad_token_id")
    checkpoints, group = work / SCRATCH / _CHECKPOINTS, current_group()
    latest = _continued(checkpoints, step)
    training: dict[str, Any] = {
        "model": model, "tokenizer": tokenizer, "rows": rows, "settings": settings, "compute": compute, "seed": seed,
        "checkpoints": checkpoints, "distillation": distillation, "section": section, "stop_after": stop_after,
    }  # fmt: skip
    if group is not None:
        group.share(_Part(work, training, latest))
    with defer_signals(NOTICE) as request, tracked(compute.report_to, work, seed=seed) as name:
        trainer, speedups = prepare(**training, step=step, request=request)
        trainer.args.run_name = name
        trainer.train_on(latest)
        if group is not None:
            group.barrier()  # nobody reads a checkpoint any more
        _say_stopped(trainer, settings, step)
    if speedups is not None:
        speedups.undo()
    if model.config.model_type in POSITIONS_AFTER_PADDING:
        model.config.pad_token_id = padding  # Trainer put the tokenizer's there; loaded again, positions would differ
    stored(model).save_pretrained(work)
    tokenizer.model_max_length = max_length  # so that truncation=True cuts where training cut
    save_tokenizer(tokenizer, work)
    history = [
        {name: value for name, value in entry.items() if not name.endswith(_MEASURED_TIME)}
        for entry in trainer.state.log_history
        if "loss" in entry or "eval_loss" in entry
    ]
    (work / HISTORY).write_text(json.dumps(history, indent=1, sort_keys=True), "utf-8")


def _say_stopped(trainer: ResumableTrainer, settings: Training, step: Step) -> None:
    """Say that patience ended a training before its planned epochs, and show it as complete."""
    made = scored_epochs(trainer.state.log_history)
    if settings.patience is not None and made < settings.epochs:
        step.start(trainer.state.global_step)
        step.say(f"stopped after {made} of {settings.epochs} epochs (patience {settings.patience})")


def _continued(checkpoints: Path, step: Step) -> Path | None:
    """The checkpoint that training goes on from; None to begin at the start."""
    latest = latest_valid(checkpoints)
    if latest is None or facts_of(latest).get("order") == ORDER:
        return latest
    shutil.rmtree(checkpoints)
    step.say(OTHER_ORDER)
    return None


@dataclass(frozen=True)
class _Part:
    """What another process of the group does in a training.

    Attributes:
        work: the folder of the first process, in which the checkpoints are.
        training: the arguments of :func:`~alambique.training.prepare.prepare`.
        latest: the checkpoint that the training goes on from.
    """

    work: Path
    training: dict[str, Any]
    latest: Path | None

    def __call__(self) -> None:
        """Train with the first process; it alone says and stores something."""
        group = current_group()
        if group is None or not self.work.is_dir():
            raise UserInputError(
                f"{self.work} is not there on this machine: all machines must have the run folder and the models under the "
                "same path, as on a shared disk. Choose such a folder with --out."
            )
        silent = self.training["compute"].model_copy(update={"report_to": NONE})
        try:
            with defer_signals(None) as request:
                trainer, _ = prepare(**self.training | {"compute": silent}, step=Step(), request=request)
                trainer.train_on(self.latest)
                group.barrier()
        except Exception as error:
            explained = explain_system_error(error, self.work, doing=self.training["section"])
            if explained is None:
                raise
            raise explained from error
