"""Trainer's arguments for a training, and the devices that there are."""

from pathlib import Path

import torch
from transformers import TrainingArguments

from alambique.distributed.launch import read_launch
from alambique.recipe.sections import Compute, Training
from alambique.training.tracking import PROJECT

# by the recipe's name
_SCHEDULERS = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}


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
    """Trainer's arguments, without bars.

    ``batch_size`` is the rows of a batch of all processes together: with several, GroupTrainer shares each batch out, and
    Trainer's own count of rows per device is not used.

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
        # forward passes differ in number from process to process, so none may wait for buffers; and gradients are added up
        # in the same order after a checkpoint, which DistributedDataParallel changes after its first step where all
        # parameters are known to be used
        ddp_broadcast_buffers=False,
        ddp_find_unused_parameters=True,
        report_to=compute.report_to,
        project=PROJECT,
        seed=seed,
    )
    if arguments.n_gpu > 1:  # else Trainer would train in DataParallel, each step on as many times the rows
        arguments._n_gpu = 1  # noqa: SLF001 - has no public name
    return arguments


def unused_devices() -> int:
    """GPUs of this machine that training leaves idle: each process uses one."""
    return max(0, torch.cuda.device_count() - read_launch().local_processes) if torch.cuda.is_available() else 0


def half_precision(compute: Compute) -> bool:
    """Whether to train and label in bfloat16: if asked for, or by default on a GPU that has it."""
    if compute.precision == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False)
    return compute.precision == "bf16"
