"""What report.json holds, read from the artefacts of a run."""

import json
from typing import Any

import numpy as np
import torch

import alambique
from alambique.baselines import MAJORITY
from alambique.data import Splits, read_splits
from alambique.data.store import LINT
from alambique.errors import RunFolderError
from alambique.evaluate import ALL, figures, read_scored
from alambique.manifest import MANIFEST, environment, read_json
from alambique.recipe import Recipe
from alambique.run import DATA, MODELS, RECIPE, SEED_STAGES, STUDENT, TEACHER, RunFolder

CHOSEN_BY = "macro_f1"


def gather(run: RunFolder) -> dict[str, Any]:
    """The report of a run as JSON values.

    Raises:
        RunFolderError: an artefact is missing.
    """
    recipe = Recipe.load(run.path / RECIPE)
    splits, findings = run_data(run)
    rooms = {seed: run.seed(seed, alone=len(recipe.seeds) == 1) for seed in recipe.seeds}
    for room in rooms.values():
        _check_made_from(room, recipe)
    per_seed = [_scores(run, room, splits) for room in rooms.values()]
    return {
        "alambique": alambique.__version__,
        "run_id": run.run_id(),
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "rows": {split.name: len(split) for split in splits},
            "label_names": list(splits.label_names),
            "ordinal": splits.ordinal,
            "label_counts": splits.counts(),
            "notes": [*splits.notes, *_weakness(recipe, per_seed)],
            "findings": findings,
        },
        "models": {name: _model([scores[name] for scores in per_seed]) for name in ALL},
        "verdict": None,
        "seeds": {"all": list(recipe.seeds), "kept": best_seed(run, recipe, splits), "chosen_by": f"valid {CHOSEN_BY}"},
        "timings": _timings(run, list(rooms.values())),
        "environment": _environment(),
    }


def best_seed(run: RunFolder, recipe: Recipe, splits: Splits) -> int:
    """The seed whose student has the best macro-F1 on valid; the first of equals."""
    alone = len(recipe.seeds) == 1

    def reached(seed: int) -> float:
        room = run.seed(seed, alone=alone)
        teacher = read_scored(room, TEACHER, splits)
        return figures(read_scored(room, STUDENT, splits), teacher, splits)["valid"][CHOSEN_BY]

    return max(recipe.seeds, key=reached)


def _check_made_from(room: RunFolder, recipe: Recipe) -> None:
    """The recipe may have been changed for a run that was then interrupted; old models must not go under its name."""
    student = read_json(room.path / STUDENT / MANIFEST) or {}
    made_from = student.get("key", {})
    wanted = {
        "recipe": recipe.student.model_dump(mode="json", exclude={"model"}),
        "distillation": recipe.distillation.model_dump(mode="json"),
        "max_length": recipe.data.max_length,
    }
    if any(made_from.get(name) != value for name, value in wanted.items()):
        raise RunFolderError(f"{room.path} is not finished for the recipe in it. Run alambique distill again.")


def run_data(run: RunFolder) -> tuple[Splits, list[dict[str, Any]]]:
    """The rows of a run and the findings about them.

    Raises:
        RunFolderError: they are not there, or not whole.
    """
    try:
        return read_splits(run.path / DATA), json.loads((run.path / DATA / LINT).read_text("utf-8"))
    except (OSError, ValueError, KeyError) as error:
        raise RunFolderError(
            f"{run.path / DATA} does not hold the data of a run. Run alambique distill again."
        ) from error


def _scores(run: RunFolder, room: RunFolder, splits: Splits) -> dict[str, dict[str, Any]]:
    teacher = read_scored(room, TEACHER, splits)
    scores = {}
    for name in ALL:
        predictions = read_scored(room if name in MODELS else run, name, splits)
        scores[name] = {
            "parameters": predictions.parameters, "bytes": predictions.size, **figures(predictions, teacher, splits),
        }  # fmt: skip
    return scores


def _weakness(recipe: Recipe, per_seed: list[dict[str, dict[str, Any]]]) -> list[str]:
    weak = [s for s in per_seed if s[TEACHER]["valid"]["accuracy"] <= s[MAJORITY]["valid"]["accuracy"]]
    if not weak or not recipe.teacher.allow_weak:
        return []
    return ["The teacher is no better on valid than always giving the most frequent label (teacher.allow_weak)."]


def _model(seeds: list[dict[str, Any]]) -> dict[str, Any]:
    """One model's entry; intervals, calibration and cost are not computed yet and stay null."""
    first = seeds[0]
    entry: dict[str, Any] = {"parameters": first["parameters"], "bytes": first["bytes"]}
    for split in ("valid", "test"):
        entry[split] = {
            metric: _quality([scores[split][metric] for scores in seeds])
            for metric in ("accuracy", "macro_f1", "agreement_with_teacher")
        }
        entry[split]["expected_calibration_error"] = None
    return entry | {"latency_ms": None, "throughput_per_s": None}


def _quality(per_seed: list[float]) -> dict[str, Any]:
    return {"mean": float(np.mean(per_seed)), "low": None, "high": None, "per_seed": per_seed}


def _timings(run: RunFolder, rooms: list[RunFolder]) -> dict[str, float]:
    """Seconds a stage, summed over seeds."""
    timings = {DATA: run.seconds(DATA) or 0.0}
    for name in SEED_STAGES:
        timings[name] = sum(room.seconds(name) or 0.0 for room in rooms)
    return timings


def _environment() -> dict[str, Any]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return environment() | {
        "threads": torch.get_num_threads(), "accelerator": str(accelerator) if accelerator else None, "gpu": gpu,
    }  # fmt: skip
