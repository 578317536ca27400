"""What report.json holds, read from the artefacts of a run."""

from typing import Any

import torch

import alambique
from alambique.artefacts.predictions import ALL, Scored, read_seeds
from alambique.artefacts.splits import Splits, run_data
from alambique.errors import RunFolderError
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.verdict import best_seed, calibration, figures, verdict
from alambique.findings import Finding
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import (
    BENCHMARK,
    COST,
    DATA,
    EXPORT_FACTS,
    MAJORITY,
    MODELS,
    ONNX,
    RECIPE,
    SEED_STAGES,
    STUDENT,
    TEACHER,
)
from alambique.run.manifest import environment, recorded_digest

CHOSEN_BY = "macro_f1"


def gather(run: RunFolder) -> dict[str, Any]:
    """The report of a run as JSON values.

    Raises:
        RunFolderError: an artefact is missing.
    """
    recipe = Recipe.load(run.path / RECIPE)
    splits, findings = run_data(run)
    task = TASKS[splits.task]
    rooms = {seed: run.seed(seed, alone=len(recipe.seeds) == 1) for seed in recipe.seeds}
    seeds, cost = read_seeds(run, recipe, splits), _cost(run)
    kept = best_seed(seeds, splits, task)
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
        "verdict": verdict(seeds, splits.test, task),
        "export": _export(run),
        "seeds": {"all": list(recipe.seeds), "kept": kept, "chosen_by": f"valid {CHOSEN_BY}"},
        "timings": _timings(run, list(rooms.values())),
        "environment": _environment() | {"gflops_matmul": cost["gflops_matmul"]},
    }


def _model(name: str, seeds: dict[int, Scored], kept: int, splits: Splits, cost: dict[str, Any]) -> dict[str, Any]:
    """One model's entry. Calibration and cost are of the models we train; a baseline's stay null."""
    ours = name in MODELS
    task = TASKS[splits.task]
    fitted = calibration(name, list(seeds.values()), splits, task) if ours else None
    return {
        "parameters": seeds[kept][name].parameters,
        "bytes": seeds[kept][name].size,
        **{
            split.name: figures(name, list(seeds.values()), split, task, ordinal=splits.ordinal)
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
