"""Measure rows per second and peak memory of `alambique predict --input`, and what files cost over the bare model loop.

    python benchmarks/scale.py [--full] [--sizes 10000 100000 1000000] [--workers 1 2] [--ways files bare ray peer]

A student of one layer, 64 wide, is distilled in a minute from a teacher of one layer and exported, so that the path around
the model is measured. Each size is a Parquet file of generated rows. In a new process each, sizes and ways taking turns, it
is classified

- by the command's own function on this process alone (`files`),
- by a loop that reads batches and runs the model on them (`bare`),
- where Ray is installed, by the command's own function with `--engine ray` (`ray`), for each number of workers,
- and by a plain script as Ray's documents show it (`peer`): `read_parquet`, `map_batches` with a class, `write_parquet`.

Times of `ray` and `peer` have the start of Ray and the loading of the model in them. Peak memory is that of the process and,
for these two, the sum over its children of what is theirs alone. The last line of the output is one JSON object.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import psutil
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
PEER = 0.05  # by which a plain script may be faster
FILES, BARE, RAY_FILES, RAY_PEER = "files", "bare", "ray", "peer"
WAYS = (FILES, BARE, RAY_FILES, RAY_PEER)
ON_RAY = (RAY_FILES, RAY_PEER)
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
    parser.add_argument("--workers", nargs="+", type=int, default=(1, 2), help="of Ray")
    parser.add_argument("--ways", nargs="+", choices=WAYS, help="default: all that this machine has the packages for")
    parser.add_argument("--one", nargs=4, metavar=("WAY", "RUN", "FILE", "WORKERS"), help="measure one in this process")
    options = parser.parse_args()
    if options.one:
        way, run, file, workers = options.one
        print(json.dumps(classify(way, Path(run), Path(file), int(workers))))
        return
    sizes = options.sizes or (FULL if options.full else SIZES)
    ways = options.ways or (WAYS if find_spec("ray") else (FILES, BARE))
    cases = [(way, workers) for way in ways for workers in (options.workers if way in ON_RAY else (1,))]
    rates = rates_now()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        distill(Recipe.load("quickstart", SMALL), folder / "run")
        for size in sizes:
            generate(folder / f"{size}.parquet", size, folder / "run")
        found: dict[tuple[int, str, int], list[dict[str, Any]]] = {
            (size, *case): [] for size in sizes for case in cases
        }
        for _ in range(options.turns):
            for (size, way, workers), turns in found.items():
                turns.append(in_own_process(way, folder / "run", folder / f"{size}.parquet", workers))
                rates += rates_now()
    results = [summary(*case, turns) for case, turns in found.items()]
    targets = {"memory_target": MEMORY, "overhead_target": OVERHEAD, "peer_target": PEER}
    compared = [each for size in sizes for each in comparisons(size, results)]
    ratio = memory_ratio(results, sizes)
    print(f"peak memory of {sizes[-1]:,} rows against {sizes[0]:,}: {ratio} (target ≤ {MEMORY})")
    content = {"benchmark": "scale", "cases": results, "compared": compared, "memory_ratio": ratio}
    print(json.dumps(content | targets | machine(rates)))


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


def in_own_process(way: str, run: Path, file: Path, workers: int) -> dict[str, Any]:
    """Measure one way in a new process."""
    command = [sys.executable, __file__, "--one", way, str(run), str(file), str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{way} {file.name} failed:\n{done.stderr[-2000:]}")
    return last_json(done.stdout)


def classify(way: str, run: Path, file: Path, workers: int) -> dict[str, float]:
    """Classify a file; return rows per second and megabytes."""
    rows = pq.read_metadata(file).num_rows
    if way not in ON_RAY:
        open_classifier(run).probabilities([("a first text",)] * 64)
    with tempfile.TemporaryDirectory(dir=file.parent) as place, children_watched() as of_children:
        begun = time.perf_counter()
        if way == BARE:
            bare(run, file)
        elif way == RAY_PEER:
            peer(run, file, Path(place) / "out", workers)
        else:
            engine = {"engine": "ray", "workers": workers} if way == RAY_FILES else {}
            written = predict_files(
                Job(run, (str(file),), Path(place) / "out", text=(COLUMN,), **engine), reporter=Reporter()
            )
            if written is None or written.rows != rows:
                raise RuntimeError(f"{rows} rows gave {written}")
        seconds = time.perf_counter() - begun
    return {"rows_per_s": rows / seconds, "seconds": seconds, "peak_mb": peak() + max(of_children, default=0)}


def bare(run: Path, file: Path) -> None:
    """Read batches and run the model on them."""
    classifier = open_classifier(run)
    with pq.ParquetFile(file) as opened:
        for batch in opened.iter_batches(batch_size=TEXTS, columns=[COLUMN]):
            classifier.probabilities([(text,) for text in batch.column(0).to_pylist()])


class Predictor:
    """A model that Ray Data loads once per actor, as its documents show it."""

    def __init__(self, run: str) -> None:
        """Load the model, for one thread."""
        self.classifier = open_classifier(Path(run), threads=1)

    def __call__(self, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Add the label and its probability."""
        found = self.classifier.probabilities([(text,) for text in batch[COLUMN]])
        best = found.argmax(axis=1)
        batch["label"] = np.array(self.classifier.label_names)[best]
        batch["probability"] = found[np.arange(len(best)), best]
        return batch


def peer(run: Path, file: Path, out: Path, workers: int) -> None:
    """A plain script of Ray Data."""
    import ray  # noqa: PLC0415 - an extra
    from ray.data import ActorPoolStrategy  # noqa: PLC0415

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(address="local", num_cpus=workers + 1, include_dashboard=False, log_to_driver=False)  # + 1: its reader
    ray.data.read_parquet(str(file)).map_batches(
        Predictor, fn_constructor_args=(str(run),), compute=ActorPoolStrategy(size=workers), batch_size=TEXTS
    ).write_parquet(str(out))
    ray.shutdown()


@contextmanager
def children_watched() -> Iterator[list[float]]:
    """Sums of the memory that belongs to each child process alone, in megabytes, twice a second."""
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            total = 0
            for child in psutil.Process().children(recursive=True):
                try:
                    total += child.memory_full_info().uss
                except psutil.Error:
                    continue
            seen.append(total / 2**20)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield seen
    ended.set()
    thread.join()


def summary(size: int, way: str, workers: int, turns: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the turns of one case, printed as one line."""
    rate, seconds, memory = (
        statistics.median(turn[name] for turn in turns) for name in ("rows_per_s", "seconds", "peak_mb")
    )
    who = f"{way} by {workers} worker{'' if workers == 1 else 's'}" if way in ON_RAY else way
    print(f"{size:>10,} rows, {who}: {rate:,.0f} rows per second, peak memory {memory:.0f} MB", flush=True)
    return {
        "rows": size, "way": way, "workers": workers, "turns": len(turns), "rows_per_s": round(rate),
        "seconds": round(seconds, 1), "peak_mb": round(memory),
    }  # fmt: skip


def comparisons(size: int, results: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """How much longer one way takes than another, printed: files over the bare loop, Ray over files and a plain script."""
    seconds = {(each["way"], each["workers"]): each["seconds"] for each in results if each["rows"] == size}
    pairs = [((FILES, 1), (BARE, 1), OVERHEAD), ((RAY_FILES, 1), (FILES, 1), OVERHEAD)]
    pairs += [((way, n), (RAY_PEER, n), PEER) for way, n in seconds if way == RAY_FILES]
    for slower, faster, target in pairs:
        if slower in seconds and faster in seconds:
            more = round(seconds[slower] / seconds[faster] - 1, 3)
            words = [f"{way} by {n}" if way in ON_RAY else way for way, n in (slower, faster)]
            print(f"{size:>10,} rows: {words[0]} takes {more:+.1%} against {words[1]} (target ≤ {target:.0%})")
            yield {"rows": size, "way": slower, "against": faster, "more": more, "target": target}


def memory_ratio(results: list[dict[str, Any]], sizes: Any) -> float | None:
    """Peak memory of the most rows against the fewest, by this process alone."""
    peaks = {each["rows"]: each["peak_mb"] for each in results if each["way"] == FILES}
    return round(peaks[sizes[-1]] / peaks[sizes[0]], 3) if peaks else None


def peak() -> float:
    """Peak memory of this program in megabytes; on Linux getrusage's figure would begin with the parent's."""
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.is_file() else []
    kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), None)
    return (kilobytes or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


if __name__ == "__main__":
    main()
