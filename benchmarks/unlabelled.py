"""Measure peak memory and rows per second of a run with unlabelled text; memory must not grow with its rows.

    python benchmarks/unlabelled.py [--full] [--sizes 10000 300000]

Each size is a whole `distill` in a new process: a file of generated texts is read, compared with the labelled rows, stored,
tokenised and labelled by a teacher of one layer, and a student learns from as many of these rows per epoch as train has
(`distillation.unlabelled_ratio: 1`), so that training takes the same time for each size. Rows per second are those from the
file to the soft labels. The last line of the output is one JSON object.
"""

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import arguments, last_json, machine, rates_now

from alambique import Recipe, distill
from alambique.progress import Reporter

SIZES, FULL = (10_000, 100_000), (10_000, 1_000_000)
MEMORY = 1.3  # the target
WORDS = [
    f"{first}{last}" for first in ("ka", "lo", "mi", "nu", "pe", "ra", "si", "to") for last in ("ba", "da", "fo", "gu")
]
LABELS = ("one", "two", "three")


def main() -> None:
    """Measure the sizes in turn and print the results."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--sizes", nargs="+", type=int, help=f"default {SIZES}, with --full {FULL}")
    parser.add_argument("--one", type=int, metavar="ROWS", help="measure one size in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run_with(options.one)))
        return
    rates, cases = rates_now(), []
    for size in options.sizes or (FULL if options.full else SIZES):
        done = subprocess.run(
            [sys.executable, __file__, "--one", str(size)], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            sys.exit(f"{size} rows failed:\n{done.stderr[-2000:]}")
        cases.append(last_json(done.stdout))
        rates += rates_now()
        print(f"{size:,} rows: peak {cases[-1]['peak_mb']} MB, {cases[-1]['rows_per_s']:,} rows per second")
    ratio = round(cases[-1]["peak_mb"] / cases[0]["peak_mb"], 3)
    print(f"peak memory of the last to the first: {ratio} (target ≤ {MEMORY})")
    compared = {"memory_ratio": ratio, "memory_target": MEMORY}
    print(json.dumps({"benchmark": "unlabelled", "cases": cases} | compared | machine(rates)))


def run_with(rows: int) -> dict[str, Any]:
    """Run a recipe with so many unlabelled rows; peak memory in MB, and rows per second from the file to soft labels."""
    with tempfile.TemporaryDirectory() as folder:
        data, clock = Path(folder) / "data", _Clock()
        data.mkdir()
        for number, (split, count) in enumerate((("train", 1000), ("valid", 300), ("test", 300))):
            lines = ["text\tlabel", *(f"{text}\t{text.split()[1]}" for text in texts(count, number, named=True))]
            (data / f"{split}.tsv").write_text("\n".join(lines) + "\n", "utf-8")
        more = Path(folder) / "more.txt"
        with more.open("w", encoding="utf-8") as file:
            file.writelines(f"{text}\n" for text in texts(rows, 9, named=False))
        distill(recipe(data, more), Path(folder) / "run", reporter=clock)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"rows": rows, "peak_mb": round(peak), "rows_per_s": round(rows / clock.seconds)}


def texts(count: int, seed: int, *, named: bool) -> Any:
    """Generated texts of about 60 characters; named: the second word is a label."""
    maker = random.Random(seed)  # noqa: S311 - not for secrets
    for number in range(count):
        first = maker.choice(LABELS) if named else maker.choice(WORDS)
        yield f"{seed}n{number} {first} " + " ".join(maker.choices(WORDS, k=10))


def recipe(data: Path, more: Path) -> Recipe:
    """Tiny models, one epoch."""
    scratch = {"layers": 1, "width": 32, "heads": 2}
    return Recipe.from_dict({
        "data": {"source": str(data), "text": "text", "label": "label", "max_length": 48, "unlabelled": str(more)},
        "teacher": {"from_scratch": scratch | {"vocabulary": 500}, "epochs": 1, "allow_weak": True},
        "student": {"from_scratch": scratch, "epochs": 1},
        "distillation": {"unlabelled_ratio": 1},
        "export": {"formats": []},
    })  # fmt: skip


class _Clock(Reporter):
    """Seconds from the beginning to the end of the soft labels of unlabelled text, without the teacher's own stages."""

    def __init__(self) -> None:
        self.begun = time.perf_counter()
        self.seconds = 0.0

    def stage(self, name: str) -> Any:
        """Add what passed until the teacher begins, and what the labelling takes."""
        if name.startswith("teacher"):
            self.seconds += time.perf_counter() - self.begun
        if name.startswith("soft labels of"):
            self.begun = time.perf_counter()
        if name.startswith("student"):
            self.seconds += time.perf_counter() - self.begun
        return super().stage(name)


if __name__ == "__main__":
    main()
