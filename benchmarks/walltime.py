"""Measure the time of each stage of `alambique distill liar-small`.

    python benchmarks/walltime.py [--data DIR] [--full] [--rows 1200]
    python benchmarks/walltime.py --run RUN

Runs the recipe in a temporary folder and reads the seconds from the manifests of its stages. The rest of the wall time is
spent outside the stages (imports, data, report). By default the recipe runs on some rows of each split; since training and
labelling grow with the rows of train and most of the rest does not, the share of the rest at full size is estimated too.
`--full` runs all rows (about 20 minutes on two cores). `--run` reads an existing run: its wall time is then the time between
recipe.yaml, written when the data have been read, and report.json, written last. The last line is one JSON object.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import arguments, machine, rates_now

from alambique.run.integrity import read_json
from alambique.run.layout import RECIPE, REPORT_JSON, SEED_STAGES, SEEDS, SOFT_LABELS, STUDENT, TEACHER, UNDISTILLED
from alambique.run.manifest import MANIFEST

TRAINING = (TEACHER, STUDENT, UNDISTILLED)
TARGET = 0.10
LIAR_ROWS = 10_269
PLACES = 2  # of a run folder's path parts under seeds/N


def main() -> None:
    """Run the recipe or read a run, and print the results."""
    parser = arguments(__doc__)
    parser.add_argument("--run", type=Path, help="read an existing run")
    parser.add_argument("--rows", type=int, default=1200, help="rows of each split, without --full")
    options = parser.parse_args()
    rates = rates_now()
    if options.run is not None:
        stages, rows = stage_seconds(options.run), _train_rows(options.run)
        total = max(written_span(options.run), sum(stages.values()))
        if total > written_span(options.run):
            print("this run was made in several goes: only the time of its stages is known")
    else:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            total = distil(run, options.data, None if options.full else options.rows)
            stages, rows = stage_seconds(run), _train_rows(run)
    rates += rates_now()
    found = {"benchmark": "walltime", "rows": rows} | shares(stages, total, rows)
    for name, seconds in sorted(stages.items(), key=lambda item: -item[1]):
        print(f"{name:<24} {seconds:8.1f} s  {seconds / total:6.1%}")
    print(f"{'(no stage)':<24} {total - sum(stages.values()):8.1f} s  {1 - sum(stages.values()) / total:6.1%}")
    print(
        f"neither training nor labelling: {found['rest_share']:.1%} of {total:.0f} s (target {TARGET:.0%} on all rows)"
    )
    if rows < LIAR_ROWS:
        print(f"estimated for all {LIAR_ROWS} rows: {found['rest_share_all_rows']:.1%}")
    print(json.dumps(found | machine(rates)))


def distil(run: Path, data: Path, rows: int | None) -> float:
    """Seconds of the whole command."""
    command = [sys.executable, "-m", "alambique", "distill", "liar-small", "--out", str(run), "--quiet",
               "--set", f"data.source={json.dumps(str(data.resolve()))}", "--set", f"data.max_rows={json.dumps(rows)}",
               "--set", "teacher.allow_weak=true"]  # fmt: skip
    begun = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"alambique distill failed:\n{done.stderr[-2000:]}")
    return time.perf_counter() - begun


def stage_seconds(run: Path) -> dict[str, float]:
    """Seconds of each stage by its folder, summed over seeds; the copy of the best seed is not counted again."""
    found: dict[str, float] = {}
    several = (run / SEEDS).is_dir()
    for path in sorted(run.rglob(MANIFEST)):
        parts = path.parent.relative_to(run).parts
        below = parts[0] == SEEDS
        name = "/".join(parts[PLACES:] if below else parts)
        if several and not below and name in SEED_STAGES:
            continue
        found[name] = found.get(name, 0.0) + float(read_json(path)["seconds"])
    return found


def written_span(run: Path) -> float:
    """Seconds from recipe.yaml to report.json."""
    return (run / REPORT_JSON).stat().st_mtime - (run / RECIPE).stat().st_mtime


def shares(stages: dict[str, float], total: float, rows: int) -> dict[str, Any]:
    """Share of the time that is neither training nor labelling, as measured and scaled to all of LIAR."""
    training = sum(stages.get(name, 0.0) for name in TRAINING)
    labelling = stages.get(SOFT_LABELS, 0.0)
    work = training + labelling
    rest, all_work = total - work, work * LIAR_ROWS / rows
    return {
        "total_s": round(total, 1), "training_s": round(training, 1), "labelling_s": round(labelling, 1),
        "rest_s": round(rest, 1), "rest_share": round(rest / total, 4),
        "rest_share_all_rows": round(rest / (rest + all_work), 4), "target": TARGET,
        "stages": {name: round(seconds, 2) for name, seconds in stages.items()},
    }  # fmt: skip


def _train_rows(run: Path) -> int:
    return int(read_json(run / REPORT_JSON)["data"]["rows"]["train"])


if __name__ == "__main__":
    main()
