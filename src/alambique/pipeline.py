"""The story: from a recipe to a student, its twin and an honest comparison."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from alambique.artefacts.predictions import read_scored, read_seeds, weight_bytes
from alambique.artefacts.splits import Splits, run_data
from alambique.artefacts.tokens import Tokens
from alambique.data.load import load_splits, locate
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.verdict import best_seed
from alambique.export.trial import try_export
from alambique.export.web.bundle import drop_stale_web
from alambique.findings import Finding
from alambique.models.pretrained import load_config
from alambique.models.student_form import BuildContext, StudentForm, Surroundings
from alambique.models.tokenizer import no_tokenizer_json
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.report.write import write_report
from alambique.run.folder import RunFolder
from alambique.run.layout import DATA, MODELS, STUDENT, TEACHER, UNDISTILLED
from alambique.run.manifest import Artefact
from alambique.stages import benchmark, data
from alambique.stages.export import export_student
from alambique.stages.features import FeatureInputs, check_features, make_features
from alambique.stages.predictions import evaluate, evaluate_baselines
from alambique.stages.soft_labels import SoftLabelInputs, make_soft_labels
from alambique.stages.student import StudentStart, check_loss, make_student, recorded_student, resolve_student
from alambique.stages.teacher import (
    TeacherInit,
    first_model,
    make_teacher,
    recorded_teachers,
    refuse_weak,
    resolve_teachers,
)
from alambique.stages.tokens import TokenInputs, tokenize_splits
from alambique.training.feature_source import FeatureSource
from alambique.training.fit import refuse_several_processes, unused_devices
from alambique.training.tracking import check_tracker

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_TRIED = 64  # rows that tokenizers are compared on
SMALL = 20_000_000  # bytes of weights, below which an export takes seconds


@dataclass(frozen=True)
class Job:
    """What all seeds of a run have in common.

    Attributes:
        recipe: what to do.
        splits: the rows.
        teachers: they label train together; the first is reported as the teacher.
        student: its form.
        tokens: of all splits, by whose tokenizer made them: a teacher's name, or ``student``.
        feature_layers: from the student's layers to the teacher's, for a feature loss; empty where there is none.
    """

    recipe: Recipe
    splits: Splits
    teachers: tuple[TeacherInit, ...]
    student: StudentForm
    tokens: Mapping[str, Mapping[str, Tokens]]
    feature_layers: Mapping[int, int]


def distill(
    recipe: Recipe,
    out: Path | str,
    *,
    reporter: Reporter | None = None,
    teachers: Callable[[Recipe, Splits], tuple[TeacherInit, ...]] = resolve_teachers,
) -> dict[str, Any]:
    """Run a recipe in the folder ``out``; stages that are finished and up to date are skipped.

    Args:
        recipe: what to do.
        out: the run folder; created if it does not exist.
        reporter: receives the progress; by default it is not shown.
        teachers: resolves the teachers, whose logits are averaged; by default the one of the recipe.

    Returns:
        The content of report.json.

    Raises:
        UserInputError: the recipe, the data, a model or the folder is at fault; a folder created here is removed if
            no stage was finished in it. Or this is one of several processes.
        WeakTeacherError: the new teacher is not better than guessing; it stays on disk.

    Example:
        >>> from alambique import Recipe, distill
        >>> recipe = Recipe.load("quickstart", (
        ...     "data.max_rows=60", "teacher.allow_weak=true", "export.formats=[]",
        ...     "teacher.from_scratch={layers: 1, width: 16, heads: 1, vocabulary: 300}", "teacher.epochs=1",
        ...     "student.from_scratch={layers: 1, width: 16, heads: 1}", "student.epochs=1",
        ... ))
        >>> report = distill(recipe, "runs/tiny")
        >>> sorted(report["models"])
        ['majority', 'student', 'teacher', 'tfidf', 'undistilled']
        >>> report["verdict"]["helped"] in ("yes", "no", "not shown")
        True
    """
    reporter = reporter or Reporter()
    refuse_several_processes()
    check_tracker(recipe.compute.report_to)
    with quiet_libraries(), RunFolder.create(Path(out), say=reporter.say) as run:
        splits = load_splits(recipe.data, locate(recipe.data), recorded=run.recorded_key(DATA).get("inputs"))
        check_loss(recipe.distillation, recipe.student, splits)
        teacher_inits = teachers(recipe, splits)
        student = resolve_student(recipe.student, surroundings(recipe, splits, teacher_inits[0]))
        layers = feature_layers(recipe, splits, teacher_inits[0], student)
        run.write_recipe(recipe)
        for finding in unexportable(run, recipe, splits, teacher_inits[0], student):
            reporter.say(f"{finding.message} {finding.advice}")
        idle = unused_devices()
        if idle:
            reporter.say(f"{idle} more GPUs are here; training uses one")
        tokens = tokenize(run, recipe, splits, teacher_inits, student, reporter)
        job = Job(recipe, splits, teacher_inits, student, tokens, layers)
        store_data(run, job, reporter)
        evaluate_baselines(run, splits, reporter=reporter)
        for seed in recipe.seeds:
            train_seed(seed_run(run, recipe, seed), job, seed, reporter)
        best = best_seed(read_seeds(run, recipe, splits), splits, TASKS[splits.task])
        run.promote(seed_run(run, recipe, best))
        time_models(run, job, reporter)
        if recipe.export.formats:
            export_student(run, recipe, splits, recipe.export.formats, strict=False, reporter=reporter)
        drop_stale_web(run, reporter.say)
        return write_report(run).model_dump(mode="json")


def train_seed(run: RunFolder, job: Job, seed: int, reporter: Reporter) -> None:
    """Teachers, soft labels, student and twin of one seed, each scored."""
    recipe, splits = job.recipe, job.splits
    max_length = recipe.data.max_length
    taught = []
    for init in job.teachers:
        tokens = job.tokens[init.name]
        teacher = make_teacher(
            run, init, splits, tokens, recipe.compute, max_length=max_length, seed=seed, reporter=reporter
        )
        evaluate(run, init.name, teacher, splits, tokens, max_length=max_length, reporter=reporter)
        refuse_weak(init.settings, splits, read_scored(run, init.name, splits).logits["valid"], teacher.folder)
        taught.append(teacher)
    labels = SoftLabelInputs(
        teachers=tuple(taught), compute=recipe.compute, max_length=max_length, train=splits.train,
        label_names=splits.label_names, tokens=tuple(job.tokens[init.name] for init in job.teachers),
    )  # fmt: skip
    soft_labels = make_soft_labels(run, labels, reporter)
    features = feature_source(run, job, taught[0], reporter)
    start = StudentStart(job.student, taught[0])
    for name, soft, distillation in ((STUDENT, soft_labels, recipe.distillation), (UNDISTILLED, None, None)):
        model = make_student(
            run, name, start, recipe.student, splits, job.tokens[STUDENT], recipe.compute, distillation=distillation,
            soft_labels=soft, features=None if distillation is None else features, max_length=max_length, seed=seed,
            reporter=reporter,
        )  # fmt: skip
        evaluate(run, name, model, splits, job.tokens[STUDENT], max_length=max_length, reporter=reporter)


def feature_source(run: RunFolder, job: Job, teacher: Artefact, reporter: Reporter) -> FeatureSource | None:
    """The teacher of the feature loss, and what the loss reads of it where that is stored; None without such a loss."""
    recipe, loss, tokens = job.recipe, job.recipe.distillation.features, job.tokens[job.teachers[0].name]
    if loss is None:
        return None
    stored = None
    if recipe.distillation.feature_cache:
        inputs = FeatureInputs(
            loss=loss, layers=tuple(job.feature_layers.values()), teacher=teacher, compute=recipe.compute,
            max_length=recipe.data.max_length, train=job.splits.train, tokens=tokens,
        )  # fmt: skip
        stored = make_features(run, inputs, reporter)
    return FeatureSource(job.feature_layers, teacher, tokens, stored)


def feature_layers(recipe: Recipe, splits: Splits, teacher: TeacherInit, form: StudentForm) -> dict[int, int]:
    """The layers of the feature loss, which is tried on the untrained models; empty without such a loss.

    Raises:
        RecipeError: it cannot be computed.
    """
    if recipe.distillation.features is None:
        return {}
    tokenizer = cast("PreTrainedTokenizerBase", teacher.tokenizer)
    with torch.random.fork_rng():
        model = first_model(teacher, splits.label_names, seed=recipe.seeds[0])
        student, own = form.build(BuildContext(lambda: model, tokenizer, splits.label_names, recipe.seeds[0]))
        rows = splits.train.take(range(min(_TRIED, len(splits.train)))).segments()
        term = check_features(recipe.distillation, recipe.compute, (model, student), (tokenizer, own), rows)
    return {} if term is None else term.layers


def recorded_layers(run: RunFolder, recipe: Recipe) -> dict[int, int]:
    """The layers of the feature loss of a finished run, by the models in it."""
    loss = recipe.distillation.features
    if loss is None or loss.layers is not None:
        return {} if loss is None or loss.layers is None else loss.layers
    depths = [load_config(run.require(name), key=name).num_hidden_layers for name in (STUDENT, TEACHER)]
    return loss.default_layers(*depths)


def check_current(run: RunFolder) -> Collection[Path]:
    """Ask each stage whether its artefact is whole and was made from the recipe in the folder; nothing is made.

    Returns:
        The folders of these artefacts.

    Raises:
        RunFolderError: one was not: the recipe was changed, and the run then interrupted.
        CorruptArtefactError: a file of one does not hold what its manifest says.
    """
    recipe, run = run.recipe(), run.read_only()
    splits, _ = run_data(run)
    first = seed_run(run, recipe, recipe.seeds[0])
    teachers = recorded_teachers(first, recipe)
    student = recorded_student(first, recipe.student, surroundings(recipe, splits, teachers[0]))
    tokens: dict[str, Mapping[str, Tokens]] = {name: {} for name in (*(init.name for init in teachers), STUDENT)}
    job = Job(recipe, splits, teachers, student, tokens, recorded_layers(first, recipe))
    for seed in recipe.seeds:
        train_seed(seed_run(run, recipe, seed), job, seed, Reporter())
    time_models(run, job, Reporter())
    return run.whole


def seed_run(run: RunFolder, recipe: Recipe, seed: int) -> RunFolder:
    """Where the artefacts of one seed lie."""
    return run.seed(seed, alone=len(recipe.seeds) == 1)


def surroundings(recipe: Recipe, splits: Splits, teacher: TeacherInit) -> Surroundings:
    """What the form of student is checked against."""
    pairs = splits.train.second_segments() is not None
    return Surroundings(splits.label_names, recipe.data.max_length, teacher.config, pairs=pairs)


def read_with(student: StudentForm, teacher: TeacherInit) -> "PreTrainedTokenizerBase":
    """The student's tokenizer: its own, or its teacher's."""
    return student.tokenizer or cast("PreTrainedTokenizerBase", teacher.tokenizer)


def unexportable(
    run: RunFolder, recipe: Recipe, splits: Splits, teacher: TeacherInit, form: StudentForm
) -> list[Finding]:
    """What the export of the student will not do, before hours of training; what takes longer to find is left to the doctor.

    A small checkpoint's export is tried out; BERT and DistilBERT, which students from scratch are, are known to work.
    """
    if not recipe.export.formats:
        return []
    lacking = no_tokenizer_json(read_with(form, teacher), where="student")
    if lacking is not None:
        return [lacking]
    source = form.weights or (teacher.checkpoint.folder if teacher.checkpoint is not None else None)
    small = source is not None and 0 < weight_bytes(source) <= SMALL
    trained = bool(seed_run(run, recipe, recipe.seeds[0]).recorded_key(STUDENT))
    if recipe.student.from_scratch is not None or not small or trained:
        return []
    with torch.random.fork_rng():
        model, tokenizer = untrained(recipe, splits, teacher, form)
        task, max_length = TASKS[splits.task], recipe.data.max_length
        refused = try_export(model, tokenizer, splits.valid, recipe.export, task, max_length=max_length)
    return [] if refused is None else [refused]


def untrained(
    recipe: Recipe, splits: Splits, teacher: TeacherInit, form: StudentForm
) -> "tuple[PreTrainedModel, PreTrainedTokenizerBase]":
    """The student as it would be made from a teacher that is not trained yet."""
    seed, names = recipe.seeds[0], splits.label_names
    tokenizer = cast("PreTrainedTokenizerBase", teacher.tokenizer)
    return form.build(BuildContext(lambda: first_model(teacher, names, seed=seed), tokenizer, names, seed))


def tokenize(
    run: RunFolder, recipe: Recipe, splits: Splits, teachers: tuple[TeacherInit, ...], student: StudentForm,
    reporter: Reporter,
) -> dict[str, Mapping[str, Tokens]]:  # fmt: skip
    """Token ids of all splits, once per tokenizer; a student without one of its own reads its teacher's."""
    tokenizers = {init.name: init.tokenizer for init in teachers} | {STUDENT: student.tokenizer}
    made: dict[str, Mapping[str, Tokens]] = {}
    for role, tokenizer in tokenizers.items():
        if tokenizer is not None:
            inputs = TokenInputs(tokenizer, recipe.data.max_length, splits)
            made[role] = tokenize_splits(run, inputs, reporter, role=role)
    return made if STUDENT in made else {**made, STUDENT: made[TEACHER]}


def store_data(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """The rows, and the findings about them."""
    section, tokenizer = job.recipe.data, cast("PreTrainedTokenizerBase", job.teachers[0].tokenizer)
    inputs = data.DataInputs(job.splits, tokenizer, section.max_length, section.metadata, job.tokens[TEACHER])
    data.STAGE.run(run, inputs, reporter)


def time_models(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """Latency and throughput of the models that are kept."""
    models = {name: run.artefact(name) for name in MODELS}
    inputs = benchmark.BenchmarkInputs(models, job.splits.test, job.recipe.data.max_length)
    benchmark.STAGE.run(run, inputs, reporter)
