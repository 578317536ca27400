"""A recipe examined: its data and models loaded, checked, and each stage's time, memory and disk estimated."""

import copy
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import Splits
from alambique.cpu import keep_freed_memory
from alambique.data.load import load_splits, locate
from alambique.doctor.cost import Cost, Rows, available, busy, cost, resident
from alambique.doctor.examine import examine
from alambique.findings import Finding
from alambique.inference.torch_model import to_device, tokenize
from alambique.models.from_scratch import model_from_scratch
from alambique.models.labels import reorder_labels
from alambique.models.pretrained import PretrainedFolder, load_finished, load_to_train
from alambique.models.speedups.cls_last_layer import cls_only
from alambique.models.speedups.fast_dropout import cheap_dropout
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Training
from alambique.stages.student import build_student, resolve_student
from alambique.stages.teacher import TeacherInit, resolve_teacher

_SCORED = 64  # rows a batch when scoring
_BUDGET = 4.0  # seconds of measuring, for training and for scoring of each model
_CHECKPOINTS = 3  # the best, the last, and the one being written; each with Adam's two moments
_OVERHEAD = 2.0  # seconds of a stage to load and save


@dataclass(frozen=True)
class Estimate:
    """What one stage will take: seconds over all seeds, and its peak of memory in bytes."""

    stage: str
    seconds: float
    memory: int


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor says.

    Attributes:
        findings: gravest first.
        estimates: a line a stage.
        disk: bytes the run needs at its peak.
        free: bytes free on the disk of the current folder.
        device: where the models run.
        rows: of each split.
    """

    findings: list[Finding]
    estimates: list[Estimate]
    disk: int
    free: int
    device: str
    rows: dict[str, int]


def diagnose(recipe: Recipe, *, reporter: Reporter | None = None) -> Diagnosis:
    """Check a recipe without training or writing anything.

    Raises:
        UserInputError: the recipe, the data or a model is at fault.
    """
    reporter = reporter or Reporter()
    load = busy()  # before our own work counts
    with quiet_libraries(), torch.random.fork_rng():
        reporter.say("doctor: reads data and models")
        splits = load_splits(recipe.data, locate(recipe.data))
        start = resolve_teacher(recipe, splits)
        student_start = resolve_student(recipe, start.checkpoint, splits.label_names)
        process = resident()
        teacher = _teacher(recipe, start, splits)
        student, student_tokenizer = build_student(
            recipe, student_start, _giving(teacher), copy.deepcopy(start.tokenizer), splits.label_names,
            seed=recipe.seeds[0],
        )  # fmt: skip
        reporter.say("doctor: examines them")
        findings = examine(
            teacher, student, splits, None, DataCollatorWithPadding(start.tokenizer),
            student_collator=DataCollatorWithPadding(student_tokenizer), max_length=recipe.data.max_length,
            metadata=recipe.data.metadata, teacher_trained=not recipe.teacher.fine_tune,
        )  # fmt: skip
        reporter.say("doctor: measures a few batches of each")
        device = to_device(teacher).device
        teachers = _cost(teacher, start.tokenizer, recipe.teacher if recipe.teacher.fine_tune else None, recipe, splits)
        del teacher
        students = _cost(to_device(student), student_tokenizer, recipe.student, recipe, splits)
        estimates = _estimates(recipe, splits, teachers, students, process if device.type == "cpu" else 0)
        disk, free = _disk(recipe, teachers, students), shutil.disk_usage(Path.cwd()).free
        room = available(device)
    findings += _too_little(estimates, disk, free, room) + _busy(load)
    return Diagnosis(findings, estimates, disk, free, str(device), {split.name: len(split) for split in splits})


def _teacher(recipe: Recipe, start: TeacherInit, splits: Splits) -> PreTrainedModel:
    names, seed, key = splits.label_names, recipe.seeds[0], "teacher.model"
    if recipe.teacher.from_scratch is not None:
        model = model_from_scratch(recipe.teacher.from_scratch, start.tokenizer, names, seed=seed)
    elif recipe.teacher.fine_tune:
        model = load_to_train(cast("PretrainedFolder", start.checkpoint), names, key=key, seed=seed)
    else:
        model = load_finished(cast("PretrainedFolder", start.checkpoint).folder, key=key)
        reorder_labels(model, names)
    model.eval()
    return model


def _giving(model: PreTrainedModel) -> Callable[[], PreTrainedModel]:
    return lambda: model


def _cost(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    settings: Training | None,
    recipe: Recipe,
    splits: Splits,
) -> Cost:
    encoded = tokenize(tokenizer, splits.train.segments(), max_length=recipe.data.max_length, model=model)
    size = settings.batch_size if settings else None
    rows = Rows(tokenizer, encoded)
    if recipe.compute.plain:
        return cost(model, rows, batch_size=size, scored=_SCORED, budget=_BUDGET)
    keep_freed_memory()
    cheap_dropout(model)
    with cls_only(model):  # as training and scoring do
        return cost(model, rows, batch_size=size, scored=_SCORED, budget=_BUDGET)


def _estimates(recipe: Recipe, splits: Splits, teacher: Cost, student: Cost, process: int) -> list[Estimate]:
    """Each stage's seconds, over all seeds, and its peak of memory."""
    seeds, scored = len(recipe.seeds), len(splits.valid) + len(splits.test)

    def training(model: Cost, settings: Training) -> float:
        steps = -(-len(splits.train) // settings.batch_size)
        return settings.epochs * (steps * model.step + len(splits.valid) * model.row)

    memory = process + student.memory
    stages = [
        ("soft labels", len(splits.train) * teacher.row, process + teacher.scoring_memory),
        ("student", training(student, recipe.student), memory),
        ("undistilled", training(student, recipe.student), memory),
        ("scoring", scored * (teacher.row + 2 * student.row), process + teacher.scoring_memory),
    ]
    if recipe.teacher.fine_tune:
        stages.insert(0, ("teacher", training(teacher, recipe.teacher), process + teacher.memory))
    return [Estimate(name, seeds * (seconds + _OVERHEAD), bytes_) for name, seconds, bytes_ in stages]


def _disk(recipe: Recipe, teacher: Cost, student: Cost) -> int:
    copies = len(recipe.seeds) + (1 if len(recipe.seeds) > 1 else 0)  # the best seed's models are copied
    trained = [student.weights] + ([teacher.weights] if recipe.teacher.fine_tune else [])
    return copies * (teacher.weights + 2 * student.weights) + _CHECKPOINTS * 3 * max(trained)


def _too_little(estimates: list[Estimate], disk: int, free: int, room: int | None) -> list[Finding]:
    found = []
    if disk > free:
        found.append(Finding(
            "disk-space", "disk",
            f"The run needs {disk / 1e9:.1f} GB on disk at its peak; {free / 1e9:.1f} GB are free here.",
            "Free some, or run it on another disk with --out.",
        ))  # fmt: skip
    hungriest = max(estimates, key=lambda estimate: estimate.memory)
    if room is not None and hungriest.memory > room:
        found.append(Finding(
            "memory", hungriest.stage,
            f"The stage {hungriest.stage} needs about {hungriest.memory / 1e9:.1f} GB of memory; "
            f"{room / 1e9:.1f} GB are free.",
            "Lower batch_size and raise gradient_accumulation by the same factor, or lower data.max_length.",
        ))  # fmt: skip
    return found


def _busy(load: tuple[float, int] | None) -> list[Finding]:
    if load is None:
        return []
    return [Finding(
        "machine-busy", "machine",
        f"Other work runs here (load {load[0]:.1f} on {load[1]} processors), so the estimated times are uncertain.",
        "Run the doctor again when the machine is quiet; where others share it, OMP_NUM_THREADS=1 can be faster for small "
        "models.",
    )]  # fmt: skip
