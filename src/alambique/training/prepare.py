"""The trainer of one training, ready to run: model with its speed-ups, rows, arguments, callbacks."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
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
from alambique.distributed.group import current_group
from alambique.evaluation.task import Task
from alambique.models.speedups.front import Needs, Speedups
from alambique.progress import Step
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute, Training
from alambique.run.layout import STUDENT
from alambique.signals import StopRequest
from alambique.training.arguments import half_precision, training_arguments
from alambique.training.dataset import TokenDataset, identity_collator
from alambique.training.feature_term import FeatureTerm
from alambique.training.group_trainer import GroupTrainer
from alambique.training.resumable_trainer import CheckpointCallback, ResumableTrainer
from alambique.training.rows import TrainingRows
from alambique.training.stopping import Stopping
from alambique.training.views import ViewsDataset

HARD_ONLY = Distillation(hard_label_weight=1.0)


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
    """The trainer of :func:`~alambique.training.fit.fit`, ready to run, and the speed-ups that are undone afterwards.

    Args:
        model: changed in place.
        tokenizer: its own.
        rows: as for ``fit``, like ``settings``, ``compute``, ``seed``, ``step``, ``distillation`` and ``section``.
        settings: epochs and the like.
        compute: precision and speed-ups.
        seed: of order and dropout.
        checkpoints: where the trainer keeps its checkpoints.
        step: shows the progress.
        distillation: loss and mixture.
        section: of the recipe, for messages.
        request: who may ask to stop; nobody by default.
        stop_after: as for ``fit``.
    """
    keep_freed_memory()
    term = None
    if rows.features is not None:
        term = rows.features.term(
            distillation, model, rows.tokens["train"], compute, seed=seed, half=half_precision(compute)
        )
    needs = Needs(last_layer=term is not None and term.reads_last_layer)
    speedups = _speed_up(model, tokenizer, rows, compute, needs) if compute.speedups else None
    group = current_group()
    trainer_of = ResumableTrainer if group is None else partial(GroupTrainer, group=group)
    trainer = trainer_of(
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
