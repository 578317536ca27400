"""The story: from a recipe to a student, its twin and an honest comparison."""

from pathlib import Path
from typing import Any

from alambique.artefacts.predictions import read_scored, read_seeds
from alambique.data.load import load_splits, locate
from alambique.evaluation.verdict import best_seed
from alambique.export.web.bundle import drop_stale_web
from alambique.progress import Reporter, quiet_libraries
from alambique.recipe.recipe import Recipe
from alambique.report.write import write_report
from alambique.run.folder import RunFolder
from alambique.run.layout import MODELS, STUDENT, TEACHER, UNDISTILLED
from alambique.stages.benchmark import run_benchmark
from alambique.stages.data import store_data
from alambique.stages.export import export_files
from alambique.stages.predictions import evaluate, evaluate_baselines
from alambique.stages.soft_labels import make_soft_labels
from alambique.stages.student import resolve_student, train_student
from alambique.stages.teacher import finetune_teacher, refuse_weak, resolve_teacher
from alambique.stages.tokens import tokenize_splits


def distill(recipe: Recipe, out: Path | str, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Run a recipe into the folder ``out``, skipping every stage that is done already.

    Args:
        recipe: what to do.
        out: the run folder; made if it is not there.
        reporter: where progress goes; nowhere by default.

    Returns:
        The content of report.json.

    Raises:
        UserInputError: the recipe, the data, a model or the folder is at fault; a folder made here is removed again.
        WeakTeacherError: the teacher just trained does no better than the majority class; it is kept.
    """
    reporter = reporter or Reporter()
    with quiet_libraries(), RunFolder.create(Path(out), say=reporter.say) as run:
        splits = load_splits(recipe.data, locate(recipe.data))
        teacher_start = resolve_teacher(recipe, splits)
        student_start = resolve_student(recipe, teacher_start.checkpoint, splits.label_names)
        run.write_recipe(recipe)
        store_data(run, recipe, splits, teacher_start.tokenizer)
        teachers_tokens = tokenize_splits(run, recipe, teacher_start.tokenizer, splits, role=TEACHER)
        students_tokens = teachers_tokens
        if student_start.tokenizer is not None:
            students_tokens = tokenize_splits(run, recipe, student_start.tokenizer, splits, role=STUDENT)
        evaluate_baselines(run, splits, reporter=reporter)
        alone = len(recipe.seeds) == 1
        for seed in recipe.seeds:
            room = run.seed(seed, alone=alone)
            teacher = finetune_teacher(
                room, recipe, teacher_start, splits, teachers_tokens, seed=seed, reporter=reporter
            )
            evaluate(room, recipe, TEACHER, teacher, splits, reporter=reporter)
            refuse_weak(recipe, splits, read_scored(room, TEACHER, splits).logits["valid"], teacher.folder)
            soft_labels = make_soft_labels(room, recipe, teacher, splits, teachers_tokens["train"], reporter=reporter)
            for name, soft in ((STUDENT, soft_labels), (UNDISTILLED, None)):
                model = train_student(
                    room, recipe, student_start, teacher, splits, students_tokens,
                    soft_labels=soft, seed=seed, reporter=reporter,
                )  # fmt: skip
                evaluate(room, recipe, name, model, splits, reporter=reporter)
        run.promote(run.seed(best_seed(read_seeds(run, recipe, splits), splits), alone=alone))
        run_benchmark(run, recipe, {name: run.artefact(name) for name in MODELS}, splits, reporter=reporter)
        if recipe.export.formats:
            export_files(run, recipe, splits, recipe.export.formats, strict=False, reporter=reporter)
        drop_stale_web(run, reporter.say)
        return write_report(run)
