"""What int8 files of one student are worth: size, nearness to PyTorch on valid, dependence on the batch, speed.

    python benchmarks/int8.py RUN [FILE ...]

Compares RUN's fp32 and int8 exports, what `quantize_dynamic` of ONNX Runtime makes by default, and any other ONNX files
of the same student (such as another version of Alambique wrote), all opened as `alambique predict` opens them.

1. Parity with PyTorch on the whole of valid; the largest change of a probability between a text alone and in a batch.
2. Texts a second in batches of 32 and the latency of one text, on texts of test: all in turn, from another file on in each
   round; medians, and medians of each round's ratio to RUN's int8 file.

The last line of the output is one JSON object.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import machine, rates_now
from onnxruntime.quantization import quantize_dynamic

from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import run_data
from alambique.evaluation.tasks import TASKS
from alambique.export.parity import compare, int8_problems
from alambique.inference.onnx_model import OnnxModel
from alambique.models.inputs import ModelInputs
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import EXPORT_FACTS, ONNX, ONNX_FILES, RECIPE, STUDENT

BATCH, ALONE, ROUNDS = 32, 100, 9
OURS = "int8"


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("files", nargs="*", type=Path)
    options = parser.parse_args()
    folder = options.run / ONNX
    facts = read_json(folder / EXPORT_FACTS)
    with tempfile.TemporaryDirectory() as work:
        default = Path(work) / "default.onnx"
        quantize_dynamic(folder / ONNX_FILES["onnx"], default)
        files = {name: folder / ONNX_FILES[name] for name in ("onnx", OURS)} | {"quantize_dynamic": default}
        files |= {path.name: path for path in options.files}
        models = {
            name: OnnxModel(path, folder / "tokenizer.json", ModelInputs.recorded(facts))
            for name, path in files.items()
        }
        found = {name: {"bytes": path.stat().st_size} for name, path in files.items()}
    rates = rates_now()
    for figures in (nearness(options.run, models), speed(options.run, models)):
        for name, more in figures.items():
            found[name] |= more
    rates += rates_now()
    for name, one in found.items():
        told = "  ".join(f"{key} {value if isinstance(value, str) else f'{value:.5g}'}" for key, value in one.items())
        print(f"{name}\n  {told}")
    print(json.dumps({"benchmark": "int8", "run": options.run.name, "models": found} | machine(rates)))


def nearness(run: Path, models: dict[str, OnnxModel]) -> dict[str, dict[str, Any]]:
    """Parity on valid, what the gate says, and how far a batch moves a text's probabilities."""
    recipe = Recipe.load(run / RECIPE)
    splits, _ = run_data(RunFolder.existing(run))
    reference = read_scored(RunFolder.existing(run), STUDENT, splits).logits["valid"]
    rows, task = splits.valid.segments(), TASKS[splits.task]
    found = {}
    for name, model in models.items():
        logits = model.logits(rows)
        parity = compare(logits, reference, splits.valid.labels, margin=recipe.export.confident_margin, task=task)
        figures = parity.as_dict()
        del figures["macro_f1_drop"]
        alone = model.logits(rows, batch_size=1)
        moved = np.abs(task.probabilities(alone) - task.probabilities(logits)).max()
        found[name] = {name: value for name, value in figures.items() if value is not None} | {
            "moved_by_batch": float(moved), "gate": "; ".join(int8_problems(parity, recipe.export)) or "passes",
        }  # fmt: skip
    return found


def speed(run: Path, models: dict[str, OnnxModel]) -> dict[str, dict[str, Any]]:
    """Throughput and latency in turn."""
    texts = run_data(RunFolder.existing(run))[0].test.segments()
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    seconds: dict[str, list[float]] = {name: [] for name in models}
    alone: dict[str, list[float]] = {name: [] for name in models}
    names = list(models)
    for turn in range(ROUNDS + 1):  # the first warms up
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            whole = timed(models[name], batches)
            one = statistics.median(timed(models[name], [[text]]) for text in texts[:ALONE])
            if turn:
                seconds[name].append(whole)
                alone[name].append(one)
    return {
        name: {
            "texts_per_s": len(texts) / statistics.median(seconds[name]),
            "times_as_fast": statistics.median(
                ours / other for ours, other in zip(seconds[OURS], seconds[name], strict=True)
            ),
            "alone_ms": 1000 * statistics.median(alone[name]),
            "alone_times_as_long": statistics.median(
                other / ours for ours, other in zip(alone[OURS], alone[name], strict=True)
            ),
        }
        for name in models
    }


def timed(model: OnnxModel, batches: list[Any]) -> float:
    """Seconds from texts to logits."""
    begun = time.perf_counter()
    for batch in batches:
        model.logits(batch)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main()
