"""What report.json holds, read from the artefacts of a run."""

import json
from typing import Any

import torch

import alambique
from alambique.baselines import MAJORITY
from alambique.benchmark import COST
from alambique.data import Splits, read_splits
from alambique.data.store import LINT
from alambique.errors import RunFolderError
from alambique.evaluate import ALL, read_scored
from alambique.findings import Finding
from alambique.manifest import MANIFEST, environment, read_json, recorded_digest
from alambique.metrics import macro_f1
from alambique.recipe import Recipe
from alambique.run import (
    BENCHMARK,
    DATA,
    EXPORT_FACTS,
    MODELS,
    ONNX,
    RECIPE,
    SEED_STAGES,
    STUDENT,
    TEACHER,
    RunFolder,
)
from alambique.verdict import Scored, calibration, figures, verdict

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
    seeds, cost = read_seeds(run, recipe, splits), _cost(run)
    kept = best_seed(seeds, splits)
    models = {name: _model(name, seeds, kept, splits, cost) for name in ALL}
    return {
        "alambique": alambique.__version__,
        "run_id": run.run_id(),
        "recipe": recipe.model_dump(mode="json"),
        "data": {
            "rows": {split.name: len(split) for split in splits},
            "label_names": list(splits.label_names),
            "ordinal": splits.ordinal,
            "label_counts": splits.counts(),
            "notes": [*splits.notes, *_weakness(recipe, models)],
            "findings": findings,
        },
        "models": models,
        "verdict": verdict(seeds, splits.test),
        "export": _export(run),
        "seeds": {"all": list(recipe.seeds), "kept": kept, "chosen_by": f"valid {CHOSEN_BY}"},
        "timings": _timings(run, list(rooms.values())),
        "environment": _environment() | {"gflops_matmul": cost["gflops_matmul"]},
    }


def best_seed(seeds: dict[int, Scored], splits: Splits) -> int:
    """The seed whose student has the best macro-F1 on valid; the first of equals."""
    labels = splits.valid.labels
    return max(seeds, key=lambda seed: macro_f1(seeds[seed][STUDENT].logits["valid"], labels))


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


def read_seeds(run: RunFolder, recipe: Recipe, splits: Splits) -> dict[int, Scored]:
    """Every model's kept logits, by seed; the baselines are the same for all.

    Raises:
        RunFolderError: some are missing.
    """
    alone = len(recipe.seeds) == 1
    baselines = {name: read_scored(run, name, splits) for name in ALL if name not in MODELS}
    return {
        seed: {name: read_scored(run.seed(seed, alone=alone), name, splits) for name in MODELS} | baselines
        for seed in recipe.seeds
    }


def _model(name: str, seeds: dict[int, Scored], kept: int, splits: Splits, cost: dict[str, Any]) -> dict[str, Any]:
    """One model's entry. Calibration and cost are of the models we train; a baseline's stay null."""
    ours = name in MODELS
    fitted = calibration(name, list(seeds.values()), splits) if ours else None
    return {
        "parameters": seeds[kept][name].parameters,
        "bytes": seeds[kept][name].size,
        **{
            split.name: figures(name, list(seeds.values()), split, ordinal=splits.ordinal)
            for split in (splits.valid, splits.test)
        },
        "temperature": None if fitted is None else fitted[list(seeds).index(kept)]["temperature"],
        "calibration": fitted,
        "latency_ms": cost[name]["latency_ms"] if ours else None,
        "throughput_per_s": cost[name]["throughput_per_s"] if ours else None,
    }


def _cost(run: RunFolder) -> dict[str, Any]:
    cost = read_json(run.path / BENCHMARK / COST)
    if not isinstance(cost, dict):
        raise RunFolderError(
            f"{run.path / BENCHMARK} does not hold the cost of the models. Run alambique distill again."
        )
    return cost


def _export(run: RunFolder) -> dict[str, Any] | None:
    """What was exported of the student that stands here, with a finding for each format that did not pass."""
    facts = read_json(run.path / ONNX / EXPORT_FACTS)
    if not isinstance(facts, dict) or facts["student"] != recorded_digest(run.path / STUDENT):
        return None
    refused = [(name, model) for name, model in facts["models"].items() if model["file"] is None]
    findings = [
        Finding(
            f"{name}_refused", "export",
            f"The {name} export of the student does not do what PyTorch does on valid, so it is not kept: "
            f"{'; '.join(model['problems'])}.",
            "Ship another format, or set the limit that is named, if you can do with less.",
        ).as_dict()
        for name, model in refused
    ]  # fmt: skip
    return {name: facts[name] for name in ("opset", "temperature", "inputs", "models")} | {"findings": findings}


def _weakness(recipe: Recipe, models: dict[str, Any]) -> list[str]:
    reached, majority = (models[name]["valid"]["accuracy"]["per_seed"] for name in (TEACHER, MAJORITY))
    if not recipe.teacher.allow_weak or all(a > b for a, b in zip(reached, majority, strict=True)):
        return []
    return ["The teacher is no better on valid than always giving the most frequent label (teacher.allow_weak)."]


def _timings(run: RunFolder, rooms: list[RunFolder]) -> dict[str, float]:
    """Seconds a stage, summed over seeds."""
    timings = {DATA: run.seconds(DATA) or 0.0}
    timings[BENCHMARK] = run.seconds(BENCHMARK) or 0.0
    if run.seconds(ONNX) is not None:
        timings[ONNX] = run.seconds(ONNX) or 0.0
    for name in SEED_STAGES:
        timings[name] = sum(room.seconds(name) or 0.0 for room in rooms)
    return timings


def _environment() -> dict[str, Any]:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return environment() | {
        "threads": torch.get_num_threads(), "accelerator": str(accelerator) if accelerator else None, "gpu": gpu,
    }  # fmt: skip
