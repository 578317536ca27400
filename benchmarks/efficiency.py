"""Measure which share of the machine's arithmetic a training step uses for the operations that the result needs.

    python benchmarks/efficiency.py [--data DIR] [--full] [--shapes base small]

Achieved FLOP/s on real tokens, divided by the median rate of 2048³ fp32 matrix multiplications between the same steps.
Counted: only the arithmetic that the exact form needs, 2 FLOPs per multiply-add, forward once and backward twice; no
padding, softmax, normalisation, dropout, loss, clipping or optimiser. Timed: everything from the end of one step to the end
of the next (data, forward, backward, clipping, optimiser, zeroing, Trainer's own bookkeeping). Five batches represent an
epoch of LIAR, one for each fifth of its batches by length.

There are two counts. `keys_values` counts the last layer's keys and values of every token as needed; `reassociated`, the
stricter one, follows the order of products in `alambique.models.speedups.cls_last_layer`, which needs them once per row and
head. The last line is one JSON object.
"""

import json
import random
import statistics
from typing import Any

import numpy as np
from common import (
    CLASSES,
    SHAPES,
    WARM_UP,
    Task,
    arguments,
    cached_logits,
    load_task,
    machine,
    models,
    our_batches,
    real_tokens,
    stratify,
    train_ours,
)
from transformers import PreTrainedModel

BATCH = 32
TARGETS = {"base": 0.65, "small": 0.5}


def main() -> None:
    """Measure the students in turn and print the results."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument("--passes", type=int, help="number of steps per batch")
    options = parser.parse_args()
    task = load_task(options.data)
    passes = options.passes or (20 if options.full else 6)
    rates: list[float] = []
    found = [measure(task, shapes, passes if shapes == "base" else 2 * passes, rates) for shapes in options.shapes]
    print(json.dumps({"benchmark": "efficiency", "batch": BATCH, "cases": found} | machine(rates)))


def measure(task: Task, shapes: str, passes: int, rates: list[float]) -> dict[str, Any]:
    """Measure one student."""
    lengths = task.tokens["train"].lengths
    batches = our_batches(lengths, BATCH)
    strata = stratify(real_tokens(batches, lengths))
    chosen = [batches[place] for place in strata.chosen]
    teacher, student = models(shapes)
    logits = cached_logits(teacher, task.tokens["train"], np.concatenate(chosen))
    order = [len(chosen) // 2] * WARM_UP
    for i in range(passes):
        order += random.Random(i).sample(range(len(chosen)), len(chosen))  # noqa: S311
    between: list[float] = []
    timed = train_ours(student, task, [chosen[i] for i in order], logits, rates=between)
    places = list(enumerate(order))[WARM_UP:]
    seconds = [statistics.median(timed.whole[n] for n, i in places if i == place) for place in range(len(chosen))]
    rate = statistics.median(between[WARM_UP:])
    rates += between[WARM_UP:]
    config = student.config
    case: dict[str, Any] = {
        "shapes": shapes, "width": config.dim, "gflops_matmul": round(rate, 1), "target": TARGETS[shapes],
        "seconds_per_step": round(strata.mean(seconds), 5),
    }  # fmt: skip
    for name, again in (("keys_values", False), ("reassociated", True)):
        work = [
            sum(training_flops(int(t), *shape_of(student), reassociated=again) for t in lengths[rows])
            for rows in chosen
        ]
        achieved = strata.mean(work) / strata.mean(seconds) / 1e9
        case[name] = {"gflops": round(achieved, 1), "share_of_matmul": round(achieved / rate, 3)}
    print(
        f"width {case['width']}: {case['seconds_per_step'] * 1000:.0f} ms a step; share of the matrix multiplication's "
        f"{rate:.0f} GFLOP/s: {case['keys_values']['share_of_matmul']:.3f} with keys and values for every token, "
        f"{case['reassociated']['share_of_matmul']:.3f} by the stricter count (target {case['target']})",
        flush=True,
    )
    return case


def shape_of(student: PreTrainedModel) -> tuple[int, int, int, int]:
    """Layers, width, feed-forward width and heads of a DistilBERT, as :func:`training_flops` takes them."""
    config = student.config
    return config.n_layers, config.dim, config.hidden_dim, config.n_heads


def training_flops(
    tokens: int, layers: int, width: int, hidden: int, heads: int, *, reassociated: bool, classes: int = CLASSES
) -> int:
    """Count the FLOPs of one row in a training step of a DistilBERT classifier: three times twice its multiply-adds.

    Args:
        tokens: of the row, none of them padding.
        layers: of the student.
        width: of its hidden states.
        hidden: width of the feed-forward layers.
        heads: of the attention.
        reassociated: the last layer's keys and values are not made for every token.
        classes: of the head.
    """
    feed_forward = 2 * width * hidden
    full = tokens * (4 * width**2 + feed_forward) + 2 * tokens**2 * width
    once = 2 * width**2 + feed_forward  # query, output projection, feed-forward at the first token
    if reassociated:
        last = once + 2 * width**2 + 2 * heads * tokens * width  # keys and values folded, then H scores and H mixtures
    else:
        last = once + 2 * tokens * width**2 + 2 * tokens * width
    head = width**2 + width * classes
    return 6 * ((layers - 1) * full + last + head)


if __name__ == "__main__":
    main()
