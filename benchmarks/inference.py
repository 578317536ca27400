"""Measure the cost of running a student: against PyTorch, against its teacher, and behind HTTP.

    python benchmarks/inference.py [--data DIR] [--full]
    python benchmarks/inference.py --runs RUN RUN2 --static RUN3
    python benchmarks/inference.py --static-only [--static RUN3]

The runs are runs of `liar-small`: one with its own student of three layers, one with a student of two, one with a static
student. By default they are made here, on some rows for one epoch, since speed does not depend on what was learnt; `--full`
makes them as the recipes say. The file that is timed is the int8 export that passed the parity gate of its run, on LIAR's
test texts, from text to logits.

1. Throughput at batch 32: the student in int8 and fp32 ONNX and in PyTorch (padded to 128 tokens, as in the usual script,
   and to the longest text of the batch), and the teacher in PyTorch padded to the longest; all in turn, medians.
2. A request to `alambique serve` with one text, against the session of `predict` and a session with default options, without
   HTTP; blocks in turn.
3. 200 clients at once for 30 seconds: answers other than 200 and 503, and the service's memory.
4. 10,000 malformed bodies: answers other than 4xx.
5. The static student from text to label: texts per second in chunks as `predict` reads them, in one process and in one per
   core; its bytes; and the start of `alambique predict` with one text.

The last line of the output is one JSON object.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import arguments, machine, rates_now
from service import latency, load, malformed, serving

from alambique.artefacts.splits import run_data
from alambique.cpu import available_cores
from alambique.inference.classifier import open_classifier
from alambique.inference.predict import chunked
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import EXPORT_FACTS, ONNX, ONNX_FILES, RECIPE, STUDENT, TEACHER

BATCH, PADDED, ROUNDS = 32, 128, 5
SHORT = ("data.max_rows=600", "teacher.epochs=1", "student.epochs=1", "teacher.allow_weak=true")
TARGETS = {"padded": 6.5, "onnx": 1.3, "chain": 4.0, "chain_two_layers": 7.0, "serve": 1.5}
STATIC_TARGETS = {"texts_per_s": 25000, "start_s": 0.5, "bytes": 10_000_000}
STATIC_PARTS, STATIC_PASSES = 8, 8
Forward = Callable[[list[str]], Any]


def main() -> None:
    """Measure everything and print the results."""
    parser = arguments(__doc__)
    parser.add_argument(
        "--runs", nargs=2, type=Path, metavar="RUN", help="finished runs with students of three and of two layers"
    )
    parser.add_argument("--static", type=Path, metavar="RUN", help="a finished run with a static student")
    parser.add_argument("--static-only", action="store_true", help="leave out all but the static student")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        static = options.static or Path(folder) / "static"
        if options.static is None:
            distil(static, options, "student.static={width: 256}")
        if options.static_only:
            print(json.dumps({"benchmark": "inference", "static": static_student(static)} | machine(rates_now())))
            return
        three, two = options.runs or (Path(folder) / "three", Path(folder) / "two")
        if options.runs is None:
            for run, layers in ((three, 3), (two, 2)):
                distil(run, options, f"student.from_teacher={{architecture: distilbert, layers: {layers}}}")
        print(json.dumps(measure(three, two) | {"static": static_student(static)}))


def distil(run: Path, options: argparse.Namespace, student: str) -> None:
    """Make a run of `liar-small` with a student of this form."""
    sets = [f"data.source={json.dumps(str(options.data.resolve()))}", student, *(() if options.full else SHORT)]
    command = [sys.executable, "-m", "alambique", "distill", "liar-small", "--out", str(run), "--quiet"]
    done = subprocess.run(
        [*command, *(part for one in sets for part in ("--set", one))], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"alambique distill failed:\n{done.stderr[-2000:]}")


def measure(three: Path, two: Path) -> dict[str, Any]:
    """Measure all figures, and compare them with the targets."""
    texts = [row[0] for row in run_data(RunFolder.existing(three))[0].test.segments()]
    rates = rates_now()
    ways = models(three) | {"int8 of two layers": in_onnx(two, "int8")}
    speeds = throughput(ways, texts, rates)
    ratios = {
        "padded": speeds["int8"] / speeds["student padded to 128"], "onnx": speeds["int8"] / speeds["onnx"],
        "chain": speeds["int8"] / speeds["teacher"], "chain_two_layers": speeds["int8 of two layers"] / speeds["teacher"],
    }  # fmt: skip
    with serving(three) as service:
        served = latency(service, three, texts)
        rates += rates_now()
        loaded, refused = load(service, texts), malformed(service)
    met = {name: bool(value >= TARGETS[name]) for name, value in ratios.items()}
    met["serve"] = served["ratio_to_session"] < TARGETS["serve"]
    tell(ratios, met, served, loaded, refused)
    found = {
        "benchmark": "inference", "texts": len(texts), "batch": BATCH, "texts_per_s": rounded(speeds),
        "ratios": rounded(ratios), "targets": TARGETS, "met": met, "serve": served, "load": loaded, "malformed": refused,
        "parity": {"three_layers": parity(three), "two_layers": parity(two)},
    }  # fmt: skip
    return found | machine(rates)


def static_student(run: Path) -> dict[str, Any]:
    """Texts per second of a static student from text to label, its bytes, and the seconds of a start with one text."""
    texts = [row[0] for row in run_data(RunFolder.existing(run))[0].test.segments()]
    with ProcessPoolExecutor(available_cores(), mp_context=get_context("spawn")) as pool:
        list(pool.map(labelled, [run] * available_cores(), [texts] * available_cores()))  # opens it in each process
        begun = time.perf_counter()
        done = list(pool.map(labelled, [run] * STATIC_PARTS, [texts * STATIC_PASSES] * STATIC_PARTS))
        by_cores = sum(count for count, _ in done) / (time.perf_counter() - begun)
    alone = statistics.median(count / seconds for count, seconds in done)
    starts = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "alambique", "predict", str(run), texts[0]], capture_output=True, check=True
        )
        starts.append(time.perf_counter() - begun)
    size = (run / STUDENT / "model.safetensors").stat().st_size
    found = {
        "texts_per_s": by_cores,
        "texts_per_s_per_process": alone,
        "start_s": statistics.median(starts),
        "bytes": size,
    }
    met = {"texts_per_s": by_cores >= STATIC_TARGETS["texts_per_s"], "start_s": found["start_s"] < STATIC_TARGETS["start_s"],
           "bytes": size <= STATIC_TARGETS["bytes"]}  # fmt: skip
    print(f"static student: {by_cores:.0f} texts/s in {available_cores()} processes, {alone:.0f} in one; a start takes "
          f"{found['start_s']:.2f} s; {size / 1e6:.1f} MB")  # fmt: skip
    return rounded(found) | {"targets": STATIC_TARGETS, "met": met}


@cache
def opened(run: Path) -> Any:
    """The run's student, opened once per process."""
    return open_classifier(run)


def labelled(run: Path, texts: list[str]) -> tuple[int, float]:
    """Label texts in chunks as `predict` reads them: how many, and the seconds it took."""
    classifier, begun, names = opened(run), time.perf_counter(), set()
    for chunk in chunked(texts):
        segments = [classifier.segments(text) for text in chunk]
        names |= {classifier.answer(row)["label"] for row in classifier.probabilities(segments)}
    return len(texts), time.perf_counter() - begun


def models(run: Path) -> dict[str, Forward]:
    """Models of the run by name, each from texts to logits."""
    length = Recipe.load(run / RECIPE).data.max_length
    with quiet_libraries():
        return {
            "teacher": in_torch(run / TEACHER, "longest", length),
            "onnx": in_onnx(run, "onnx"), "int8": in_onnx(run, "int8"),
            "student": in_torch(run / STUDENT, "longest", length),
            "student padded to 128": in_torch(run / STUDENT, "max_length", PADDED),
        }  # fmt: skip


def in_torch(folder: Path, padding: str, length: int) -> Forward:
    """Usual PyTorch code: the model of from_pretrained in eval mode, without gradients, the tokenizer of the folder."""
    model, tokenizer = load_finished(folder, key=folder.name).eval(), load_tokenizer(folder, key=folder.name)
    # DistilBERT's tokenizer would name token types, which its model does not take
    tokenizer.model_input_names = ["input_ids", "attention_mask"]

    def forward(texts: list[str]) -> Any:
        batch = tokenizer(texts, truncation=True, max_length=length, padding=padding, return_tensors="pt")
        with torch.inference_mode():
            return model(**batch).logits

    return forward


def in_onnx(run: Path, name: str) -> Forward:
    """Session as in ``alambique predict``."""
    classifier = open_classifier(run, name)
    return lambda texts: classifier.logits([(text,) for text in texts])


def throughput(ways: dict[str, Forward], texts: list[str], rates: list[float]) -> dict[str, float]:
    """Texts per second of each model, in batches in the given order: the median of rounds in which they take turns."""
    batches = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(ROUNDS + 1):  # the first warms up
        for name, forward in ways.items():
            some = (
                batches[turn % 4 :: 4] if "padded" in name else batches
            )  # it is slow, and takes the same for any text
            begun = time.perf_counter()
            for batch in some:
                forward(batch)
            spent = (time.perf_counter() - begun) / sum(map(len, some))
            if turn:
                seconds[name].append(spent)
        rates += rates_now()
    found = {name: 1 / statistics.median(values) for name, values in seconds.items()}
    for name, speed in found.items():
        print(f"{name:<24} {speed:8.0f} texts/s", flush=True)
    return found


def parity(run: Path) -> dict[str, Any]:
    """Parity of the int8 file, and the variant that it is."""
    facts = read_json(run / ONNX / EXPORT_FACTS)["models"]
    one = facts["int8"]
    return {
        "scheme": one["scheme"], "bytes": one["bytes"], "fp32_bytes": (run / ONNX / ONNX_FILES["onnx"]).stat().st_size,
        **{name: one["parity"][name] for name in ("rows", "agreement", "mean_drift", "max_drift")},
    }  # fmt: skip


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Round to the precision of the measurement."""
    return {name: float(np.format_float_positional(value, 3, fractional=False)) for name, value in values.items()}


def tell(
    ratios: dict[str, float],
    met: dict[str, bool],
    served: dict[str, Any],
    loaded: dict[str, Any],
    refused: dict[str, Any],
) -> None:
    """Print a table."""
    for name, value in ratios.items():
        print(f"{name:<24} {value:8.2f} (target ≥ {TARGETS[name]:g}, {'met' if met[name] else 'not met'})")
    print(
        f"one text, median: session {served['session_ms']:.2f} ms, tokenizer and session {served['model_ms']:.2f} ms, "
        f"serve {served['serve_ms']:.2f} ms, ratio {served['ratio_to_session']:.2f} and {served['ratio_to_model']:.2f} "
        f"(target < {TARGETS['serve']:g} × the session, {'met' if met['serve'] else 'not met'}); a session as ONNX Runtime "
        f"opens it by default, whose threads spin: {served['untuned_session_ms']:.2f} ms"
    )
    print(
        f"{loaded['clients']} clients for {loaded['seconds']:.0f} s: {loaded['answers']}, memory {loaded['memory_mb']} MB"
    )
    print(f"{refused['bodies']} malformed bodies: {refused['answers']}")


if __name__ == "__main__":
    main()
