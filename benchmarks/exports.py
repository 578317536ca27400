"""Export the same student many times, and count how many different files come out.

    python benchmarks/exports.py [--run RUN] [--exports N] [--load THREADS] [--full]

Half of the exports are made while so many threads multiply matrices, half without. RUN is a finished run, of which a copy is
used; by default a tiny one is made from the embedded claims. The seconds differ from export to export; all else in `onnx/`
should not. `--full` makes 40 exports. The last line is one JSON object: the number of different digests of each file.
"""

import json
import shutil
import tempfile
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from common import arguments

from alambique.artefacts.splits import Splits, run_data
from alambique.pipeline import distill
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import file_hash
from alambique.run.layout import ONNX
from alambique.run.manifest import MANIFEST
from alambique.stages.export import FORMATS, export_student

FEW, MANY, SIDE = 6, 40, 256
TINY = (
    "data.max_rows=60", "teacher.allow_weak=true", "export.formats=[]", "teacher.epochs=1", "student.epochs=1",
    "teacher.from_scratch={layers: 1, width: 16, heads: 2, vocabulary: 300}",
    "student.from_scratch={layers: 2, width: 16, heads: 2}",
)  # fmt: skip


def main() -> None:
    """Export and print the counts."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--run", type=Path, help="a finished run")
    parser.add_argument("--exports", type=int, help=f"how many; {FEW} by default")
    parser.add_argument("--load", type=int, default=4, help="threads that multiply matrices")
    options = parser.parse_args()
    count = options.exports or (MANY if options.full else FEW)
    with tempfile.TemporaryDirectory() as temporary, quiet_libraries():
        folder = Path(temporary) / "run"
        if options.run is not None:
            shutil.copytree(options.run, folder)
        else:
            distill(Recipe.load("quickstart", TINY), folder)
        run = RunFolder.existing(folder)
        splits = run_data(run)[0]
        seen: dict[str, set[str]] = defaultdict(set)
        for number in range(count):
            with busy(options.load if number % 2 else 0):
                digests = export_again(run, splits)
            for name, digest in digests.items():
                seen[name].add(digest)
            print(
                f"{number + 1} of {count}: {', '.join(f'{name} {len(seen[name])}' for name in sorted(seen))}",
                flush=True,
            )
    print(json.dumps({"benchmark": "exports", "exports": count, "load": options.load,
                      "different": {name: len(seen[name]) for name in sorted(seen)}}))  # fmt: skip


def export_again(run: RunFolder, splits: Splits) -> dict[str, str]:
    """Make ``onnx/`` anew; gives the digest of each file but its manifest, which holds the seconds."""
    shutil.rmtree(run.path / ONNX, ignore_errors=True)
    export_student(run, run.recipe(), splits, FORMATS, strict=False, reporter=Reporter())
    return {path.name: file_hash(path) for path in (run.path / ONNX).iterdir() if path.name != MANIFEST}


@contextmanager
def busy(threads: int) -> Iterator[None]:
    """Keep so many threads multiplying matrices while the block runs."""
    stop = threading.Event()

    def work() -> None:
        matrix = np.ones((SIDE, SIDE), dtype=np.float32)
        while not stop.is_set():
            matrix @ matrix

    working = [threading.Thread(target=work) for _ in range(threads)]
    for thread in working:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in working:
            thread.join()


if __name__ == "__main__":
    main()
