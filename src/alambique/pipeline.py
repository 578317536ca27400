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
from alambique.stages.benchmark import measure
from alambique.stages.data import store_data
from alambique.stages.export import export_files
from alambique.stages.predictions import evaluate, evaluate_baselines
from alambique.stages.soft_labels import label
from alambique.stages.student import find_student, train_student
from alambique.stages.teacher import find_teacher, finetune_teacher, refuse_weak
from alambique.stages.tokens import tokenize_splits


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
            export_files(run, recipe, splits, recipe.export.formats, strict=False, show=show)
        drop_stale_web(run, show.say)
        return write_report(run)
