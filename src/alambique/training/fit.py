"""One training, the same for teacher, student and twin: rows in random order, the best epoch on valid kept."""

import copy
import json
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)
from transformers.trainer_callback import PrinterCallback
from transformers.trainer_utils import EvalPrediction

from alambique.cpu import keep_freed_memory
from alambique.errors import UserInputError
from alambique.evaluation.task import Task
from alambique.models.inputs import POSITIONS_AFTER_PADDING
from alambique.models.speedups.front import Needs, Speedups
from alambique.models.tokenizer import save_tokenizer
from alambique.progress import Step
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute, Training
from alambique.run.layout import HISTORY, SCRATCH, STUDENT
from alambique.signals import StopRequest, defer_signals
from alambique.training.checkpoints import facts_of, latest_valid
from alambique.training.dataset import TokenDataset, identity_collator
from alambique.training.feature_term import FeatureTerm
from alambique.training.resumable_trainer import CheckpointCallback, ResumableTrainer
from alambique.training.rows import TrainingRows
from alambique.training.samplers import ORDER
from alambique.training.stopping import Stopping, scored_epochs
from alambique.training.tracking import PROJECT, tracked
from alambique.training.views import ViewsDataset

_CHECKPOINTS = "checkpoints"
HARD_ONLY = Distillation(hard_label_weight=1.0)
NOTICE = "alambique: a checkpoint is saved at the end of this step, then it stops; again to stop at once"
OTHER_ORDER = "the checkpoints here are of a version that trained in another order of rows, so training starts again"
# by the recipe's name
_SCHEDULERS = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
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

    Raises:
        NonFiniteError: loss or gradient is not finite.
        KeyboardInterrupt: it was asked for; a checkpoint was saved.
    """
    model, tokenizer = copy.deepcopy(model), copy.deepcopy(tokenizer)
    model.config.problem_type = rows.task.problem_type
    padding = model.config.to_dict().get("pad_token_id")
    checkpoints = work / SCRATCH / _CHECKPOINTS
    with defer_signals(NOTICE) as request, tracked(compute.report_to, work, seed=seed) as name:
        trainer, speedups = prepare(
            model, tokenizer, rows, settings=settings, compute=compute, seed=seed, checkpoints=checkpoints, step=step,
            distillation=distillation, section=section, request=request, stop_after=stop_after,
        )  # fmt: skip
        trainer.args.run_name = name
        trainer.train_on(_continued(checkpoints, step))
        _say_stopped(trainer, settings, step)
    if speedups is not None:
        speedups.undo()
    if model.config.model_type in POSITIONS_AFTER_PADDING:
        model.config.pad_token_id = padding  # Trainer put the tokenizer's there; loaded again, positions would differ
    model.save_pretrained(work)
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


def prepare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    rows: TrainingRows,
    *,
    settings: Training,
    compute: Compute,
    seed: int,
    checkpoints: Path,
    step: Step,
    distillation: Distillation = HARD_ONLY,
    section: str = STUDENT,
    request: StopRequest | None = None,
    stop_after: int | None = None,
) -> tuple[ResumableTrainer, Speedups | None]:
    """The trainer of :func:`fit`, ready to run, and the speed-ups that are to be undone afterwards.

    Args:
        model: changed in place.
        tokenizer: its own.
        rows: as for :func:`fit`, like ``settings``, ``compute``, ``seed``, ``step``, ``distillation`` and ``section``.
        settings: epochs and the like.
        compute: precision and speed-ups.
        seed: of order and dropout.
        checkpoints: where the trainer keeps its checkpoints.
        step: shows the progress.
        distillation: loss and mixture.
        section: of the recipe, for messages.
        request: who may ask to stop; nobody by default.
        stop_after: as for :func:`fit`.
    """
    keep_freed_memory()
    term = None
    if rows.features is not None:
        term = rows.features.term(
            distillation, model, rows.tokens["train"], compute, seed=seed, half=half_precision(compute)
        )
    needs = Needs(last_layer=term is not None and term.reads_last_layer)
    speedups = _speed_up(model, tokenizer, rows, compute, needs) if compute.speedups else None
    trainer = ResumableTrainer(
        model=model,
        args=training_arguments(
            settings,
            compute,
            checkpoints,
            seed,
            rows=rows.epoch_rows or len(rows.row_ids),
            metric=rows.task.epoch_metric,
            greater_is_better=rows.task.greater_is_better[1],
        ),
        train_dataset=_train_dataset(rows, model, term),
        eval_dataset=TokenDataset(rows.tokens["valid"], rows.valid.labels, model),
        processing_class=tokenizer,
        data_collator=identity_collator,
        compute_metrics=partial(_metrics, rows.task),
        callbacks=[_ProgressCallback(step, rows.task.epoch_metric, section)],
        row_ids=rows.row_ids,
        labelled=len(rows.train),
        epoch_rows=rows.epoch_rows,
        section=section,
        stopping=Stopping(
            rows.task.epoch_metric,
            settings.patience,
            stop_after,
            distillation.features_first,
            greater_is_better=rows.task.greater_is_better[1],
        ),
        split_by_length=speedups is not None and not speedups.real_tokens,
        task=rows.task,
        loss=distillation.loss,
        temperature=distillation.temperature,
        hard_label_weight=distillation.hard_label_weight,
        label_order=rows.label_order,
        features=term,
        features_first=distillation.features_first,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(CheckpointCallback(trainer, request or StopRequest()))
    return trainer, speedups


def _train_dataset(rows: TrainingRows, model: PreTrainedModel, term: FeatureTerm | None) -> TokenDataset | ViewsDataset:
    source = rows.features
    stored = None if source is None or source.stored is None else source.stored.for_rows(rows.row_ids)
    live = None
    if source is not None and term is not None and term.teacher is not None:
        live = (term.teacher.model, source.tokens["train"])
    dataset = TokenDataset(
        rows.tokens["train"], rows.labels, model, teacher_logits=rows.teacher_logits,
        hard_label_weights=rows.all_weights, teacher_features=stored, live_teacher=live,
    )  # fmt: skip
    if not rows.views:
        return dataset
    further = [
        TokenDataset(
            view.tokens, rows.train.labels, model, teacher_logits=view.teacher_logits,
            hard_label_weights=rows.hard_label_weights,
        )
        for view in rows.views
    ]  # fmt: skip
    return ViewsDataset([dataset, *further])


def _speed_up(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, rows: TrainingRows, compute: Compute, needs: Needs,
) -> Speedups:  # fmt: skip
    tokens = [rows.tokens["train"], rows.tokens["valid"], *(view.tokens for view in rows.views)]
    read = [each.columns["input_ids"] for each in tokens]
    used = np.unique(np.concatenate([_distinct(ids) for ids in read]))
    special = np.intersect1d(used, tokenizer.all_special_ids)
    specials = int(max([tokenizer.pad_token_id, *special]))
    return Speedups.apply(model, token_ids=used, specials=specials, needs=needs, fixed_shapes=compute.compile)


def _distinct(ids: np.ndarray, chunk: int = 2**22) -> np.ndarray:
    """Distinct values of an array that may be mapped from disk, a part in memory at a time."""
    parts = [np.unique(ids[start : start + chunk]) for start in range(0, len(ids), chunk)]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=ids.dtype)


def training_arguments(
    settings: Training,
    compute: Compute,
    folder: Path,
    seed: int,
    *,
    rows: int,
    metric: str,
    greater_is_better: bool = True,
) -> TrainingArguments:
    """Trainer's arguments for one device, without bars.

    Args:
        settings: epochs and the like.
        compute: precision, compilation and tracker.
        folder: of the checkpoints.
        seed: of order and dropout.
        rows: of train.
        metric: that the best epoch is chosen by.
        greater_is_better: whether more of it is better.
    """
    steps = max(1, rows // (settings.batch_size * settings.gradient_accumulation)) * settings.epochs
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=max(64, settings.batch_size),
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        lr_scheduler_type=_SCHEDULERS[settings.learning_rate_schedule],
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        use_cpu=not torch.accelerator.is_available(),  # else Trainer refuses bfloat16 there
        bf16=half_precision(compute),
        torch_compile=compute.compile,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=metric,
        greater_is_better=greater_is_better,
        logging_steps=max(1, steps // 100),
        logging_nan_inf_filter=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,  # a batch comes with what the model names and nothing else
        disable_tqdm=True,
        report_to=compute.report_to,
        project=PROJECT,
        seed=seed,
    )
    if arguments.n_gpu > 1:  # else Trainer would train in DataParallel, each step on as many times the rows
        arguments._n_gpu = 1  # noqa: SLF001 - has no public name
    return arguments


def refuse_several_processes() -> None:
    """Refuse to be one of several processes: each would make the same run, in the same folder.

    Raises:
        UserInputError: ``torchrun`` or ``accelerate launch`` started several.
    """
    processes = os.environ.get("WORLD_SIZE", "1")
    if processes.isdigit() and int(processes) > 1:
        raise UserInputError(
            f"distill is one process, and this is one of {processes} (WORLD_SIZE). Start it without torchrun or accelerate "
            "launch; it uses one GPU."
        )


def unused_devices() -> int:
    """GPUs of this machine that training leaves idle: without ``torchrun`` it uses one."""
    return max(0, torch.cuda.device_count() - 1) if torch.cuda.is_available() else 0


def half_precision(compute: Compute) -> bool:
    """Whether to train and label in bfloat16: if asked for, or by default on a GPU that has it."""
    if compute.precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return compute.precision == "bf16"


def _metrics(task: Task, prediction: EvalPrediction) -> dict[str, float]:
    return task.epoch_metrics(np.asarray(prediction.predictions), np.asarray(prediction.label_ids))


class _ProgressCallback(TrainerCallback):
    """Passes Trainer's events to the progress display."""

    def __init__(self, step: Step, metric: str, section: str) -> None:
        self.step, self.metric, self.section = step, metric, section

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        del args, control
        self.step.start(state.max_steps)
        self.step.advance(state.global_step)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        del args, state, control
        self.step.advance()

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        logs: dict[str, Any] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        del args, state, control
        shown = {"loss": "loss", f"eval_{self.metric}": f"valid_{self.metric}"}
        self.step.metrics(**{shown[name]: float(value) for name, value in (logs or {}).items() if name in shown})

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        metrics: dict[str, float] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        del args, control
        value = float((metrics or {})[f"eval_{self.metric}"])
        self.step.scored(self.section, round(state.epoch or 0), state.num_train_epochs, value)
