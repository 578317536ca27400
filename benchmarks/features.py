"""Time steps with a feature loss: stored features, and a live teacher, beside TextBrewer 0.2.1 with the same loss.

    pip install --no-deps textbrewer==0.2.1 tensorboardX      (optional, for this benchmark alone)
    python benchmarks/features.py [--data DIR] [--full] [--loss hidden|relations] [--rounds N]

Ours, in turn: `plain`, no feature loss; `stored`, what the loss reads of the teacher lies on disk; `live`, the teacher reads
each batch. TextBrewer has no relations; with `--loss hidden` its `hidden_mse` at the same layers and weight is timed in its
own process: `theirs_stored`, our stored values as its `teacher_cache`; `theirs_live`, its live teacher. It has batches of
similar length, which it is quickest with, and torch's fused AdamW. The models are those of `liar-small` (6 layers and 3, of
width 384), temperature 2, hard-label weight 0.5.

Timed: from the end of one optimiser step to the end of the next, including data, as in benchmarks/textbrewer.py. The last
line of the output is one JSON object.
"""

import argparse
import json
import multiprocessing
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import (
    WARM_UP,
    Task,
    arguments,
    cached_logits,
    grouped_batches,
    load_task,
    machine,
    models,
    order_of,
    our_batches,
    processed,
    rates_now,
    real_tokens,
    stratify,
    train_ours,
)
from textbrewer import BATCH, by_width, find_textbrewer, seconds_per_row, theirs
from transformers import PreTrainedModel

from alambique.artefacts.features import Features
from alambique.inference.torch_model import to_device
from alambique.losses.features import FEATURE_WEIGHT, FEATURES
from alambique.models.inputs import ModelInputs
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute
from alambique.run.manifest import Artefact
from alambique.training.feature_source import FeatureSource, live_teacher
from alambique.training.feature_term import LiveTeacher

LAYERS = {"hidden": {0: 1, 1: 3}, "relations": {2: 5}}  # the defaults for 3 and 6 layers
OURS, THEIRS = ("plain", "stored", "live"), ("theirs_stored", "theirs_live")
PASSES = 2


def main() -> None:
    """Measure all ways in turn and print the results."""
    parser = arguments(__doc__)
    parser.add_argument("--loss", choices=FEATURES, default="hidden")
    parser.add_argument("--rounds", type=int, help="number of turns per way")
    options = parser.parse_args()
    task, rates = load_task(options.data), []
    has_theirs = options.loss == "hidden" and find_textbrewer() is not None
    with multiprocessing.get_context("spawn").Pool(1) as pool, tempfile.TemporaryDirectory() as folder:
        found = compare(task, options, Path(folder), pool.apply if has_theirs else None, rates)
    print(json.dumps({"benchmark": "features", "loss": options.loss, "batch": BATCH} | found | machine(rates)))


def compare(
    task: Task, options: argparse.Namespace, folder: Path, run: Callable[..., Any] | None, rates: list[float]
) -> dict[str, Any]:
    """Measure all ways; without a worker, ours alone."""
    lengths = task.tokens["train"].lengths
    orders = {"ours": our_batches(lengths, BATCH), "theirs": grouped_batches(lengths, BATCH)}
    counts = {"ours": real_tokens, "theirs": processed}
    strata = {side: stratify(counts[side](batches, lengths)) for side, batches in orders.items()}
    chosen = {side: [orders[side][i] for i in strata[side].chosen] for side in orders}
    teacher, student = models("small")
    teacher.save_pretrained(folder)
    used = np.unique(np.concatenate([*chosen["ours"], *chosen["theirs"]]))
    logits = cached_logits(teacher, task.tokens["train"], used)
    reader = live_teacher(
        FEATURES[options.loss](), to_device(teacher), list(LAYERS[options.loss].values()), Compute(), half=False
    )
    stored = store(reader, task, used)
    times: dict[str, dict[int, list[float]]] = {way: {} for way in (OURS if run is None else OURS + THEIRS)}
    for turn in range(options.rounds or (6 if options.full else 2)):
        for way, seen in times.items():
            side = "ours" if way in OURS else "theirs"
            batches = order_of(chosen[side], turn, passes=PASSES)
            if way in OURS:
                found = ours(student, task, batches, logits, source(way, options.loss, folder, task, stored))
            elif run is not None:
                cached = stored if way == "theirs_stored" else None
                found = run(theirs_with_features, (options.data, batches, logits, cached))
            for size, seconds in found.items():
                seen.setdefault(size, []).extend(seconds)
            rates += rates_now()
    per_row = {
        way: seconds_per_row(seen, (strata[side], chosen[side]), size=lambda rows, side=side: size_of(rows, side, lengths))
        for way, seen in times.items() for side in ["ours" if way in OURS else "theirs"]
    }  # fmt: skip
    for way, value in per_row.items():
        print(f"{way}: {1000 * value:.2f} ms an example, {value / per_row['plain']:.2f} times ours without features")
    return {
        "seconds_per_example": {way: round(value, 6) for way, value in per_row.items()},
        "to_plain": {way: round(value / per_row["plain"], 3) for way, value in per_row.items()},
    }


def size_of(rows: np.ndarray, side: str, lengths: np.ndarray) -> int:
    """Size that steps are told apart by: real tokens for ours, the width of the padded batch for theirs."""
    return int(lengths[rows].sum() if side == "ours" else lengths[rows].max())


def store(teacher: LiveTeacher, task: Task, rows: np.ndarray) -> Features:
    """What the loss reads of the teacher, for these rows; zero for all others."""
    tokens, inputs = task.tokens["train"], ModelInputs.of(teacher.model)
    begins, lengths = tokens.starts[:-1], tokens.lengths
    values = np.zeros((int(lengths.sum()), sum(teacher.reader.widths)), dtype=np.float16)
    for part in np.array_split(rows, max(1, len(rows) // 64)):
        _, read = teacher(inputs.tensors(tokens, part, teacher.model.device))
        made = torch.cat(read, -1).cpu().numpy()
        for row, own in zip(part, np.split(made, lengths[part].cumsum()[:-1]), strict=True):
            values[begins[row] : begins[row] + lengths[row]] = own
    return Features(task.splits.train.ids, values, begins, lengths, tuple(teacher.reader.widths))


def source(way: str, loss: str, folder: Path, task: Task, stored: Features) -> FeatureSource | None:
    """The teacher of one of our ways."""
    if way == "plain":
        return None
    return FeatureSource(LAYERS[loss], Artefact(folder, "", 0.0), task.tokens, stored if way == "stored" else None)


def ours(
    student: PreTrainedModel, task: Task, batches: list[np.ndarray], logits: np.ndarray, features: FeatureSource | None
) -> dict[int, list[float]]:
    """Seconds of our steps, by the real tokens of the batch."""
    name = None if features is None else next(name for name, pairs in LAYERS.items() if pairs == features.layers)
    distillation = Distillation(features=None if name is None else {"name": name})  # type: ignore[arg-type]
    timed = train_ours(student, task, batches, logits, features=features, distillation=distillation)
    sizes = [int(task.tokens["train"].lengths[rows].sum()) for rows in batches]
    return by_width(sizes[WARM_UP:], timed.whole[WARM_UP:])


_task = cache(load_task)


def theirs_with_features(
    data: Path, batches: list[np.ndarray], logits: np.ndarray, stored: Features | None
) -> dict[int, list[float]]:
    """TextBrewer's steps with ``hidden_mse``, in a worker: seconds by the width of the batch."""
    matches = [
        # of a live teacher all hidden states, the embeddings first; of ours the chosen layers alone
        {"layer_T": place if stored is not None else theirs_ + 1, "layer_S": ours_ + 1, "feature": "hidden",
         "loss": "hidden_mse", "weight": FEATURE_WEIGHT}
        for place, (ours_, theirs_) in enumerate(LAYERS["hidden"].items())
    ]  # fmt: skip

    def hidden(rows: np.ndarray) -> list[torch.Tensor]:
        if stored is None:
            return []
        lengths = _task(data).tokens["train"].lengths[rows]
        real = torch.from_numpy(np.arange(lengths.max()) < lengths[:, None])
        padded = torch.zeros(*real.shape, sum(stored.widths))
        padded[real] = torch.from_numpy(stored.batch(rows)).float()
        return list(padded.split(stored.widths, -1))

    way = "fed_fused" if stored is not None else "live_fused"
    return theirs(data, "small", way, batches, logits if stored is not None else None, matches=matches, hidden=hidden)


if __name__ == "__main__":
    main()
