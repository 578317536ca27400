"""Estimate how long the `liar` recipe takes on this machine, from a few steps with its shapes, without any download.

    python benchmarks/liar_time.py [--steps 6]

BERT-base and DistilBERT with random weights (speed does not depend on them) run a few optimiser steps and label a few
batches of 32 texts of LIAR's mean length, 24 tokens; the medians are scaled to the epochs of the recipe. The last line is
one JSON object, with the estimate and this machine's rate of 2048³ fp32 matrix multiplications.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable

import torch
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
)

from alambique.cpu import keep_freed_memory
from alambique.losses.mixture import distillation_loss
from alambique.models.speedups.cls_last_layer import enable_cls_only
from alambique.models.speedups.fast_dropout import enable_fast_dropout
from alambique.recipe.recipe import Recipe

ROWS, SCORED, TOKENS, CLASSES = 10_269, 1_284 + 1_283, 24, 6


def main() -> None:
    """Measure, scale to the recipe, and print the estimate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=6)
    steps = parser.parse_args().steps
    recipe = Recipe.load("liar")
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    teacher = BertForSequenceClassification(BertConfig(num_labels=CLASSES)).to(device)
    student = DistilBertForSequenceClassification(DistilBertConfig(num_labels=CLASSES)).to(device)
    keep_freed_memory()
    for model in (teacher, student):  # as training and labelling do
        enable_cls_only(model)
        enable_fast_dropout(model)
    seconds = {
        "teacher_row": training(teacher, recipe.teacher.batch_size, steps, device),
        "student_row": training(student, recipe.student.batch_size, steps, device),
        "teacher_label": labelling(teacher, 64, steps, device),
        "student_label": labelling(student, 64, steps, device),
    }
    rows = ROWS * recipe.teacher.epochs
    minutes = {
        "teacher": rows * seconds["teacher_row"] / 60,
        "soft_labels": ROWS * seconds["teacher_label"] / 60,
        "student": ROWS * recipe.student.epochs * seconds["student_row"] / 60,
        "undistilled": ROWS * recipe.student.epochs * seconds["student_row"] / 60,
        "scoring": SCORED * (seconds["teacher_label"] + 2 * seconds["student_label"]) / 60,
    }
    print(f"about {sum(minutes.values()):.0f} minutes on {device}")
    print(json.dumps({"minutes": minutes, "gflops_matmul": matmul_rate(device), "device": str(device)}))


def training(model: PreTrainedModel, batch: int, steps: int, device: torch.device) -> float:
    """Seconds per row of a training step, the median after one warm-up step."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.randint(1000, 30_000, (batch, TOKENS), device=device)
    labels = torch.zeros(batch, dtype=torch.long, device=device)
    soft = torch.zeros(batch, CLASSES, device=device)
    model.train()

    def step() -> None:
        logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        distillation_loss(logits, soft, labels, temperature=2.0, hard_label_weight=0.5).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad()

    return median_seconds(step, steps, device) / batch


def labelling(model: PreTrainedModel, batch: int, steps: int, device: torch.device) -> float:
    """Seconds per row of a forward pass."""
    ids = torch.randint(1000, 30_000, (batch, TOKENS), device=device)
    model.eval()

    def step() -> None:
        with torch.inference_mode():
            model(input_ids=ids, attention_mask=torch.ones_like(ids))

    return median_seconds(step, steps, device) / batch


def matmul_rate(device: torch.device) -> float:
    """GFLOP/s of 2048³ fp32 matrix multiplications."""
    a = torch.randn(2048, 2048, device=device)
    return 2 * 2048**3 / median_seconds(lambda: a @ a, 8, device) / 1e9


def median_seconds(step: Callable[[], object], steps: int, device: torch.device) -> float:
    """Median time of ``steps`` calls after one warm-up call."""
    times = []
    for _ in range(steps + 1):
        begun = time.perf_counter()
        step()
        if device.type != "cpu":
            torch.accelerator.synchronize()
        times.append(time.perf_counter() - begun)
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
