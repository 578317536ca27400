"""The story: from a recipe to a student, its twin and an honest comparison."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alambique.artefacts.predictions import read_scored, read_seeds
from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits, run_data
from alambique.evaluation.label_worth import LabelWorth, label_worth
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.verdict import best_seed
from alambique.export.web.bundle import drop_stale_web
from alambique.preparation import Job, prepare, recorded_layers, surroundings
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.report.write import write_report
from alambique.run.folder import RunFolder
from alambique.run.layout import IN_SAMPLE, MODELS, SOFT_LABELS, STUDENT, TEACHER, UNDISTILLED
from alambique.run.manifest import Artefact
from alambique.stages import benchmark
from alambique.stages.answers import make_answers
from alambique.stages.export import export_student
from alambique.stages.features import FeatureInputs, make_features
from alambique.stages.predictions import evaluate, evaluate_answers, evaluate_baselines, evaluate_ensemble
from alambique.stages.soft_labels import Labeller, SoftLabelInputs, make_soft_labels, mean_over_teachers, overfits
from alambique.stages.student import StudentStart, make_student, recorded_student
from alambique.stages.teacher import (
    TeacherInit,
    make_teacher,
    recorded_teachers,
    refuse_weak,
    resolve_teachers,
)
from alambique.training.feature_source import FeatureSource
from alambique.training.fit import refuse_several_processes
from alambique.training.tracking import check_tracker

if TYPE_CHECKING:
    from alambique.artefacts.tokens import Tokens


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
    with _begun(recipe, Path(out), teachers, reporter) as (run, job):
        splits = job.splits
        evaluate_baselines(run, splits, reporter=reporter)
        ask_once(run, job, reporter)
        folders = run.seeds_of(recipe)
        for seed, folder in folders.items():
            train_seed(folder, job, seed, reporter)
        best = best_seed(read_seeds(run, recipe, splits), splits, TASKS[splits.task])
        run.promote(folders[best])
        time_models(run, job, reporter)
        if recipe.export.formats:
            export_student(run, recipe, splits, recipe.export.formats, strict=False, reporter=reporter)
        drop_stale_web(run, reporter.say)
        return write_report(run).model_dump(mode="json")


def label(recipe: Recipe, out: Path | str, *, reporter: Reporter | None = None) -> list[LabelWorth]:
    """Run a recipe up to the soft labels; :func:`distill` in the same folder goes on from there.

    Args:
        recipe: what to do.
        out: the run folder; created if it does not exist.
        reporter: receives the progress; by default it is not shown.

    Returns:
        For each seed, what the soft labels are worth.

    Raises:
        UserInputError: as :func:`distill`.
        WeakTeacherError: a new teacher is not better than guessing; it stays on disk.

    Example:
        >>> from alambique import Recipe
        >>> from alambique.pipeline import label
        >>> recipe = Recipe.load("quickstart", (
        ...     "data.max_rows=60", "teacher.allow_weak=true", "teacher.epochs=1",
        ...     "teacher.from_scratch={layers: 1, width: 16, heads: 1, vocabulary: 300}", "soft_labels.folds=2",
        ... ))
        >>> (worth,) = label(recipe, "runs/labelled")
        >>> 0 <= worth.accuracy <= 1
        True
    """
    reporter = reporter or Reporter()
    with _begun(recipe, Path(out), resolve_teachers, reporter) as (run, job):
        worths = []
        ask_once(run, job, reporter)
        for seed, of_seed in run.seeds_of(recipe).items():
            teacher = train_teacher(of_seed, job, job.teachers[0], seed, reporter)
            labels = label_train(of_seed, job, teacher, seed, reporter)
            logits = read_scored(of_seed, TEACHER, job.splits).logits["valid"]
            worths.append(label_worth(labels, logits, job.splits, seed))
        return worths


@contextmanager
def _begun(
    recipe: Recipe, out: Path, teachers: Callable[[Recipe, Splits], tuple[TeacherInit, ...]], reporter: Reporter
) -> Iterator[tuple[RunFolder, Job]]:
    """The run folder, locked, and what is to be done in it, for the length of a block."""
    refuse_several_processes()
    check_tracker(recipe.compute.report_to)
    with quiet_libraries(), RunFolder.create(out, say=reporter.say) as run:
        yield run, prepare(run, recipe, teachers, reporter)


def ask_once(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """Get the answers of a teacher without weights for all seeds together: each seed's folder takes them from here."""
    answers = job.teachers[0].answers
    if answers is not None:
        make_answers(run, answers, job.splits, reporter)


def train_seed(run: RunFolder, job: Job, seed: int, reporter: Reporter) -> None:
    """Teachers, soft labels, students and twins of one seed, each scored."""
    teacher = train_teacher(run, job, job.teachers[0], seed, reporter)
    soft_labels = label_train(run, job, teacher, seed, reporter)
    features = feature_source(run, job, teacher, reporter)
    start = StudentStart(job.student, teacher)
    for number, student_seed in enumerate(job.recipe.student_seeds(seed)):
        train_pair(run.student(number), job, start, soft_labels, features, student_seed, reporter)


def train_pair(
    run: RunFolder, job: Job, start: StudentStart, soft_labels: SoftLabels, features: FeatureSource | None, seed: int,
    reporter: Reporter,
) -> None:  # fmt: skip
    """Student and twin from the same start, each scored."""
    recipe, splits, tokens, max_length = job.recipe, job.splits, job.tokens[STUDENT], job.recipe.data.max_length
    model = None
    for name, soft, distillation in ((STUDENT, soft_labels, recipe.distillation), (UNDISTILLED, None, None)):
        model = make_student(
            run, name, start, recipe.student, splits, tokens, recipe.compute, distillation=distillation,
            soft_labels=soft, features=None if distillation is None else features, max_length=max_length, seed=seed,
            reporter=reporter, twin_of=model,
        )  # fmt: skip
        evaluate(run, name, model, splits, tokens, max_length=max_length, reporter=reporter)


def train_teacher(run: RunFolder, job: Job, init: TeacherInit, seed: int, reporter: Reporter) -> Artefact:
    """One teacher of one seed, scored.

    Raises:
        WeakTeacherError: it is not better than guessing.
    """
    recipe, splits, max_length = job.recipe, job.splits, job.recipe.data.max_length
    if init.answers is not None:
        teacher = make_answers(run, init.answers, splits, reporter, name=init.name)
        evaluate_answers(run, init.name, teacher, splits, reporter=reporter)
    else:
        tokens = job.tokens[init.name]
        teacher = make_teacher(
            run, init, splits, tokens, recipe.compute, max_length=max_length, seed=seed, reporter=reporter
        )
        evaluate(run, init.name, teacher, splits, tokens, max_length=max_length, reporter=reporter)
    refuse_weak(init.settings, splits, read_scored(run, init.name, splits).logits["valid"], teacher.folder)
    return teacher


def label_train(run: RunFolder, job: Job, first: Artefact, seed: int, reporter: Reporter) -> SoftLabels:
    """The soft labels of one seed: by teachers that were not trained on the row, where folds are asked for."""
    further, settings = job.teachers[1:], job.recipe.soft_labels
    if settings.folds != 1:
        in_sample = labels_by(run, job, {job.teachers[0]: first}, reporter, name=IN_SAMPLE)
        valid = read_scored(run, TEACHER, job.splits).logits["valid"]
        if settings.folds == "auto" and not overfits(in_sample, valid, job.splits):
            return labels_by(run, job, {job.teachers[0]: first}, reporter)
    taught = {init: train_teacher(run, job, init, seed, reporter) for init in further}
    labelling = taught if settings.folds != 1 else {job.teachers[0]: first, **taught}
    labels = labels_by(run, job, labelling, reporter)
    if further:
        mean = mean_over_teachers(settings, job.splits.task)
        evaluate_ensemble(run, labels, [init.name for init in labelling], job.splits, mean, reporter=reporter)
    return labels


def labels_by(
    run: RunFolder, job: Job, teachers: Mapping[TeacherInit, Artefact], reporter: Reporter, *, name: str = SOFT_LABELS
) -> SoftLabels:
    """The labels that these teachers give train together."""
    recipe, splits = job.recipe, job.splits
    on_valid = recipe.soft_labels.calibrate and any(init.unseen is None for init in teachers)
    labellers = tuple(
        Labeller(
            teacher, job.tokens.get(init.name, {}), init.unseen,
            read_scored(run, init.name, splits).logits["valid"] if on_valid else None, init.answers is not None,
        )
        for init, teacher in teachers.items()
    )  # fmt: skip
    inputs = SoftLabelInputs(
        labellers=labellers, settings=recipe.soft_labels, compute=recipe.compute, max_length=recipe.data.max_length,
        train=splits.train, valid=splits.valid if on_valid else None, label_names=splits.label_names, task=splits.task,
    )  # fmt: skip
    return make_soft_labels(run, inputs, reporter, name=name)


def feature_source(run: RunFolder, job: Job, teacher: Artefact, reporter: Reporter) -> FeatureSource | None:
    """The teacher of the feature loss, and what the loss reads of it where that is stored; None without such a loss."""
    recipe, loss = job.recipe, job.recipe.distillation.features
    if loss is None:
        return None
    stored, tokens = None, job.tokens[job.teachers[0].name]
    if recipe.distillation.feature_cache:
        inputs = FeatureInputs(
            loss=loss, layers=tuple(job.feature_layers.values()), teacher=teacher, compute=recipe.compute,
            max_length=recipe.data.max_length, train=job.splits.train, tokens=tokens,
        )  # fmt: skip
        stored = make_features(run, inputs, reporter)
    return FeatureSource(job.feature_layers, teacher, tokens, stored)


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
    folders = run.seeds_of(recipe)
    first = folders[recipe.seeds[0]]
    teachers = recorded_teachers(first, recipe, splits)
    student = recorded_student(first, recipe.student, surroundings(recipe, splits, teachers[0]))
    tokens: dict[str, Mapping[str, Tokens]] = {name: {} for name in (*(init.name for init in teachers), STUDENT)}
    job = Job(recipe, splits, teachers, student, tokens, recorded_layers(first, recipe))
    for seed, folder in folders.items():
        train_seed(folder, job, seed, Reporter())
    time_models(run, job, Reporter())
    return run.whole


def time_models(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """Latency and throughput of the models that are kept."""
    answered = job.teachers[0].answers is not None
    models = {name: run.artefact(name) for name in MODELS if not (answered and name == TEACHER)}
    inputs = benchmark.BenchmarkInputs(models, job.splits.test, job.recipe.data.max_length)
    benchmark.STAGE.run(run, inputs, reporter)
