"""The quality of a student by Alambique's defaults, and of those that other ways and libraries make of the same teacher.

    python benchmarks/quality.py DATA [DATA ...] [--rows N] [--seeds 5] [--ways NAME ...] [--split test] [--out DIR]
    python benchmarks/quality.py DATA [DATA ...] --reference static --ways static "static twin" tfidf "model2vec same start"

DATA is a folder of data, such as ../shared/data/liar, which `alambique init` would understand. Teacher and student are those
of the recipe liar-small: an encoder of six layers that a package carries, and three of its layers. The ways are `ours`, the
recipe's own keys; `twin`, the same student on hard labels alone; `classic`, KL at a temperature of 2, half and half, with
labels of the teacher on its own train rows; `static` and `static twin`, a static student on soft and on hard labels;
`tfidf`, a logistic regression; and those of peers.py. Every way has the same teachers, rows, start and number
of steps, unless peers.py says otherwise; each trains once for each seed, and its best epoch on valid is kept.

The table has the mean macro-F1 of each way, what it keeps of its teacher, and `ours` (or the way that `--reference` names)
minus the way, paired by row and seed, with a 95 % interval over both. `--split` is valid by default: test is for the figures
that are published. A result is stored in DIR as soon as it is there, so that a command that was stopped goes on. The last
line of the output is one JSON object.
"""

import argparse
import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
import yaml
from peers import WAYS, Job, Logits

from alambique.artefacts.predictions import Predictions, read_scored, read_seeds
from alambique.artefacts.splits import Splits, run_data
from alambique.artefacts.tokens import tokenize_rows
from alambique.data.inspect import inspect
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.verdict import verdict
from alambique.models.from_teacher import student_from_teacher
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.pipeline import distill
from alambique.progress import make_reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.layout import STUDENT, TEACHER, TFIDF, UNDISTILLED
from alambique.stages import benchmark

RECIPE = "liar-small"
OURS, TWIN, CLASSIC, STATIC, STATIC_TWIN = "ours", "twin", "classic", "static", "static twin"
OF_RUNS = {  # by the recipe that is run: the ways that it gives, and what they are called in the run
    OURS: {TEACHER: TEACHER, OURS: STUDENT, TWIN: UNDISTILLED, TFIDF: TFIDF},
    STATIC: {TEACHER: TEACHER, STATIC: STUDENT, STATIC_TWIN: UNDISTILLED, TFIDF: TFIDF},
    CLASSIC: {CLASSIC: STUDENT},
}
ALL_WAYS = (OURS, TWIN, CLASSIC, STATIC, STATIC_TWIN, TFIDF, *WAYS)
# the recipe of the usual tutorial, whatever the defaults are
CLASSIC_KEYS: dict[str, dict[str, Any]] = {
    "distillation": {"loss": "kl", "temperature": 2.0, "hard_label_weight": 0.5},
    "soft_labels": {},
}


class Cells:
    """Logits of every way and seed of one data set, each in a file of its own."""

    def __init__(self, folder: Path) -> None:
        """Args: folder: of the data set."""
        self.folder = folder

    def read(self, way: str, seed: int, key: str) -> Logits | None:
        """What is stored, if it was made with the same key."""
        path = self._path(way, seed)
        if not path.is_file():
            return None
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            return {split: stored[split] for split in ("valid", "test")}

    def write(self, way: str, seed: int, key: str, logits: Logits) -> None:
        """Store a result, whole or not at all."""
        path = self._path(way, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part.npz")
        np.savez(beside, key=np.array(key), valid=logits["valid"], test=logits["test"])
        beside.replace(path)

    def _path(self, way: str, seed: int) -> Path:
        return self.folder / "cells" / way.replace(" ", "-") / f"{seed}.npz"


class Case(NamedTuple):
    """One data set: its recipe, by way, and its rows."""

    name: str
    recipes: dict[str, Recipe]
    folder: Path


def main() -> None:
    """Make what is missing, and print a table for each data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="+", metavar="DATA")
    parser.add_argument("--rows", type=int, help="rows of train at most; all by default")
    parser.add_argument("--seeds", type=int, default=5, help="teachers, with a student of each way")
    parser.add_argument("--epochs", type=int, help="of every student; those of the recipe by default")
    parser.add_argument(
        "--ways", nargs="+", choices=ALL_WAYS, default=ALL_WAYS, metavar="WAY", help=", ".join(ALL_WAYS)
    )
    parser.add_argument("--reference", choices=(OURS, STATIC), default=OURS, help="what the others are compared with")
    parser.add_argument("--split", choices=("valid", "test"), default="valid")
    parser.add_argument("--out", type=Path, help="where results are stored; a temporary folder by default")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        sets = {case.name: measure(case, options) for case in (case_of(data, options, out) for data in options.data)}
    ways = [way for way in options.ways if all(way in each["ways"] for each in sets.values())]
    if len(sets) > 1:
        print("\nmean over the sets: " + ", ".join(f"{way} {mean_of(sets, way):.2f}" for way in ways))
    print(json.dumps({"benchmark": "quality", "rows": options.rows, "seeds": options.seeds, "split": options.split,
                      "sets": sets, "mean": {way: round(mean_of(sets, way), 2) for way in ways}}))  # fmt: skip


def mean_of(sets: dict[str, Any], way: str) -> float:
    """Mean macro-F1 of a way over the data sets, in percent."""
    return float(np.mean([each["ways"][way]["macro_f1"] for each in sets.values()]))


def case_of(data: str, options: argparse.Namespace, out: Path) -> Case:
    """The recipes of one data set: the teacher and student of liar-small, and columns as they are found."""
    raw = yaml.safe_load(Recipe.load(RECIPE).to_yaml())
    found = inspect(data)
    if found.is_liar:
        raw["data"] |= {"source": data}
    else:
        raw["data"] = yaml.safe_load(found.data.model_dump_json(exclude_defaults=True)) | {
            "source": data,
            "max_length": 64,
        }
    raw["data"] |= {"max_rows": options.rows} if options.rows else {}
    raw["student"] |= {"epochs": options.epochs} if options.epochs else {}
    raw |= {"seeds": list(range(options.seeds)), "export": {"formats": []}}
    name = Path(data).resolve().name
    static = {"student": {"static": {"width": 256}} | ({"epochs": options.epochs} if options.epochs else {})}
    recipes = {
        OURS: Recipe.from_dict(raw), CLASSIC: Recipe.from_dict(raw | CLASSIC_KEYS), STATIC: Recipe.from_dict(raw | static),
    }  # fmt: skip
    return Case(name, recipes, out / name)


def measure(case: Case, options: argparse.Namespace) -> dict[str, Any]:
    """Make what is missing of a data set, print its table, and give its figures."""
    cells, reference = Cells(case.folder), options.reference
    logits = of_a_run(case, cells, reference)
    for way in (way for way in options.ways if way in WAYS):
        logits |= of_a_peer(case, cells, way, reference)
    for recipe, ways in OF_RUNS.items():  # last: each leaves its own student in the run
        if recipe != reference and not set(options.ways).isdisjoint(ways.keys() - {TEACHER, TFIDF}):
            logits |= of_a_run(case, cells, recipe)
    splits = run_data(RunFolder.existing(case.folder / "run"))[0]
    print(f"\n{case.name}: {len(splits.train):,} rows of train, {len(case.recipes[OURS].seeds)} seeds, "
          f"{options.split}; in percent")  # fmt: skip
    print(f"{'way':18} {'macro-F1':>9} {'accuracy':>9} {'kept':>7} {f'{reference} minus it':>26}")
    found = {}
    for way in (TEACHER, *options.ways):
        if way in logits:
            found[way] = figures(way, logits, splits, options.split, reference)
            print(row(way, found[way], reference), flush=True)
    return {"rows": len(splits.train), "ways": found}


def row(way: str, found: dict[str, Any], reference: str = OURS) -> str:
    """A way's line of the table."""
    ahead = found.get(f"{reference}_minus")
    shown = "" if ahead is None else f"{ahead['mean']:+.2f} ({ahead['low']:+.2f} to {ahead['high']:+.2f})"
    return f"{way:18} {found['macro_f1']:9.2f} {found['accuracy']:9.2f} {found['kept']:7.1f} {shown:>26}".rstrip()


def figures(
    way: str, logits: dict[str, list[Logits]], splits: Splits, split: str, reference: str = OURS
) -> dict[str, Any]:
    """Mean macro-F1 and accuracy, what is kept of the teacher, and the reference minus it with its interval; in percent."""
    rows, task = getattr(splits, split), TASKS["single_label"]

    def mean(of: str, metric: str) -> float:
        return 100 * float(np.mean([task.score(metric, each[split], rows.labels) for each in logits[of]]))

    found: dict[str, Any] = {name: round(mean(way, name), 2) for name in ("macro_f1", "accuracy")}
    found["kept"] = round(100 * mean(way, "macro_f1") / mean(TEACHER, "macro_f1"), 1)
    if way not in (reference, TEACHER):
        compared = {TEACHER: logits[TEACHER], STUDENT: logits[reference], UNDISTILLED: logits[way]}
        scored = {
            seed: {name: Predictions(name, each[seed], None, None) for name, each in compared.items()}
            for seed in range(len(logits[way]))
        }
        gain = verdict(scored, rows, task)["gain"]
        found[f"{reference}_minus"] = {end: round(100 * gain[end], 2) for end in ("mean", "low", "high")}
    return found


def of_a_run(case: Case, cells: Cells, way: str) -> dict[str, list[Logits]]:
    """What a run of ours gives, for each seed: the logits of the ways that :data:`OF_RUNS` names for it."""
    recipe, models = case.recipes[way], OF_RUNS[way]
    key = key_of(recipe)
    stored = {name: [cells.read(name, seed, key) for seed in recipe.seeds] for name in models}
    made = {name: [each for each in found if each is not None] for name, found in stored.items()}
    if all(len(found) == len(recipe.seeds) for found in made.values()):
        return made
    run = trained(case, recipe)
    splits = run_data(run)[0]
    for seed, scored in read_seeds(run, recipe, splits).items():
        for name, model in models.items():
            predictions = read_scored(run, TFIDF, splits) if model == TFIDF else scored[model]
            cells.write(name, seed, key, predictions.logits)
    return of_a_run(case, cells, way)


def trained(case: Case, recipe: Recipe) -> RunFolder:
    """The run of a recipe, trained where it is not yet."""
    with mock.patch.multiple(benchmark, SINGLES=6, BATCHES=1, ROUNDS=1):  # speed is not what is compared
        distill(recipe, case.folder / "run", reporter=make_reporter(quiet=True))
    return RunFolder.existing(case.folder / "run")


def of_a_peer(case: Case, cells: Cells, way: str, reference: str = OURS) -> dict[str, list[Logits]]:
    """The logits of another library's students; nothing where it is not installed."""
    recipe, version = case.recipes[reference], WAYS[way].version()
    if version is None:
        print(WAYS[way].install, file=sys.stderr, flush=True)
        return {}
    key, made = key_of(recipe, way, version), []
    for seed in recipe.seeds:
        logits = cells.read(way, seed, key)
        if logits is None:
            logits = WAYS[way].make(job_of(case, recipe, seed))
            cells.write(way, seed, key, logits)
        made.append(logits)
    return {way: made}


def job_of(case: Case, recipe: Recipe, seed: int) -> Job:
    """What a student of a seed is made from: the run's own teacher and rows."""
    run = trained(case, recipe)
    splits = run_data(run)[0]
    folder = run.seeds_of(recipe)[seed].path / TEACHER
    with quiet_libraries():
        teacher, tokenizer = load_finished(folder, key="teacher"), load_tokenizer(folder, key="teacher")
    settings = case.recipes[OURS].student
    form = settings.from_teacher
    if form is None:
        raise SystemExit(f"{RECIPE} has no student that is made from its teacher")
    student = student_from_teacher(teacher, form, splits.label_names, seed=seed)
    tokens = {
        part.name: tokenize_rows(tokenizer, part.segments(), max_length=recipe.data.max_length) for part in splits
    }
    return Job(splits, tokenizer, tokens, teacher, student, settings, seed)


def key_of(recipe: Recipe, *further: str) -> str:
    """What a result depends on, as a hash."""
    return hashlib.sha256(json.dumps([recipe.to_yaml(), *further]).encode()).hexdigest()


if __name__ == "__main__":
    main()
