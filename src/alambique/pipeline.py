"""The story: from a recipe to a student, its twin and an honest comparison."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alambique.benchmark import measure
from alambique.data import Splits, load_splits, locate
from alambique.data.store import store_data
from alambique.evaluate import evaluate, evaluate_baselines, read_scored
from alambique.export import (
    FORMATS,
    HUB,
    HUB_FILES,
    check_repository,
    drop_stale_web,
    export_student,
    export_web,
    push,
)
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe import Recipe
from alambique.report import best_seed, model_card, read_seeds, run_data, write_report
from alambique.run import DATA, MODELS, RECIPE, STUDENT, TEACHER, UNDISTILLED, WEB, RunFolder
from alambique.soft_labels import label
from alambique.student import find_student, train_student
from alambique.teacher import find_teacher, finetune_teacher, refuse_weak
from alambique.tokenization import tokenize_splits


def distill(recipe: Recipe, out: Path | str, *, show: Reporter | None = None) -> dict[str, Any]:
    """Run a recipe into the folder ``out``, skipping every stage that is done already.

    Args:
        recipe: what to do.
        out: the run folder; made if it is not there.
        show: where progress goes; nowhere by default.

    Returns:
        The content of report.json.

    Raises:
        UserInputError: the recipe, the data, a model or the folder is at fault; a folder made here is removed again.
        WeakTeacherError: the teacher just trained does no better than the majority class; it is kept.
    """
    show = show or Reporter()
    with quiet_libraries(), RunFolder.claim(Path(out), say=show.say) as run:
        splits = load_splits(recipe.data, locate(recipe.data))
        teacher_start = find_teacher(recipe, splits)
        student_start = find_student(recipe, teacher_start.checkpoint, splits.label_names)
        run.mark(recipe)
        store_data(run, recipe, splits, teacher_start.tokenizer)
        teachers_tokens = tokenize_splits(run, recipe, teacher_start.tokenizer, splits, role=TEACHER)
        students_tokens = teachers_tokens
        if student_start.tokenizer is not None:
            students_tokens = tokenize_splits(run, recipe, student_start.tokenizer, splits, role=STUDENT)
        evaluate_baselines(run, splits, show=show)
        alone = len(recipe.seeds) == 1
        for seed in recipe.seeds:
            room = run.seed(seed, alone=alone)
            teacher = finetune_teacher(room, recipe, teacher_start, splits, teachers_tokens, seed=seed, show=show)
            evaluate(room, recipe, TEACHER, teacher, splits, show=show)
            refuse_weak(recipe, splits, read_scored(room, TEACHER, splits).logits["valid"], teacher.folder)
            soft_labels = label(room, recipe, teacher, splits, teachers_tokens["train"], show=show)
            for name, soft in ((STUDENT, soft_labels), (UNDISTILLED, None)):
                model = train_student(
                    room, recipe, student_start, teacher, splits, students_tokens,
                    soft_labels=soft, seed=seed, show=show,
                )  # fmt: skip
                evaluate(room, recipe, name, model, splits, show=show)
        run.promote(run.seed(best_seed(read_seeds(run, recipe, splits), splits), alone=alone))
        measure(run, recipe, {name: run.artefact(name) for name in MODELS}, splits, show=show)
        if recipe.export.formats:
            _export(run, recipe, splits, recipe.export.formats, strict=False, show=show)
        drop_stale_web(run, show.say)
        return write_report(run)


def export(
    folder: Path,
    formats: Sequence[str],
    *,
    repository: str | None = None,
    private: bool = False,
    show: Reporter | None = None,
) -> dict[str, Any]:
    """Export the student of a run that is done, and write its report again.

    Args:
        folder: the run.
        formats: ``onnx``, ``int8``, ``web`` (makes ``int8`` too), ``hub`` (sends the files that pass the gate).
        repository: ``owner/name``, for ``hub``.
        private: whether a repository that is made now is.
        show: where progress goes; nowhere by default.

    Returns:
        The content of ``onnx/export.json``; with ``hub``, and the address under that name.

    Raises:
        RunFolderError: the folder is no complete run.
        DamagedArtefactError: an artefact does not hold what its manifest says.
        ParityError: a format does not pass the parity gate; nothing of it is kept.
        NpmError: what the web export needs cannot be had.
        HubError: ``repository`` is no name of one, or the Hub does not take it.
    """
    show = show or Reporter()
    if HUB in formats:
        check_repository(repository or "")
    files = [name for name in FORMATS if name in formats or (name == "int8" and WEB in formats)]
    run = RunFolder.existing(folder)
    run.finished(STUDENT)
    recipe = Recipe.load(run.path / RECIPE)
    run.finished(DATA)
    with quiet_libraries(), run.writing():
        splits = run_data(run)[0]
        facts = _export(run, recipe, splits, files, strict=True, show=show) if files else {}
        if HUB in formats:  # those not named by the user too, if they pass
            facts = _export(run, recipe, splits, FORMATS, strict=False, show=show)
        run.check()
        report = write_report(run)
        if WEB in formats:
            export_web(run, show=show)
        drop_stale_web(run, show.say)
        if HUB in formats and repository is not None:
            card = model_card(report, name=repository, files=HUB_FILES)
            facts = {**facts, HUB: push(run, repository, card, private=private, show=show)}
    return facts


def rewrite_report(folder: Path) -> dict[str, Any]:
    """Write the report of a run again, from artefacts that are whole.

    Returns:
        The content of report.json.

    Raises:
        RunFolderError: the folder is no complete run.
        DamagedArtefactError: an artefact does not hold what its manifest says.
    """
    run = RunFolder.existing(folder)
    Recipe.load(run.path / RECIPE)
    run.finished(DATA)
    with run.writing():
        run.check()
        return write_report(run)


def _export(
    run: RunFolder, recipe: Recipe, splits: Splits, formats: Sequence[str], *, strict: bool, show: Reporter
) -> dict[str, Any]:
    reference = read_scored(run, STUDENT, splits).logits["valid"]
    student = run.artefact(STUDENT)
    return export_student(run, recipe, student, splits, reference, formats, strict=strict, show=show)
