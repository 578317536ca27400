"""Time an epoch of distillation, our training path against the usual script.

    python benchmarks/epoch.py [--data DIR] [--seed-style FILE] [--full] [--shapes base small] [--batch 16 32]
    python benchmarks/epoch.py --curve

seed_style.py (every statement padded to 128 tokens, a live teacher in each step) runs unchanged, in its own process, in
turn with the trainer of a run. Both are timed in the same way: from the beginning of a step to its end, as the median after
two warm-up steps. The cost of the script does not depend on the texts. Ours does, so it is timed on five batches that
represent the epoch (one for each fifth of its batches, by length) and weighted to the mean of the epoch. The vocabulary is
that of all of LIAR's train and valid.

`--curve` trains both ways from the same weights on the same rows in the same order, without dropout, and compares the
losses. The last line of the output is one JSON object.
"""

import argparse
import importlib.util
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import (
    ROOT,
    SEED,
    SHAPES,
    WARM_UP,
    Task,
    arguments,
    cached_logits,
    last_json,
    load_task,
    machine,
    medians,
    models,
    our_batches,
    padding,
    rates_now,
    real_tokens,
    stratify,
    train_ours,
)
from transformers import Trainer, TrainingArguments

TARGETS = {("base", 32): 11.0, ("base", 16): 9.0, ("small", 32): 11.0, ("small", 16): 11.0}
PADDED = 128
CURVE_ROWS, CURVE_BATCH = 320, 16


def main() -> None:
    """Measure both sides in turn and print the results."""
    parser = arguments(__doc__)
    parser.add_argument("--seed-style", type=Path, default=ROOT.parent / "shared/bench/seed_style.py")
    parser.add_argument("--shapes", nargs="+", choices=SHAPES)
    parser.add_argument("--batch", nargs="+", type=int, choices=(16, 32))
    parser.add_argument("--rounds", type=int, help="number of turns per side")
    parser.add_argument("--steps", type=int, help="steps of the script per run")
    parser.add_argument("--curve", action="store_true", help="compare the losses, not the times")
    options = parser.parse_args()
    task = load_task(options.data)
    if options.curve:
        print(json.dumps(curve(task, options.seed_style)))
        return
    grid = list(itertools.product(options.shapes or SHAPES, options.batch or (32, 16)))
    if not options.full and options.shapes is None and options.batch is None:
        grid.remove(("base", 16))
    rates: list[float] = []
    found = [compare(task, options, shapes, batch, rates) for shapes, batch in grid]
    print(json.dumps({"benchmark": "epoch", "cases": found} | machine(rates)))


def compare(task: Task, options: argparse.Namespace, shapes: str, batch: int, rates: list[float]) -> dict[str, Any]:
    """Measure one pair of shapes and batch size."""
    lengths = task.tokens["train"].lengths
    batches = our_batches(lengths, batch)
    strata = stratify(real_tokens(batches, lengths))
    chosen = [batches[place] for place in strata.chosen]
    teacher, student = models(shapes)
    logits = cached_logits(teacher, task.tokens["train"], np.concatenate(chosen))
    rounds = options.rounds or (3 if options.full else 2)
    steps = options.steps or (8 if options.full else 5 if shapes == "base" else 7)
    script, ours, theirs_losses, our_losses = [], [], [], []
    for turn in range(rounds):
        result = run_script(options, shapes, batch, steps)
        script.append(result["seconds_per_example"])
        theirs_losses.append(result["losses"])
        times, losses = our_round(task, student, chosen, logits, turn)
        ours.extend(times)
        our_losses.append(losses)
        rates += rates_now()
    case = {
        "shapes": shapes, "batch": batch,
        "script_s_per_example": statistics.median(script), "our_s_per_example": strata.mean(medians(ours)) / batch,
        "padding_left_out": padding(batches, lengths), "script_padding": PADDED / float(lengths.mean()),
        "script_losses": theirs_losses, "our_losses": our_losses, "target": TARGETS[shapes, batch],
    }  # fmt: skip
    case["ratio"] = case["script_s_per_example"] / case["our_s_per_example"]
    print(
        f"{shapes:5} batch {batch}: the script {1000 * case['script_s_per_example']:.1f} ms an example, "
        f"ours {1000 * case['our_s_per_example']:.2f} ms, ratio {case['ratio']:.2f} (target {case['target']:.0f}); "
        f"tokens ÷ real tokens: the script {case['script_padding']:.2f}, our batches as padded "
        f"{case['padding_left_out']:.2f}, ours 1; "
        f"first loss {theirs_losses[0][0]:.3f} and {our_losses[0][0]:.3f}",
        flush=True,
    )
    return _rounded(case)


def our_round(
    task: Task, student: Any, chosen: list[np.ndarray], logits: np.ndarray, turn: int, passes: int = 2
) -> tuple[list[list[float]], list[float]]:
    """Seconds of each chosen batch, one list per pass, and the losses of all steps in order."""
    order = [random.Random(f"{turn} {i}").sample(range(len(chosen)), len(chosen)) for i in range(passes)]  # noqa: S311
    warm = [len(chosen) // 2] * WARM_UP
    timed = train_ours(student, task, [chosen[i] for i in [*warm, *itertools.chain(*order)]], logits)
    seconds = timed.seconds[WARM_UP:]
    parts = [seconds[i * len(chosen) : (i + 1) * len(chosen)] for i in range(passes)]
    return [
        [part[row.index(i)] for i in range(len(chosen))] for part, row in zip(parts, order, strict=True)
    ], timed.losses


def run_script(options: argparse.Namespace, shapes: str, batch: int, steps: int) -> dict[str, Any]:
    """Run the usual script unchanged."""
    command = [sys.executable, str(options.seed_style), "--data", str(options.data), "--shapes", shapes,
               "--batch", str(batch), "--steps", str(steps)]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{options.seed_style} failed:\n{done.stderr[-2000:]}")
    return last_json(done.stdout)


def curve(task: Task, script: Path) -> dict[str, Any]:
    """Compute the loss of each step both ways, with the same weights, rows and order, without dropout."""
    teacher, student = models("small")
    student.config.update({"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0})
    student = type(student)._from_config(student.config)  # noqa: SLF001 - modules take their rate when they are made
    lengths = task.tokens["train"].lengths[:CURVE_ROWS]
    batches = our_batches(lengths, CURVE_BATCH)
    logits = cached_logits(teacher, task.tokens["train"], np.concatenate(batches))
    start = {name: value.clone() for name, value in student.state_dict().items()}
    ours = train_ours(student, task, batches, logits).losses
    student.load_state_dict(start)
    theirs = _script_losses(task, script, teacher, student, batches)
    gap = [abs(a - b) for a, b in zip(ours, theirs, strict=True)]
    for step, (a, b) in enumerate(zip(ours, theirs, strict=True), 1):
        print(f"step {step:2}: the script {b:.6f}, ours {a:.6f}")
    print(f"largest difference {max(gap):.2e}, after {len(gap)} steps {gap[-1]:.2e}")
    return {"benchmark": "epoch curve", "script": theirs, "ours": ours, "largest_difference": max(gap), "last": gap[-1]}


def _script_losses(task: Task, script: Path, teacher: Any, student: Any, batches: list[np.ndarray]) -> list[float]:
    """Run the script's own trainer, padded to 128 with a live teacher, with our rows and schedule."""
    spec = importlib.util.spec_from_file_location("seed_style", script)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    train, settings = task.splits.train, task.recipe.student
    rows = [int(row) for row in np.concatenate(batches)]
    texts = [segments[0] for segments in train.take(rows).segments()]
    encoded = task.tokenizer(texts, padding="max_length", truncation=True, max_length=PADDED)
    data = [
        {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
        for ids, mask, label in zip(encoded["input_ids"], encoded["attention_mask"], train.labels[rows], strict=True)
    ]

    class InOrder(module.DistillationTrainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            return torch.utils.data.SequentialSampler(data)

    with tempfile.TemporaryDirectory() as folder:
        args = TrainingArguments(
            folder, per_device_train_batch_size=CURVE_BATCH, max_steps=len(batches), learning_rate=settings.learning_rate,
            warmup_steps=settings.warmup, weight_decay=settings.weight_decay, save_strategy="no", report_to="none",
            disable_tqdm=True, use_cpu=not torch.cuda.is_available(), seed=SEED, dataloader_pin_memory=False,
        )  # fmt: skip
        trainer: Trainer = InOrder(student, args, train_dataset=data, teacher_model=teacher)
        trainer.train()
    return trainer.losses


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, 6) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
