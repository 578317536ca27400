"""What the other commands do to a finished run: check it, export, score again, report again."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alambique.artefacts.answers import read_answers
from alambique.artefacts.predictions import main_models, read_scored
from alambique.artefacts.splits import Splits, run_data
from alambique.artefacts.unlabelled import recorded_unlabelled
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import task_of
from alambique.export.upload import HUB, HUB_FILES, check_repository, push
from alambique.export.web.bundle import drop_stale_web, export_web
from alambique.pipeline import time_models, train_seed
from alambique.preparation import Job, recorded_layers, recorded_views_model, surroundings, views_of
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.verdict import Verdict
from alambique.report.model_card import model_card
from alambique.report.schema import Report
from alambique.report.write import write_report
from alambique.run.folder import RunFolder
from alambique.run.layout import DATA, STUDENT, TEACHER, WEB
from alambique.stages.export import FORMATS, export_student
from alambique.stages.predictions import load_scorer
from alambique.stages.student import recorded_student
from alambique.stages.teacher import recorded_teachers

if TYPE_CHECKING:
    from alambique.artefacts.tokens import Tokens


def export(
    folder: Path,
    formats: Sequence[str],
    *,
    repository: str | None = None,
    private: bool = False,
    reporter: Reporter | None = None,
) -> dict[str, Any]:
    """Export the student of a run that is done, and write its report again.

    Args:
        folder: the run.
        formats: ``onnx``, ``int8``, ``web`` (makes ``int8`` too), ``hub`` (sends the files that pass the gate).
        repository: ``owner/name``, for ``hub``.
        private: whether a repository that is made now is.
        reporter: where progress goes; nowhere by default.

    Returns:
        The content of ``onnx/export.json``; with ``hub``, and the address under that name.

    Raises:
        RunFolderError: the folder is not a complete run.
        CorruptArtefactError: an artefact does not hold what its manifest says.
        ParityError: a format does not pass the parity gate; nothing of it is kept.
        NpmError: what the web export needs cannot be had.
        HubError: ``repository`` is not the name of one, or the Hub does not take it.
    """
    reporter = reporter or Reporter()
    if HUB in formats:
        check_repository(repository or "")
    files = [name for name in FORMATS if name in formats or (name == "int8" and WEB in formats)]
    run = RunFolder.existing(folder)
    run.require(STUDENT)
    recipe = run.recipe()
    run.require(DATA)
    with quiet_libraries(), run.locked():
        whole = check_current(run)
        splits = run_data(run)[0]
        facts = export_student(run, recipe, splits, files, strict=True, reporter=reporter) if files else {}
        if HUB in formats:  # those not named by the user too, if they pass
            facts = export_student(run, recipe, splits, FORMATS, strict=False, reporter=reporter)
        run.check(whole)
        report = write_report(run)
        if WEB in formats:
            export_web(run, reporter=reporter)
        drop_stale_web(run, reporter.say)
        if HUB in formats and repository is not None:
            card = model_card(report, name=repository, files=HUB_FILES)
            facts = {**facts, HUB: push(run, repository, card, private=private, reporter=reporter)}
    return facts


def rewrite_report(folder: Path) -> Report:
    """Write the report of a run again, from artefacts that are whole.

    Raises:
        RunFolderError: the folder is not a complete run.
        CorruptArtefactError: an artefact does not hold what its manifest says.
    """
    run = RunFolder.existing(folder)
    run.recipe()  # what is wrong with it is said first
    run.require(DATA)
    with quiet_libraries(), run.locked():
        run.check(check_current(run))
        return write_report(run)


def rescore(folder: Path, split_name: str, *, reporter: Reporter) -> dict[str, dict[str, float]]:
    """Accuracy and macro-F1 of teacher, student and twin on ``valid`` or ``test``, from the saved models.

    Raises:
        RunFolderError: the folder is not a complete run, or its recipe was changed and the run then interrupted.
        CorruptArtefactError: an artefact does not hold what its manifest says.
    """
    run = RunFolder.existing(folder)
    recipe = run.recipe()
    run.require(DATA)
    whole = check_current(run)
    splits, _ = run_data(run)
    models = [name for name in main_models(splits) if not (name == TEACHER and recipe.teacher.answering)]
    for name in models:
        if run.path / name not in whole:
            run.require(name)
    task = task_of(splits, Verdict(), recipe.decide)
    split = next(split for split in splits if split.name == split_name)
    scores = {}
    if TEACHER not in models:  # its answers are all there is to score
        run.require(TEACHER)
        scores[TEACHER] = task.epoch_metrics(
            read_answers(run.path / TEACHER, split), split.labels, _thresholds(run, TEACHER, splits, task)
        )
    for name in models:
        with reporter.stage(f"scoring {name}") as step:
            step.start(len(split))
            scorer, _ = load_scorer(run.path / name, name, max_length=recipe.data.max_length, advance=step.advance)
            scores[name] = task.epoch_metrics(scorer(split), split.labels, _thresholds(run, name, splits, task))
    return scores


def _thresholds(run: RunFolder, name: str, splits: Splits, task: Task) -> np.ndarray | None:
    """Those of a model, chosen on its logits on valid as the run holds them."""
    return task.fit_thresholds(read_scored(run, name, splits).logits["valid"], splits.valid.labels)


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
    unlabelled = None if recipe.data.unlabelled is None else recorded_unlabelled(run)
    layers = recorded_layers(first, recipe)
    views = views_of(run, recipe, splits, recorded_views_model(run, recipe), Reporter())
    job = Job(recipe, splits, teachers, student, tokens, layers, unlabelled, views)
    for seed, folder in folders.items():
        train_seed(folder, job, seed, Reporter())
    time_models(run, job, Reporter())
    return run.whole
