"""One training, the same for teacher, student and twin: grouped by length, the best epoch on valid kept."""

import json
from collections.abc import Mapping
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

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import Tokens
from alambique.cpu import keep_freed_memory
from alambique.evaluation.metrics import accuracy, macro_f1
from alambique.models.speedups.active_vocabulary import Vocabulary, restore_vocabulary, shrink_vocabulary
from alambique.models.speedups.cls_last_layer import disable_cls_only, enable_cls_only
from alambique.models.speedups.fast_dropout import cheap_dropout
from alambique.models.tokenizer import save_tokenizer
from alambique.progress import Step
from alambique.recipe.sections import Compute, Distillation, Training
from alambique.run.layout import HISTORY, SCRATCH, STUDENT
from alambique.signals import StopRequest, defer_signals
from alambique.training.checkpoints import latest_valid
from alambique.training.dataset import TokenDataset, identity_collator
from alambique.training.resumable_trainer import CheckpointCallback, ResumableTrainer

BEST = "macro_f1"
_CHECKPOINTS = "checkpoints"
HARD_ONLY = Distillation(hard_label_weight=1.0)
NOTICE = "alambique: a checkpoint is saved at the end of this step, then it stops; again to stop at once"
_MEASURED_TIME = ("_runtime", "_per_second")


def fit(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    train: Split,
    valid: Split,
    tokens: Mapping[str, Tokens],
    settings: Training,
    compute: Compute,
    max_length: int,
    seed: int,
    work: Path,
    step: Step,
    distillation: Distillation = HARD_ONLY,
    teacher_logits: np.ndarray | None = None,
    section: str = STUDENT,
) -> None:
    """Train ``model`` and save it, its tokenizer and the course of training into ``work``.

    After each epoch it is scored on valid; the epoch with the best macro-F1 is the one saved. Checkpoints of an
    interrupted attempt in ``work/scratch`` are continued, and left there. Ctrl-C and SIGTERM save one more.

    Args:
        model: changed in place.
        tokenizer: its own.
        train: what it learns from.
        valid: what the epoch is chosen on.
        tokens: of train and valid, by the name of the split, cut at ``max_length``.
        settings: epochs, batch size, learning rate and the like.
        compute: precision, and whether the model's own code runs for every layer, token and word.
        max_length: where texts are cut, in tokens.
        seed: of the order of rows and of dropout.
        work: an existing folder.
        step: told of steps, loss and metric.
        distillation: loss, temperature and mixture; hard labels alone by default.
        teacher_logits: (rows of train, C) float32, in the order of train.
        section: of the recipe, for messages.

    Raises:
        NonFiniteError: loss or gradient is not finite.
        KeyboardInterrupt: it was asked for; a checkpoint was saved.
    """
    checkpoints = work / SCRATCH / _CHECKPOINTS
    with defer_signals(NOTICE) as request:
        trainer, vocabulary = prepare(
            model, tokenizer, train=train, valid=valid, tokens=tokens, settings=settings, compute=compute, seed=seed,
            checkpoints=checkpoints, step=step, distillation=distillation, teacher_logits=teacher_logits,
            section=section, request=request,
        )  # fmt: skip
        trainer.train_on(latest_valid(checkpoints))
    disable_cls_only(model)
    if vocabulary is not None:
        restore_vocabulary(model, vocabulary)
    model.save_pretrained(work)
    tokenizer.model_max_length = max_length  # so that truncation=True cuts where training cut
    save_tokenizer(tokenizer, work)
    history = [
        {name: value for name, value in entry.items() if not name.endswith(_MEASURED_TIME)}
        for entry in trainer.state.log_history
        if "loss" in entry or "eval_loss" in entry
    ]
    (work / HISTORY).write_text(json.dumps(history, indent=1, sort_keys=True), "utf-8")


def prepare(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    train: Split,
    valid: Split,
    tokens: Mapping[str, Tokens],
    settings: Training,
    compute: Compute,
    seed: int,
    checkpoints: Path,
    step: Step,
    distillation: Distillation = HARD_ONLY,
    teacher_logits: np.ndarray | None = None,
    section: str = STUDENT,
    request: StopRequest | None = None,
) -> tuple[ResumableTrainer, Vocabulary | None]:
    """The trainer of :func:`fit`, ready to run, and what its model's vocabulary is restored from afterwards.

    Args:
        model: changed in place: unless ``compute.plain``, it computes and trains only what the result needs.
        tokenizer: its own.
        train: as for :func:`fit`, like all that follow but one.
        valid: what the epoch is chosen on.
        tokens: of both.
        settings: epochs and the like.
        compute: precision, and how much the model's own code does.
        seed: of order and dropout.
        checkpoints: where the trainer keeps its checkpoints.
        step: told of the progress.
        distillation: loss and mixture.
        teacher_logits: (rows of train, C) float32.
        section: of the recipe, for messages.
        request: who may ask to stop; nobody by default.
    """
    keep_freed_memory()
    vocabulary = None if compute.plain else _apply_speedups(model, tokenizer, tokens)
    id_map = None if vocabulary is None else vocabulary.id_map
    trainer = ResumableTrainer(
        model=model,
        args=_arguments(settings, compute, checkpoints, seed, rows=len(train)),
        train_dataset=TokenDataset(tokens["train"], train.labels, model, teacher_logits=teacher_logits, id_map=id_map),
        eval_dataset=TokenDataset(tokens["valid"], valid.labels, model, id_map=id_map),
        processing_class=tokenizer,
        data_collator=identity_collator,
        compute_metrics=_metrics,
        callbacks=[_ProgressCallback(step)],
        row_ids=train.ids,
        section=section,
        loss=distillation.loss,
        temperature=distillation.temperature,
        hard_label_weight=distillation.hard_label_weight,
    )
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(CheckpointCallback(trainer, request or StopRequest()))
    return trainer, vocabulary


def _apply_speedups(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tokens: Mapping[str, Tokens]
) -> Vocabulary | None:
    """Leave out arithmetic that changes nothing: the last layer's other tokens, words that never occur, costly chance."""
    enable_cls_only(model)
    cheap_dropout(model)
    used = np.unique(np.concatenate([_distinct(part.columns["input_ids"]) for part in tokens.values()]))
    special = np.intersect1d(used, tokenizer.all_special_ids)
    return shrink_vocabulary(model, used, specials=int(max([tokenizer.pad_token_id, *special])))


def _distinct(ids: np.ndarray, chunk: int = 2**22) -> np.ndarray:
    """Distinct values of an array that may be mapped from disk, a part in memory at a time."""
    parts = [np.unique(ids[start : start + chunk]) for start in range(0, len(ids), chunk)]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, dtype=ids.dtype)


def _arguments(settings: Training, compute: Compute, folder: Path, seed: int, *, rows: int) -> TrainingArguments:
    steps = max(1, rows // (settings.batch_size * settings.gradient_accumulation)) * settings.epochs
    return TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        per_device_eval_batch_size=max(64, settings.batch_size),
        gradient_accumulation_steps=settings.gradient_accumulation,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        use_cpu=not torch.accelerator.is_available(),  # else Trainer refuses bfloat16 there
        bf16=half_precision(compute),
        torch_compile=compute.compile,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model=BEST,
        greater_is_better=True,
        logging_steps=max(1, steps // 100),
        logging_nan_inf_filter=False,
        dataloader_pin_memory=torch.cuda.is_available(),
        remove_unused_columns=False,  # a batch comes with what the model names and nothing else
        disable_tqdm=True,
        report_to="none",
        seed=seed,
    )


def half_precision(compute: Compute) -> bool:
    """Whether to train and label in bfloat16: if asked for, or by default on a GPU that has it."""
    if compute.precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return compute.precision == "bf16"


def _metrics(prediction: EvalPrediction) -> dict[str, float]:
    logits, labels = np.asarray(prediction.predictions), np.asarray(prediction.label_ids)
    return {"accuracy": accuracy(logits, labels), BEST: macro_f1(logits, labels)}


class _ProgressCallback(TrainerCallback):
    """Passes Trainer's events to the progress display."""

    def __init__(self, step: Step) -> None:
        self.step = step

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
        shown = {"loss": "loss", f"eval_{BEST}": "valid_macro_f1"}
        self.step.metrics(**{shown[name]: float(value) for name, value in (logs or {}).items() if name in shown})
