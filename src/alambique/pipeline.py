"""The story: from a recipe to a student, its twin and an honest comparison."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alambique.artefacts.contradicted import Contradicted, Trust
from alambique.artefacts.predictions import main_models, read_scored, read_seeds, twins
from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Split, Splits
from alambique.distributed.group import by_first_process
from alambique.evaluation.label_worth import LabelWorth, label_worth
from alambique.evaluation.verdict import best_seed
from alambique.export.web.bundle import drop_stale_web
from alambique.inference.labelling import check_labelling
from alambique.models.cut_vocabulary import CutVocabulary
from alambique.preparation import (
    Job,
    prepare,
)
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.report.schema import Report
from alambique.report.write import write_report
from alambique.run.folder import RunFolder
from alambique.run.layout import IN_SAMPLE, SOFT_LABELS, STUDENT, TEACHER, UNDISTILLED_ONCE, VIEWS
from alambique.run.manifest import Artefact
from alambique.stages import benchmark
from alambique.stages.answers import make_answers
from alambique.stages.contradicted import find_contradicted
from alambique.stages.export import export_student
from alambique.stages.features import FeatureInputs, make_features
from alambique.stages.predictions import evaluate, evaluate_answers, evaluate_baselines, evaluate_ensemble
from alambique.stages.soft_labels import (
    Labeller,
    MixedLabelInputs,
    SoftLabelInputs,
    make_mixed_labels,
    make_soft_labels,
    mean_over_teachers,
    overfits,
)
from alambique.stages.student import StudentStart, make_student
from alambique.stages.teacher import (
    TeacherInit,
    make_teacher,
    refuse_weak,
    resolve_teachers,
)
from alambique.stages.token_vectors import make_token_vectors
from alambique.stages.vocabulary_parity import VocabularyParityInputs, compare_vocabularies
from alambique.training.feature_source import FeatureSource
from alambique.training.tracking import check_tracker


@by_first_process
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
        teachers: resolves the teachers, which label train together; by default those of the recipe.

    Returns:
        The content of report.json; in each process, where ``torchrun`` started several to train together.

    Raises:
        UserInputError: the recipe, the data, a model or the folder is at fault; a folder created here is removed if
            no stage was finished in it. Or several processes were started that are not one group.
        WeakTeacherError: the new teacher is not better than guessing; it stays on disk.

    Example:
        >>> from alambique import Recipe, distill
        >>> recipe = Recipe.load("quickstart", (
        ...     "data.max_rows=60", "data.unlabelled=null", "teacher.allow_weak=true", "export.formats=[]",
        ...     "teacher.from_scratch={layers: 1, width: 16, heads: 1, vocabulary: 300}", "teacher.epochs=1",
        ...     "student.from_scratch={layers: 1, width: 16, heads: 1}", "student.epochs=1", "student.seeds=1",
        ... ))
        >>> report = distill(recipe, "runs/tiny")
        >>> sorted(report["models"])
        ['majority', 'student', 'teacher', 'tfidf', 'undistilled']
        >>> report["verdict"]["helped"] in ("yes", "no", "not shown")
        True
    """
    reporter = reporter or Reporter()
    with begun(recipe, Path(out), reporter, teachers) as (run, job):
        return finish(run, job, reporter).model_dump(mode="json")


def finish(run: RunFolder, job: Job, reporter: Reporter) -> Report:
    """Make what a run still lacks, from the baselines to the report.

    Raises:
        WeakTeacherError: a new teacher is not better than guessing.
    """
    recipe, splits = job.recipe, job.splits
    if splits.labelled_train:
        evaluate_baselines(run, splits, reporter=reporter)
    train_all(run, job, reporter)
    folders = run.seeds_of(recipe)
    run.promote(folders[best_seed(read_seeds(run, recipe, splits), splits, job.task)])
    time_models(run, job, reporter)
    if recipe.export.formats:
        export_student(run, recipe, splits, recipe.export.formats, strict=False, reporter=reporter)
    drop_stale_web(run, reporter.say)
    return write_report(run)


def train_all(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """Teachers, soft labels, students and twins of all seeds, each scored."""
    ask_once(run, job, reporter)
    for seed, of_seed in run.seeds_of(job.recipe).items():
        train_seed(of_seed, job, seed, reporter)


@by_first_process
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
    with begun(recipe, Path(out), reporter) as (run, job):
        worths = []
        ask_once(run, job, reporter)
        for seed, of_seed in run.seeds_of(recipe).items():
            teacher = train_teacher(of_seed, job, job.teachers[0], seed, reporter)
            labels, teachers = label_train(of_seed, job, teacher, seed, reporter)
            logits = read_scored(of_seed, TEACHER, job.splits).logits["valid"]
            doubted = contradicted_rows(of_seed, job, teachers, labels, reporter)
            worths.append(label_worth(labels, logits, job.splits, seed, doubted))
        return worths


@contextmanager
def begun(
    recipe: Recipe,
    out: Path,
    reporter: Reporter,
    teachers: Callable[[Recipe, Splits], tuple[TeacherInit, ...]] = resolve_teachers,
    *,
    siblings: tuple[Path, ...] = (),
    with_test: bool = True,
) -> Iterator[tuple[RunFolder, Job]]:
    """The run folder, locked, and what is to be done in it, for the length of a block.

    Args:
        recipe: what to do.
        out: the run folder.
        reporter: receives the progress.
        teachers: resolves the teachers.
        siblings: other runs, whose artefacts are taken over where their keys are the same.
        with_test: whether the rows of test are there.
    """
    check_tracker(recipe.compute.report_to)
    check_labelling(recipe.compute)
    with quiet_libraries(), RunFolder.create(out, say=reporter.say, fallbacks=siblings) as run:
        yield run, prepare(run, recipe, teachers, reporter, with_test=with_test)


def ask_once(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """Get the answers of teachers without weights for all seeds together: each seed's folder takes them from here."""
    for init in job.teachers:
        if init.answers is not None:
            make_answers(run, init.answers, job.splits, reporter, name=init.name)


def train_seed(
    run: RunFolder, job: Job, seed: int, reporter: Reporter, *, watch: Callable[[int], Reporter] | None = None
) -> None:
    """Teachers, soft labels, students and twins of one seed, each scored.

    Args:
        run: where.
        job: what to do.
        seed: of the teacher, and of its first student.
        reporter: receives the progress.
        watch: for a trial of a sweep, which has no twins: what receives the progress of a student, by its number.
    """
    teacher = train_teacher(run, job, job.teachers[0], seed, reporter)
    soft_labels, teachers = label_train(run, job, teacher, seed, reporter)
    views = label_views(run, job, teachers, reporter)
    doubted, weight = contradicted_rows(run, job, teachers, soft_labels, reporter), job.recipe.soft_labels.trust
    trust = None if doubted is None or weight is None else Trust(weight, doubted)
    soft_labels = label_unlabelled(run, job, soft_labels, teachers, reporter)
    features = feature_source(run, job, teacher, soft_labels, reporter)
    start = StudentStart(job.student, teacher, make_token_vectors(run, job.vector_inputs(teacher), reporter))
    for number, student_seed in enumerate(job.recipe.student_seeds(seed)):
        names = (STUDENT, *twins(job.recipe, job.splits)) if watch is None else (STUDENT,)
        progress = reporter if watch is None else watch(number)
        train_students(
            run.student(number), job, names, start, soft_labels, views, features, trust, student_seed, progress
        )


def train_students(
    run: RunFolder, job: Job, names: Sequence[str], start: StudentStart, soft_labels: SoftLabels,
    views: tuple[SoftLabels, ...], features: FeatureSource | None, trust: Trust | None, seed: int, reporter: Reporter,
) -> None:  # fmt: skip
    """Student and twins from the same start, each scored."""
    recipe, splits, tokens, max_length = job.recipe, job.splits, job.tokens[STUDENT], job.recipe.data.max_length
    student = None
    for name in names:
        taught = name == STUDENT
        model = make_student(
            run, name, start, recipe.student, splits, job.mixed_tokens(STUDENT) if taught else tokens, recipe.compute,
            task=job.task, distillation=recipe.distillation if taught else None, soft_labels=soft_labels if taught else None,
            features=features if taught else None, max_length=max_length, seed=seed, reporter=reporter, twin_of=student,
            trust=trust if taught else None, views=job.views, view_labels=views if taught else (),
            epoch_rows=None if name == UNDISTILLED_ONCE else job.epoch_rows,
        )  # fmt: skip
        evaluate(run, name, model, splits, tokens, max_length=max_length, reporter=reporter)
        if taught and isinstance(start.form, CutVocabulary):
            whole = VocabularyParityInputs(
                model, splits.valid, max_length, start.form, start.teacher, splits.label_names, seed, splits.task,
                start.token_vectors,
            )  # fmt: skip
            compare_vocabularies(run, whole, reporter)
        student = student or model


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
            run, init, splits, tokens, recipe.compute, task=job.task, max_length=max_length, seed=seed, reporter=reporter,
        )  # fmt: skip
        evaluate(run, init.name, teacher, splits, tokens, max_length=max_length, reporter=reporter)
    valid = read_scored(run, init.name, splits).logits["valid"]
    refuse_weak(init.settings, splits, valid, teacher.folder, section=init.section)
    return teacher


def label_train(
    run: RunFolder, job: Job, first: Artefact, seed: int, reporter: Reporter
) -> tuple[SoftLabels, dict[TeacherInit, Artefact]]:
    """The soft labels of one seed, and the teachers that gave them.

    They are those that were not trained on the row, where folds are asked for; of all rows, the first alone is then trained.
    """
    settings, splits = job.recipe.soft_labels, job.splits
    labelling = [init for init in job.teachers if init.unseen is None]
    out_of_fold = [init for init in job.teachers if init.unseen is not None]
    if out_of_fold:
        in_sample = labels_by(run, job, {job.teachers[0]: first}, reporter, name=IN_SAMPLE)
        valid = read_scored(run, TEACHER, splits).logits["valid"]
        if settings.folds != "auto" or overfits(in_sample, valid, splits):
            labelling = out_of_fold
    taught = {
        init: first if init is job.teachers[0] else train_teacher(run, job, init, seed, reporter) for init in labelling
    }
    labels = labels_by(run, job, taught, reporter)
    if len(taught) > 1:
        mean = mean_over_teachers(settings, splits.task)
        evaluate_ensemble(run, labels, [init.name for init in taught], splits, mean, reporter=reporter)
    return labels, taught


def label_unlabelled(
    run: RunFolder, job: Job, labels: SoftLabels, teachers: Mapping[TeacherInit, Artefact], reporter: Reporter
) -> SoftLabels:
    """The soft labels of train and, where there is unlabelled text, of that behind them, by the same teachers."""
    if job.unlabelled is None:
        return labels
    recipe = job.recipe
    labellers = tuple(Labeller(teacher, job.tokens[init.name]) for init, teacher in teachers.items())
    inputs = MixedLabelInputs(
        labels=labels, labellers=labellers, unlabelled=job.unlabelled, compute=recipe.compute,
        max_length=recipe.data.max_length, mean=mean_over_teachers(recipe.soft_labels, job.splits.task),
    )  # fmt: skip
    return make_mixed_labels(run, inputs, reporter)


def label_views(
    run: RunFolder, job: Job, teachers: Mapping[TeacherInit, Artefact], reporter: Reporter
) -> tuple[SoftLabels, ...]:
    """The soft labels of the further versions of train, by the teachers that labelled train."""
    return tuple(
        labels_by(run, job, teachers, reporter, name=f"{VIEWS}/{number}", view=view)
        for number, view in enumerate(job.views, start=1)
    )


def labels_by(
    run: RunFolder, job: Job, teachers: Mapping[TeacherInit, Artefact], reporter: Reporter, *, name: str = SOFT_LABELS,
    view: Split | None = None,
) -> SoftLabels:  # fmt: skip
    """The labels that these teachers give train, or a further version of it, together."""
    recipe, splits, train = job.recipe, job.splits, view or job.splits.train
    settings = recipe.soft_labels
    weighed = settings.weights == "valid" and len(teachers) > 1
    on_valid = weighed or (settings.calibrate and any(init.unseen is None for init in teachers))
    labellers = tuple(
        Labeller(
            teacher, job.view_tokens(init.name, train), init.unseen,
            read_scored(run, init.name, splits).logits["valid"] if on_valid else None, init.answers is not None,
        )
        for init, teacher in teachers.items()
    )  # fmt: skip
    inputs = SoftLabelInputs(
        labellers=labellers, settings=settings, compute=recipe.compute, max_length=recipe.data.max_length,
        train=train, valid=splits.valid if on_valid else None, label_names=splits.label_names, task=splits.task,
    )  # fmt: skip
    return make_soft_labels(run, inputs, reporter, name=name)


def contradicted_rows(
    run: RunFolder, job: Job, teachers: Mapping[TeacherInit, Artefact], labels: SoftLabels, reporter: Reporter
) -> Contradicted | None:
    """Rows whose label the out-of-fold teachers contradict; None where that is not asked for, or there are no folds."""
    if job.recipe.soft_labels.trust is None:
        return None
    if any(init.unseen is None for init in teachers):
        reporter.say("soft_labels.trust changes nothing: soft_labels.folds: auto took no folds")
        return None
    return find_contradicted(run, labels, job.splits, reporter)


def feature_source(
    run: RunFolder, job: Job, teacher: Artefact, labels: SoftLabels, reporter: Reporter
) -> FeatureSource | None:
    """The teacher of the feature loss, and what the loss reads of it where that is stored; None without such a loss."""
    recipe, loss = job.recipe, job.recipe.distillation.features
    if loss is None:
        return None
    stored, tokens = None, job.mixed_tokens(job.teachers[0].name)
    if recipe.distillation.feature_cache:
        inputs = FeatureInputs(
            loss=loss, layers=tuple(job.feature_layers.values()), teacher=teacher, compute=recipe.compute,
            max_length=recipe.data.max_length, train=job.splits.train, unlabelled=job.unlabelled, ids=labels.ids,
            tokens=tokens,
        )  # fmt: skip
        stored = make_features(run, inputs, reporter)
    return FeatureSource(job.feature_layers, teacher, tokens, stored)


def time_models(run: RunFolder, job: Job, reporter: Reporter) -> None:
    """Latency and throughput of the models that are kept."""
    answered = job.teachers[0].answers is not None
    models = {name: run.artefact(name) for name in main_models(job.splits) if not (answered and name == TEACHER)}
    inputs = benchmark.BenchmarkInputs(models, job.splits.test, job.recipe.data.max_length)
    benchmark.STAGE.run(run, inputs, reporter)
