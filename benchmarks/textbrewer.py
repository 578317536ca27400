"""Time a distillation step against TextBrewer 0.2.1, as documented and at its best.

    pip install --no-deps textbrewer==0.2.1 tensorboardX      (optional, for this benchmark alone)
    python benchmarks/textbrewer.py [--data DIR] [--full] [--shapes small base]

TextBrewer trains in its own process, in turn with ours, and in four ways: `default`, shuffled batches padded to their
longest row and a live teacher (GeneralDistiller); `cache`, the same with its own cache of teacher outputs (BasicDistiller,
is_caching_logits), whose creation is not counted; `fed`, batches of similar length and our cached logits (`teacher_cache`);
and `fed_fused`, the same with torch's fused AdamW, which its documentation does not use. Temperature 2, hard-label weight
0.5; it does not clip, which is its default, though ours clips. Its batches are made by our fast padding, so its data cost no
more than ours.

Timed: from the end of one optimiser step to the end of the next, including data. Five batches represent each order of rows,
one for each fifth of its batches by padded size, or by real tokens for ours. The last line of the output is one JSON object.
"""

import argparse
import importlib.machinery
import importlib.util
import json
import logging
import multiprocessing
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from common import (
    PASSES,
    SHAPES,
    WARM_UP,
    Strata,
    Task,
    arguments,
    cached_logits,
    grouped_batches,
    load_task,
    machine,
    models,
    order_of,
    our_batches,
    padding,
    processed,
    rates_now,
    real_tokens,
    shuffled_batches,
    stratify,
    train_ours,
)
from torch.utils.data import DataLoader
from transformers import get_linear_schedule_with_warmup

BATCH = 32
TARGETS = {"default": 4.5, "cache": 2.4, "fed": 1.15, "fed_fused": 1.15}
GROUPED = ("fed", "fed_fused")
INSTALL = "TextBrewer is not installed: pip install --no-deps textbrewer==0.2.1 tensorboardX"


def main() -> None:
    """Measure all ways in turn and print the results."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES)
    parser.add_argument("--rounds", type=int, help="number of turns per way")
    options = parser.parse_args()
    if find_textbrewer() is None:
        parser.exit(2, f"{INSTALL}\n")
    task = load_task(options.data)
    rates: list[float] = []
    shapes = options.shapes or (SHAPES if options.full else ("small",))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found = [compare(task, options, name, lambda *args: pool.apply(theirs, args), rates) for name in shapes]
    print(json.dumps({"benchmark": "textbrewer", "batch": BATCH, "cases": found} | machine(rates)))


def compare(
    task: Task, options: argparse.Namespace, shapes: str, run: Callable[..., dict[int, list[float]]], rates: list[float]
) -> dict[str, Any]:
    """Measure one pair of models, all ways in turn."""
    lengths = task.tokens["train"].lengths
    orders = {
        "shuffled": shuffled_batches(len(lengths), BATCH),
        "grouped": grouped_batches(lengths, BATCH),
        "ours": our_batches(lengths, BATCH),
    }
    counts = dict.fromkeys(orders, processed) | {"ours": real_tokens}
    strata = {name: stratify(counts[name](batches, lengths)) for name, batches in orders.items()}
    chosen = {name: [orders[name][i] for i in strata[name].chosen] for name in orders}
    teacher, student = models(shapes)
    logits = cached_logits(teacher, task.tokens["train"], np.concatenate([*chosen["grouped"], *chosen["ours"]]))
    times: dict[str, dict[int, list[float]]] = {way: {} for way in ("ours", *TARGETS)}
    for turn in range(options.rounds or (4 if options.full else 3)):
        for way, kept in times.items():
            batches = order_of(chosen[rows_for(way)], turn, passes=PASSES)
            if way == "ours":
                timed = train_ours(student, task, batches, logits)
                sizes = [int(lengths[rows].sum()) for rows in batches]
                found = by_width(sizes[WARM_UP:], timed.whole[WARM_UP:])
            else:
                found = run(options.data, shapes, way, batches, logits if way in GROUPED else None)
            for width, seconds in found.items():
                kept.setdefault(width, []).extend(seconds)
            rates += rates_now()
    per_row = {
        way: seconds_per_row(
            kept, (strata[rows_for(way)], chosen[rows_for(way)]), size=partial(size_of, way=way, lengths=lengths)
        )
        for way, kept in times.items()
    }
    case: dict[str, Any] = {
        "shapes": shapes,
        "seconds_per_example": {way: round(value, 6) for way, value in per_row.items()},
        "ratios": {way: round(per_row[way] / per_row["ours"], 3) for way in TARGETS},
        "targets": TARGETS,
        "padding": {name: round(padding(batches, lengths), 3) for name, batches in orders.items() if name != "ours"},
    }
    print(f"{shapes} batch {BATCH}: ours {1000 * per_row['ours']:.2f} ms an example")
    for way, target in TARGETS.items():
        print(f"  {way}: {1000 * per_row[way]:.2f} ms, ratio {case['ratios'][way]:.2f} (target {target})", flush=True)
    return case


def rows_for(way: str) -> str:
    """Name of the order of rows in which a way trains."""
    return way if way == "ours" else "grouped" if way in GROUPED else "shuffled"


def size_of(rows: np.ndarray, *, way: str, lengths: np.ndarray) -> int:
    """Size that steps of a way are told apart by: real tokens for ours, else the width of the padded batch."""
    return int(lengths[rows].sum() if way == "ours" else lengths[rows].max())


def by_width(widths: Sequence[int], seconds: Sequence[float]) -> dict[int, list[float]]:
    """Group the seconds of all steps by their width, or another size."""
    found: dict[int, list[float]] = {}
    for width, value in zip(widths, seconds, strict=True):
        found.setdefault(width, []).append(value)
    return found


def seconds_per_row(
    times: dict[int, list[float]], stands_for: tuple[Strata, list[np.ndarray]], *, size: Callable[[np.ndarray], int]
) -> float:
    """Mean seconds per row over an epoch."""
    strata, chosen = stands_for
    return strata.mean([statistics.median(times[size(rows)]) for rows in chosen]) / BATCH


def find_textbrewer() -> importlib.machinery.ModuleSpec | None:
    """Find the installed package: this file has the same name, and its folder comes first on the path."""
    here = Path(__file__).resolve().parent
    return importlib.machinery.PathFinder.find_spec("textbrewer", [p for p in sys.path if Path(p).resolve() != here])


@cache
def library() -> ModuleType:
    """Load the installed package, and not this file."""
    spec = find_textbrewer()
    if spec is None or spec.loader is None:
        raise RuntimeError(INSTALL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["textbrewer"] = module
    spec.loader.exec_module(module)
    logging.getLogger("Distillation").setLevel(logging.WARNING)
    return module


_task = cache(load_task)


def theirs(
    data: Path, shapes: str, way: str, batches: list[np.ndarray], logits: np.ndarray | None, *,
    matches: Sequence[dict[str, Any]] = (), hidden: Callable[[np.ndarray], list[torch.Tensor]] | None = None,
) -> dict[int, list[float]]:  # fmt: skip
    """Run TextBrewer's steps on these batches, in a worker; return seconds by the width of the batch.

    Args:
        data: LIAR's folder.
        shapes: of the models.
        way: one of :data:`TARGETS`.
        batches: row numbers of each step.
        logits: the teacher's, by row; None for a live teacher.
        matches: its ``intermediate_matches``, losses between layers.
        hidden: the teacher's hidden states of rows, (B, T, D) each, beside ``logits``.
    """
    package, task = library(), _task(data)
    teacher, student = models(shapes)
    teacher.config.output_hidden_states = student.config.output_hidden_states = bool(matches)
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    teacher.to(device)
    student.to(device)
    optimiser = torch.optim.AdamW(student.parameters(), lr=5e-5, fused=True if way.endswith("_fused") else None)
    stamps, widths = [], []
    optimiser.register_step_post_hook(lambda *_: stamps.append(time.perf_counter()))
    student.register_forward_pre_hook(lambda _, __, named: widths.append(named["input_ids"].shape[1]), with_kwargs=True)
    loader = DataLoader(
        range(len(task.splits.train)), batch_sampler=batches, collate_fn=_collator(task, logits, hidden)
    )
    distiller = package.BasicDistiller if way == "cache" else package.GeneralDistiller
    with tempfile.TemporaryDirectory() as folder:
        made = distiller(
            package.TrainingConfig(output_dir=folder, device=device),
            package.DistillationConfig(
                temperature=2, hard_label_weight=0.5, kd_loss_weight=0.5, is_caching_logits=way == "cache",
                intermediate_matches=list(matches),
            ),
            teacher, student,
            (lambda _, found: {name: found[name] for name in ("logits",)} | _hidden(found)),
            (lambda batch, found: {"logits": found.logits, "losses": found.loss, **_masked(batch, found, matches)}),
        )  # fmt: skip
        with made:
            made.train(
                optimiser, loader, num_epochs=1, scheduler_class=get_linear_schedule_with_warmup,
                scheduler_args={"num_warmup_steps": 1, "num_training_steps": len(batches)},
            )  # fmt: skip
    seconds = np.diff(stamps).tolist()
    return by_width(widths[WARM_UP:], seconds[WARM_UP - 1 :])


def _hidden(found: Any) -> dict[str, Any]:
    """A teacher's hidden states, of its own outputs or of a cache, where there are any."""
    name = "hidden_states" if "hidden_states" in found else "hidden"
    return {"hidden": found[name]} if name in found else {}


def _masked(batch: Any, found: Any, matches: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A student's hidden states and its mask, where they are compared."""
    return {"hidden": found.hidden_states, "inputs_mask": batch["attention_mask"]} if matches else {}


def _collator(
    task: Task, logits: np.ndarray | None, hidden: Callable[[np.ndarray], list[torch.Tensor]] | None
) -> Callable[[list[int]], dict[str, Any]]:
    labels, tokens = task.splits.train.labels, task.tokens["train"]

    def collate(rows: list[int]) -> dict[str, Any]:
        wanted = np.array(rows)
        arrays = tokens.batch(wanted, {"input_ids", "attention_mask"}) | {"labels": labels[wanted]}
        batch = {name: torch.from_numpy(values) for name, values in arrays.items()}
        if logits is None:
            return batch
        cached = {"logits": torch.from_numpy(logits[wanted])} | ({} if hidden is None else {"hidden": hidden(wanted)})
        return {"teacher": {}, "student": batch, "teacher_cache": cached}

    return collate


if __name__ == "__main__":
    main()
