"""Measure rows per second and peak memory of `alambique predict --input`, and what files cost over the bare model loop.

    python benchmarks/scale.py [--full] [--sizes 10000 100000 1000000]

A student of one layer, 64 wide, is distilled in a minute from a teacher of one layer and exported, so that the path around
the model is measured. Each size is a Parquet file of generated rows. In a new process each, sizes and ways taking turns, it
is classified by the command's own function (`files`), and by a loop that reads batches and runs the model on them (`bare`).
Peak memory is that of the process. The last line of the output is one JSON object.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from common import arguments, last_json, machine, rates_now
from tokenizers import Tokenizer

from alambique.batch_prediction.predict_files import Job, predict_files
from alambique.batch_prediction.worker import TEXTS
from alambique.inference.classifier import open_classifier
from alambique.pipeline import distill
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe

SIZES, FULL = (10_000, 100_000), (10_000, 100_000, 1_000_000)
TURNS = 3
MEMORY, OVERHEAD = 1.2, 0.1  # the targets
FILES, BARE = "files", "bare"
COLUMN = "claim"  # of text, in the generated files
SCRATCH = "{from_scratch: {layers: 1, width: 64, heads: 2%s}}"
SMALL = (
    "data.max_rows=600", "data.unlabelled=null", f"teacher={SCRATCH % ', vocabulary: 2000'}", "teacher.allow_weak=true",
    f"student={SCRATCH % ''}", "export.formats=[onnx]",
)  # fmt: skip
PART = 50_000  # rows that are generated at once


def main() -> None:
    """Measure the sizes in turn and print the results."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--sizes", nargs="+", type=int, help=f"default {SIZES}, with --full {FULL}")
    parser.add_argument("--turns", type=int, default=TURNS, help="of each size and way")
    parser.add_argument("--one", nargs=3, metavar=("WAY", "RUN", "FILE"), help="measure one way in this process")
    options = parser.parse_args()
    if options.one:
        way, run, file = options.one
        print(json.dumps(classify(way, Path(run), Path(file))))
        return
    sizes = options.sizes or (FULL if options.full else SIZES)
    rates = rates_now()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        distill(Recipe.load("quickstart", SMALL), folder / "run")
        for size in sizes:
            generate(folder / f"{size}.parquet", size, folder / "run")
        found: dict[tuple[int, str], list[dict[str, Any]]] = {
            (size, way): [] for size in sizes for way in (FILES, BARE)
        }
        for _ in range(options.turns):
            for (size, way), turns in found.items():
                turns.append(in_own_process(way, folder / "run", folder / f"{size}.parquet"))
                rates += rates_now()
    cases = [summary(size, found[size, FILES], found[size, BARE]) for size in sizes]
    ratio = round(cases[-1]["peak_mb"] / cases[0]["peak_mb"], 3)
    print(f"peak memory of {sizes[-1]:,} rows against {sizes[0]:,}: {ratio} (target ≤ {MEMORY})")
    targets = {"memory_ratio": ratio, "memory_target": MEMORY, "overhead_target": OVERHEAD}
    print(json.dumps({"benchmark": "scale", "engine": "local", "cases": cases} | targets | machine(rates)))


def generate(file: Path, rows: int, run: Path) -> None:
    """Write rows of random words with LIAR's lengths, an id and a number beside them."""
    random = np.random.default_rng(0)
    vocabulary = Tokenizer.from_file(str(run / "student" / "tokenizer.json")).get_vocab()
    words = np.array(sorted(word for word in vocabulary if word.isalpha() and word.isascii()))
    schema = pa.schema([("id", pa.int64()), (COLUMN, pa.string()), ("weight", pa.float64())])
    with pq.ParquetWriter(file, schema) as writer:
        for start in range(0, rows, PART):
            count = min(PART, rows - start)
            lengths = np.clip(random.lognormal(3.0, 0.42, count), 3, 100).astype(int)
            drawn = np.split(words[random.integers(0, len(words), lengths.sum())], np.cumsum(lengths)[:-1])
            texts = [" ".join(row) for row in drawn]
            columns = [pa.array(range(start, start + count)), pa.array(texts), pa.array(random.random(count))]
            writer.write_table(pa.table(columns, schema=schema))


def in_own_process(way: str, run: Path, file: Path) -> dict[str, Any]:
    """Measure one way in a new process."""
    command = [sys.executable, __file__, "--one", way, str(run), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{way} {file.name} failed:\n{done.stderr[-2000:]}")
    return last_json(done.stdout)


def classify(way: str, run: Path, file: Path) -> dict[str, float]:
    """Classify a file; return rows per second and megabytes."""
    rows = pq.read_metadata(file).num_rows
    classifier = open_classifier(run)
    classifier.probabilities([("a first text",)] * 64)
    begun = time.perf_counter()
    if way == BARE:
        with pq.ParquetFile(file) as opened:
            for batch in opened.iter_batches(batch_size=TEXTS, columns=[COLUMN]):
                classifier.probabilities([(text,) for text in batch.column(0).to_pylist()])
    else:
        with tempfile.TemporaryDirectory(dir=file.parent) as place:
            job = Job(run, (str(file),), Path(place) / "out", text=(COLUMN,))
            written = predict_files(job, reporter=Reporter())
        if written is None or written.rows != rows:
            raise RuntimeError(f"{rows} rows gave {written}")
    return {"rows_per_s": rows / (time.perf_counter() - begun), "peak_mb": peak()}


def summary(size: int, files: list[dict[str, Any]], bare: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns of one size, printed as one line."""
    rate, plain = (statistics.median(turn["rows_per_s"] for turn in turns) for turns in (files, bare))
    memory, least = (statistics.median(turn["peak_mb"] for turn in turns) for turns in (files, bare))
    overhead = round(plain / rate - 1, 3)
    print(
        f"{size:>10,} rows: {rate:,.0f} rows per second, {plain:,.0f} in the bare loop: overhead {overhead:.1%} (target ≤ "
        f"{OVERHEAD:.0%}); peak memory {memory:.0f} MB, {least:.0f} in the bare loop",
        flush=True,
    )
    return {
        "rows": size, "turns": len(files), "rows_per_s": round(rate), "bare_rows_per_s": round(plain), "overhead": overhead,
        "peak_mb": round(memory), "bare_peak_mb": round(least),
    }  # fmt: skip


def peak() -> float:
    """Peak memory of this program in megabytes; on Linux getrusage's figure would begin with the parent's."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.is_file() else []
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
    return (kilobytes or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


if __name__ == "__main__":
    main()
