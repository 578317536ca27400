"""A recipe examined: its data and models loaded, checked, and each stage's time, memory and disk estimated."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.predictions import twins
from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import Tokens, tokenize_rows
from alambique.artefacts.unlabelled import Counts
from alambique.cpu import keep_freed_memory
from alambique.data.load import load_splits, locate
from alambique.data.unlabelled import locate_unlabelled, new_rows
from alambique.distributed.launch import read_launch
from alambique.doctor.batches import sample
from alambique.doctor.check_answers import check_budget
from alambique.doctor.cost import Cost, Rows, available, busy, cost, resident
from alambique.doctor.cut_student import cut_form
from alambique.doctor.examine import examine_teachers
from alambique.doctor.feature_cost import FeatureCost, feature_cost, term_of_step
from alambique.doctor.teacher_cost import TeacherCost, with_copies
from alambique.doctor.vector_cost import VectorCost, vector_cost
from alambique.doctor.view_cost import view_cost
from alambique.errors import MisfitError
from alambique.evaluation.tasks import TASKS
from alambique.export.trial import try_export
from alambique.findings import Finding
from alambique.inference.answering import Requests
from alambique.inference.labelling import check_labelling
from alambique.inference.torch_model import to_device
from alambique.models.pretrained import PretrainedFolder
from alambique.models.speedups.front import Needs, Speedups
from alambique.models.student_form import BuildContext
from alambique.preparation import check_against_data, epoch_rows, read_with, surroundings, views_model
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Training
from alambique.stages.features import check_features
from alambique.stages.student import resolve_student
from alambique.stages.teacher import TeacherInit, first_model, resolve_teachers
from alambique.training.arguments import unused_devices
from alambique.training.feature_term import FeatureTerm
from alambique.training.tracking import check_tracker

_TRIED = 64  # rows that tokenizers are compared on
_SCORED = 64  # rows per batch when scoring
_BUDGET = 4.0  # seconds of measuring, for training and for scoring of each model
_CHECKPOINTS = 3  # the best, the last, and the one being written; each with Adam's two moments
_GRAPH_COPIES = 4  # of the weights: the model, its program, the graph and its file
_OVERHEAD = 2.0  # seconds of a stage to load and save


@dataclass(frozen=True)
class Estimate:
    """What one stage will take.

    Attributes:
        stage: its name.
        seconds: over all seeds.
        memory: its peak, in bytes.
        longest: whether patience may end it earlier.
    """

    stage: str
    seconds: float
    memory: int
    longest: bool = False


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor says.

    Attributes:
        findings: gravest first.
        estimates: a line a stage; empty where a model cannot be used.
        disk: bytes the run needs at its peak.
        free: bytes free on the disk of the current folder.
        device: where the models run.
        rows: of each split.
        features: what the teacher's side of a feature loss takes; None where there is none.
        requests: what a service will be asked; None where none is.
        processes: that will train together, each on a device of its own.
    """

    findings: list[Finding]
    estimates: list[Estimate]
    disk: int
    free: int
    device: str
    rows: dict[str, int]
    features: FeatureCost | None = None
    requests: Requests | None = None
    processes: int = 1


def diagnose(
    recipe: Recipe,
    *,
    reporter: Reporter | None = None,
    teachers: Callable[[Recipe, Splits], tuple[TeacherInit, ...]] = resolve_teachers,
) -> Diagnosis:
    """Check a recipe without training or writing anything.

    Args:
        recipe: what would be run.
        reporter: where progress goes; nowhere by default.
        teachers: finds the teachers; the recipe's one by default.

    Raises:
        UserInputError: the recipe, the data or a model is at fault.
    """
    reporter = reporter or Reporter()
    check_tracker(recipe.compute.report_to)
    check_labelling(recipe.compute)
    load = busy()  # before our own work counts
    with quiet_libraries(), torch.random.fork_rng():
        reporter.say("doctor: reads data and models")
        splits = load_splits(recipe.data, locate(recipe.data))
        check_against_data(recipe, splits)
        unlabelled = _unlabelled_rows(recipe, splits)
        try:
            inits = teachers(recipe, splits)
            requests = _requests(inits, splits)
            whole = resolve_student(recipe.student, surroundings(recipe, splits, inits[0]))
            form = cut_form(recipe, whole, read_with(whole, inits[0]), splits)
            replacer = views_model(recipe)
        except MisfitError as error:  # nothing can be computed with such a model
            problem = error.problem[0].upper() + error.problem[1:]
            return _unfit(Finding(error.code, error.where, problem, error.advice), splits)
        process = resident()
        further = [init for init in inits if init.is_copy]  # they differ from another by rows and seed alone
        answering = [init for init in inits if init.answers is not None]
        first, reads = inits[0], read_with(form, inits[0])
        inits = tuple(init for init in inits if not init.is_copy and init.answers is None)
        models = [first_model(init, splits.label_names, seed=recipe.seeds[0]).eval() for init in inits]
        tokenizers = [cast("PreTrainedTokenizerBase", init.tokenizer) for init in inits]
        student, student_tokenizer = form.build(
            BuildContext(lambda: models[0], reads, splits.label_names, recipe.seeds[0])
        )
        vectors = vector_cost(whole, lambda: models[0], read_with(whole, first))
        segments = sample(splits.train, _TRIED).segments()
        term = None
        if recipe.distillation.features is not None:
            term = check_features(
                recipe.distillation, recipe.compute, (models[0], student), (tokenizers[0], student_tokenizer), segments
            )
        reporter.say("doctor: examines them")
        findings = examine_teachers(
            recipe, splits, dict(zip(inits, models, strict=True)), answering, student, student_tokenizer
        )
        reporter.say("doctor: measures a few batches of each")
        device = to_device(models[0] if models else student).device
        costs, features = _teacher_costs(inits, models, term, recipe, splits, unlabelled)
        costs = with_copies(costs, inits, further)
        tokens = _tokens(student_tokenizer, recipe, splits)
        students = _cost(to_device(student), tokens, recipe.student, recipe, splits.task)
        taught = students if term is None else _cost(student, tokens, recipe.student, recipe, splits.task, term)
        on_cpu = process if device.type == "cpu" else 0
        estimates = _replacing(replacer, recipe, splits, on_cpu) + _estimates(
            recipe, splits, costs, students, on_cpu, taught=taught, features=features, unlabelled=unlabelled,
            vectors=vectors,
        )  # fmt: skip
        exported, refused = _try_export(student, student_tokenizer, splits, recipe, process, reporter)
        estimates += exported
        findings += refused
        disk, free_memory = _disk(recipe, splits, costs, students, features), available(device)
        free = shutil.disk_usage(Path.cwd()).free
    findings += _too_little(estimates, disk, free, free_memory) + _busy(load) + _idle_devices()
    rows = {split.name: len(split) for split in splits} | ({"unlabelled": unlabelled} if unlabelled else {})
    processes = read_launch().processes
    return Diagnosis(findings, estimates, disk, free, str(device), rows, features, requests, processes)


def _requests(inits: Sequence[TeacherInit], splits: Splits) -> Requests | None:
    """What the services among the teachers are asked; of several, of the first.

    Raises:
        RecipeError: one may be asked less than it needs.
    """
    asked = [init.answers.requests(splits) for init in inits if init.answers is not None]
    for each in asked:
        check_budget(each)
    return next((each for each in asked if each is not None), None)


def _unlabelled_rows(recipe: Recipe, splits: Splits) -> int:
    """How many rows of unlabelled text are new; 0 without such text.

    Raises:
        DataError: a row cannot be read, or none is new.
    """
    source, counts = locate_unlabelled(recipe.data), Counts()
    return 0 if source is None else sum(len(part) for part in new_rows(source, splits, counts))


def _unfit(finding: Finding, splits: Splits) -> Diagnosis:
    rows = {split.name: len(split) for split in splits}
    return Diagnosis([finding], [], 0, shutil.disk_usage(Path.cwd()).free, "", rows)


def _teacher_costs(
    inits: Sequence[TeacherInit],
    models: list[PreTrainedModel],
    term: FeatureTerm | None,
    recipe: Recipe,
    splits: Splits,
    unlabelled: int,
) -> tuple[dict[str, TeacherCost], FeatureCost | None]:
    """What each teacher takes, and what a feature loss takes of the first, whose layers it reads.

    Models are taken out of the list, so that one that was measured can leave memory.
    """
    costs: dict[str, TeacherCost] = {}
    features: FeatureCost | None = None
    for init in inits:
        settings, model = init.settings if init.settings.fine_tune else None, to_device(models.pop(0))
        tokens = _tokens(cast("PreTrainedTokenizerBase", init.tokenizer), recipe, splits)
        costs[init.name] = TeacherCost(_cost(model, tokens, settings, recipe, splits.task), settings)
        if term is not None and features is None:
            features = feature_cost(
                term, model, tokens, recipe, budget=_BUDGET / 2, stored_rows=len(splits.train) + unlabelled,
                epoch_rows=epoch_rows(recipe, splits, unlabelled) if unlabelled else len(splits.train),
            )  # fmt: skip
    return costs, features


def _cost(
    model: PreTrainedModel, tokens: Tokens, settings: Training | None, recipe: Recipe, task: str,
    term: FeatureTerm | None = None,
) -> Cost:  # fmt: skip
    size, rows = settings.batch_size if settings else None, Rows(tokens, model)
    extra = None if term is None else partial(term_of_step, term)
    measure = partial(cost, model, rows, TASKS[task], batch_size=size, scored=_SCORED, budget=_BUDGET, extra=extra)
    speedups = None
    if recipe.compute.speedups:
        keep_freed_memory()
        needs = Needs(last_layer=term is not None and term.reads_last_layer)
        speedups = Speedups.apply(model, token_ids=None, specials=0, needs=needs)  # all weights stay: they are counted
    try:
        with nullcontext() if term is None else term.attached():
            return measure()
    finally:
        if speedups is not None:
            speedups.undo()


def _tokens(tokenizer: PreTrainedTokenizerBase, recipe: Recipe, splits: Splits) -> Tokens:
    return tokenize_rows(tokenizer, splits.train.segments(), max_length=recipe.data.max_length)


def _estimates(
    recipe: Recipe, splits: Splits, teachers: dict[str, TeacherCost], student: Cost, process: int, *,
    taught: Cost | None = None, features: FeatureCost | None = None, unlabelled: int = 0, vectors: VectorCost | None = None,
) -> list[Estimate]:  # fmt: skip
    """Each stage's seconds, over all seeds, and its peak of memory; ``taught`` is the student with a feature loss."""
    mixed = epoch_rows(recipe, splits, unlabelled) if unlabelled else len(splits.train)
    seeds, students, scored = len(recipe.seeds), recipe.student.seeds, len(splits.valid) + len(splits.test)

    def training(model: Cost, settings: Training, rows: int = len(splits.train)) -> float:
        steps = -(-rows // settings.batch_size)
        return settings.epochs * (steps * model.step + len(splits.valid) * model.row)

    beside = features.live if features is not None and not features.cached else 0.0
    memory = process + (taught or student).memory
    pupils = 1 + len(twins(recipe, splits))
    row = sum(teacher.cost.row for teacher in teachers.values())
    labelling = recipe.views * sum(
        (teacher.unseen or len(splits.train)) * teacher.cost.row for teacher in teachers.values()
    )
    # with folds, the teacher of all rows labels nothing
    labellers = sum(
        teacher.cost.row for teacher in teachers.values() if teacher.unseen or recipe.soft_labels.folds == 1
    )
    scoring_memory = process + max(
        (teacher.cost.scoring_memory for teacher in teachers.values()), default=student.scoring_memory
    )
    stages = [
        (
            name,
            training(teacher.cost, teacher.settings, len(splits.train) - teacher.unseen),
            process + teacher.cost.memory,
        )
        for name, teacher in teachers.items()
        if teacher.settings is not None
    ]
    stages += [
        ("soft labels", labelling, scoring_memory),
        *([("token vectors", vectors.seconds, process + vectors.memory)] if vectors is not None else []),
        *([("features", features.once, scoring_memory)] if features is not None and features.cached else []),
        *([("soft labels of unlabelled text", unlabelled * labellers, scoring_memory)] if unlabelled else []),
        ("student", students * (training(taught or student, recipe.student, mixed) + beside), memory),
        ("undistilled", students * training(student, recipe.student, mixed), memory),
        *([("undistilled_once", students * training(student, recipe.student), memory)] if unlabelled else []),
        ("scoring", scored * (row + pupils * students * student.row), scoring_memory),
    ]
    patient = {name for name, each in teachers.items() if each.settings is not None and each.settings.patience}
    patient |= {"student", "undistilled", "undistilled_once"} if recipe.student.patience else set()
    return [
        Estimate(name, seeds * (seconds + _OVERHEAD), bytes_, longest=name in patient)
        for name, seconds, bytes_ in stages
        if splits.labelled_train or name != "undistilled"
    ]


def _replacing(replacer: PretrainedFolder | None, recipe: Recipe, splits: Splits, process: int) -> list[Estimate]:
    if replacer is None:
        return []
    replaced = view_cost(replacer, recipe, splits, budget=_BUDGET / 2)
    seconds = replaced.seconds + (recipe.views - 1) * _OVERHEAD  # it is loaded for each version
    return [Estimate("replaced words", seconds, process + replaced.memory)]


def _try_export(
    student: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    splits: Splits,
    recipe: Recipe,
    process: int,
    reporter: Reporter,
) -> tuple[list[Estimate], list[Finding]]:
    """What the fp32 export takes, and why it will be refused; nothing where none is asked for."""
    if not recipe.export.formats:
        return [], []
    reporter.say("doctor: tries the export of the untrained student")
    begun = time.perf_counter()
    task, max_length = TASKS[splits.task], recipe.data.max_length
    refused = try_export(student, tokenizer, splits.valid, recipe.export, task, max_length=max_length)
    if refused is not None:
        return [], [refused]
    memory = process + _GRAPH_COPIES * sum(weight.nbytes for weight in student.parameters())
    return [Estimate("export", time.perf_counter() - begun + _OVERHEAD, memory)], []


def _disk(
    recipe: Recipe, splits: Splits, teachers: dict[str, TeacherCost], student: Cost, features: FeatureCost | None = None
) -> int:
    pupils = 1 + len(twins(recipe, splits))
    copies = len(recipe.seeds) + (1 if len(recipe.seeds) > 1 else 0)  # the best seed's models are copied
    trained = [student.weights, *(each.cost.weights for each in teachers.values() if each.settings is not None)]
    stored = sum(each.cost.weights for each in teachers.values()) + pupils * student.weights
    further = len(recipe.seeds) * (recipe.student.seeds - 1) * pupils * student.weights
    read = len(recipe.seeds) * features.stored if features is not None and features.cached else 0
    return copies * stored + further + _CHECKPOINTS * 3 * max(trained) + read


def _too_little(estimates: list[Estimate], disk: int, free: int, free_memory: int | None) -> list[Finding]:
    found = []
    if disk > free:
        found.append(Finding(
            "disk-space", "disk",
            f"The run needs {disk / 1e9:.1f} GB on disk at its peak; {free / 1e9:.1f} GB are free here.",
            "Free some, or run it on another disk with --out.",
        ))  # fmt: skip
    hungriest = max(estimates, key=lambda estimate: estimate.memory)
    if free_memory is not None and hungriest.memory > free_memory:
        found.append(Finding(
            "memory", hungriest.stage,
            f"The stage {hungriest.stage} needs about {hungriest.memory / 1e9:.1f} GB of memory; "
            f"{free_memory / 1e9:.1f} GB are free.",
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


def _idle_devices() -> list[Finding]:
    idle, used = unused_devices(), read_launch().local_processes
    if not idle:
        return []
    return [Finding(
        "idle-gpus", "machine", f"{idle + used} GPUs are here; training uses {used if used > 1 else 'one'}.",
        f"To train on all: torchrun --nproc-per-node {idle + used} -m alambique distill with the same arguments. A step has "
        "the same rows, so a GPU needs enough of them: batch_size says how many all have together.",
    )]  # fmt: skip
