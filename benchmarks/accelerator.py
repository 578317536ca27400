"""Measure tokens per second and utilisation of the device, labelling with BERT-base and training DistilBERT-base.

    python benchmarks/accelerator.py [--data DIR] [--full] [--shapes base|small] [--precision fp32 bf16] [--compile]

Runs on a GPU if there is one, else on the processor (where `--shapes small` takes seconds). Each case reports real tokens
per second, and the FLOP/s that the exact form needs for them (by the stricter count of `efficiency.py`), divided by the
median rate of large matrix multiplications of the same precision. `--compile` adds training with torch.compile. Batches are
grouped by length as in a run: `padding` is processed ÷ real tokens, all that packing sequences could save. The last line is
one JSON object.
"""

import json
from typing import Any

import numpy as np
import torch
from common import (
    SHAPES,
    WARM_UP,
    Task,
    arguments,
    cached_logits,
    load_task,
    models,
    our_batches,
    padding,
    train_ours,
)
from efficiency import shape_of, training_flops
from liar_time import median_seconds
from transformers import PreTrainedModel

from alambique.inference.torch_model import predict_tokens, to_device
from alambique.recipe.sections import Compute

KINDS = {"fp32": torch.float32, "bf16": torch.bfloat16}
BATCH, ROUNDS = 32, 5


def main() -> None:
    """Measure each case and print the results."""
    parser = arguments(__doc__)
    parser.add_argument("--shapes", choices=SHAPES, default="base")
    parser.add_argument("--precision", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--compile", action="store_true", help="measure training with torch.compile too")
    options = parser.parse_args()
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else torch.device("cpu")
    task = load_task(options.data)
    steps = 200 if options.full else 20
    teacher, student = models(options.shapes)
    found = []
    for precision in options.precision:
        rate = matmul_rate(device, KINDS[precision])
        found.append(labelling(task, teacher, precision, rate, rows=len(task.tokens["train"]) if options.full else 512))
        found += [
            training(task, teacher, student, precision, rate, steps=steps, compiled=compiled)
            for compiled in ((False, True) if options.compile else (False,))
        ]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    print(json.dumps({"benchmark": "accelerator", "shapes": options.shapes, "device": name, "cases": found,
                      "torch": torch.__version__}))  # fmt: skip


def labelling(task: Task, teacher: PreTrainedModel, precision: str, rate: float, *, rows: int) -> dict[str, Any]:
    """Run the teacher over rows of train, from tokens to logits on the processor."""
    tokens = task.tokens["train"].rows(0, rows)
    model = to_device(teacher)
    seconds = median_seconds(lambda: predict_tokens(model, tokens, half=precision == "bf16"), ROUNDS, model.device)
    config = teacher.config
    shape = (config.num_hidden_layers, config.hidden_size, config.intermediate_size, config.num_attention_heads)
    flops = sum(training_flops(int(length), *shape, reassociated=True) for length in tokens.lengths) // 3
    return told("labelling", precision, tokens.lengths.sum(), flops, seconds, rate)


def training(
    task: Task,
    teacher: PreTrainedModel,
    student: PreTrainedModel,
    precision: str,
    rate: float,
    *,
    steps: int,
    compiled: bool,
) -> dict[str, Any]:
    """Time distillation steps from cached logits, each from the end of the step before."""
    lengths = task.tokens["train"].lengths
    batches = our_batches(lengths, BATCH)
    chosen = [batches[i] for i in np.linspace(0, len(batches) - 1, WARM_UP + steps).astype(int)]
    logits = cached_logits(teacher, task.tokens["train"], np.concatenate(chosen))
    compute = Compute(precision=precision, compile=compiled)  # type: ignore[arg-type]
    run = task._replace(recipe=task.recipe.model_copy(update={"compute": compute}))
    timed = train_ours(student, run, chosen, logits)
    measured = chosen[WARM_UP:]
    flops = sum(
        training_flops(int(length), *shape_of(student), reassociated=True)
        for rows in measured
        for length in lengths[rows]
    )
    tokens = sum(int(lengths[rows].sum()) for rows in measured)
    case = told("training", precision, tokens, flops, sum(timed.whole[WARM_UP:]), rate)
    return {**case, "compile": compiled, "batch": BATCH, "padding": round(padding(measured, lengths), 3)}


def told(what: str, precision: str, tokens: int, flops: int, seconds: float, rate: float) -> dict[str, Any]:
    """Print and return one case; ``rate`` in FLOP/s."""
    case = {
        "what": what, "precision": precision, "tokens_per_s": round(tokens / seconds),
        "tflops": round(flops / seconds / 1e12, 3), "share_of_matmul": round(flops / seconds / rate, 3),
        "tflops_matmul": round(rate / 1e12, 3),
    }  # fmt: skip
    print(f"{what} in {precision}: {case['tokens_per_s']} real tokens per second, {case['share_of_matmul']} of the matrix "
          f"multiplication's {case['tflops_matmul']} TFLOP/s", flush=True)  # fmt: skip
    return case


def matmul_rate(device: torch.device, kind: torch.dtype) -> float:
    """Median FLOP/s of several square matrix multiplications."""
    size = 8192 if device.type == "cuda" else 2048
    a = torch.randn(size, size, device=device, dtype=kind)
    return 2 * size**3 / median_seconds(lambda: a @ a, ROUNDS, device)


if __name__ == "__main__":
    main()
