"""Gradients of a training's first step, for every loss and feature: a script for torchrun, and for one process.

torchrun --nproc_per_node 2 tests/training/two_processes.py OUT
"""

import os
import sys
import tempfile
from pathlib import Path

import torch
from transformers import BertConfig, BertForSequenceClassification, TrainerCallback, TrainingArguments

from alambique import DistillationTrainer
from alambique.losses.features import FEATURES
from alambique.losses.prediction import LOSSES

ROWS, WORDS, CLASSES = 16, 6, 3
WEIGHTED = "kl, rows weighted"


class FirstGradients(TrainerCallback):
    def __init__(self):
        self.gradients = None

    def on_pre_optimizer_step(self, args, state, control, model=None, **_):
        if self.gradients is None:
            self.gradients = {
                name.removeprefix("module."): parameter.grad.clone()
                for name, parameter in model.named_parameters() if parameter.grad is not None
            }  # fmt: skip


def data(name=""):
    generator = torch.Generator().manual_seed(5)
    return [
        {
            "input_ids": torch.randint(5, 50, (WORDS,), generator=generator).tolist(), "attention_mask": [1] * WORDS,
            "labels": int(torch.randint(CLASSES, (1,), generator=generator)),
            "teacher_logits": torch.randn(CLASSES, generator=generator).tolist(),
        }
        | ({"hard_label_weights": row / 5} if name == WEIGHTED else {})
        for row in range(ROWS)
    ]  # fmt: skip


def model_of(width):
    torch.manual_seed(width)
    config = BertConfig(
        vocab_size=50, hidden_size=width, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16,
        num_labels=CLASSES, hidden_dropout_prob=0, attention_probs_dropout_prob=0,
    )  # fmt: skip
    return BertForSequenceClassification(config)


def first_step(name, train, size, folder):
    """Loss and gradients of one step of ``size`` rows per process, of a soft loss or a feature loss with projections."""
    watch, options = FirstGradients(), {"loss": name.split(",")[0]}
    if name in FEATURES:
        options = {"features": FEATURES[name](weight=0.5), "teacher_model": model_of(8)}
    trainer = DistillationTrainer(
        model=model_of(16), train_dataset=train, label_order=range(CLASSES), **options,
        args=TrainingArguments(
            folder, per_device_train_batch_size=size, max_steps=1, report_to="none", disable_tqdm=True, use_cpu=True,
            max_grad_norm=0, save_strategy="no", train_sampling_strategy="sequential", logging_steps=1,
        ),
        callbacks=[watch],
    )  # fmt: skip
    trainer.train()
    parts = next(entry for entry in trainer.state.log_history if "loss" in entry)
    return {
        "parts": {part: value for part, value in parts.items() if "loss" in part},
        "gradients": watch.gradients,
        "processes": trainer.accelerator.num_processes,
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        steps = {name: first_step(name, data(name), ROWS // 2, scratch) for name in (*LOSSES, *FEATURES, WEIGHTED)}
    if os.environ["RANK"] == "0":
        torch.save(steps, Path(sys.argv[1]))
