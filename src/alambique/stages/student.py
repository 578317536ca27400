"""The student, and its undistilled twin: the same start, the same batches, the same steps, hard labels only."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import Tokens
from alambique.errors import ModelError
from alambique.models.from_scratch import POSITIONS, model_from_scratch
from alambique.models.from_teacher import choose_layers, student_from_teacher
from alambique.models.pretrained import (
    PretrainedFolder,
    check_length,
    check_positions,
    check_weights,
    find_pretrained,
    load_config,
    load_finished,
    load_to_train,
)
from alambique.models.tokenizer import load_tokenizer, tokenizer_digest
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Scratch
from alambique.run.folder import RunFolder
from alambique.run.layout import STUDENT, UNDISTILLED
from alambique.run.manifest import Artefact
from alambique.training.fit import HARD_ONLY, fit

KEY = "student.model"


@dataclass(frozen=True)
class StudentInit:
    """What the student begins as; with no checkpoint it is built from the teacher's layers or from scratch.

    Attributes:
        checkpoint: with weights and a tokenizer of its own.
        tokenizer: of the checkpoint; None if it will be the teacher's.
    """

    checkpoint: PretrainedFolder | None
    tokenizer: PreTrainedTokenizerBase | None


def resolve_student(recipe: Recipe, teacher: PretrainedFolder | None, label_names: tuple[str, ...]) -> StudentInit:
    """Find the student's checkpoint, or check that the teacher has the layers it is built from.

    Raises:
        ModelError: it cannot be had, or the teacher has no such layers.
    """
    if recipe.student.model is not None:
        checkpoint = find_pretrained(recipe.student.model, key=KEY)
        check_length(checkpoint.folder, recipe.data.max_length, key=KEY)
        tokenizer = load_tokenizer(checkpoint.folder, key=KEY)
        check_weights(checkpoint, label_names, key=KEY)
        return StudentInit(checkpoint, tokenizer)
    if recipe.student.from_teacher is not None:
        if teacher is not None:
            config = load_config(teacher.folder, key="teacher.model")
            architecture, layers = config.model_type, getattr(config, "num_hidden_layers", 0)
        elif recipe.teacher.from_scratch is not None:
            architecture, layers = recipe.teacher.from_scratch.architecture, recipe.teacher.from_scratch.layers
        if architecture != "bert":
            raise ModelError(
                f"student.from_teacher needs a BERT teacher; this one is {architecture}. Give student.model or "
                "student.from_scratch instead."
            )
        choose_layers(recipe.student.from_teacher.layers, layers)
    if recipe.student.from_scratch is not None:
        check_positions(recipe.data.max_length, POSITIONS, key="student.from_scratch")
    return StudentInit(None, None)


def train_student(
    run: RunFolder,
    recipe: Recipe,
    start: StudentInit,
    teacher: Artefact,
    splits: Splits,
    tokens: Mapping[str, Tokens],
    *,
    soft_labels: SoftLabels | None,
    seed: int,
    reporter: Reporter,
) -> Artefact:
    """Train the student on soft and hard labels, or (``soft_labels=None``) its twin on hard labels alone."""
    form = recipe.student
    name = UNDISTILLED if soft_labels is None else STUDENT
    key = {
        "recipe": form.model_dump(mode="json", exclude={"model"}),
        "distillation": None if soft_labels is None else recipe.distillation.model_dump(mode="json"),
        "compute": recipe.compute.model_dump(mode="json"),
        "max_length": recipe.data.max_length,
        "inputs": {
            "checkpoint": start.checkpoint.digest if start.checkpoint else None,
            "teacher": teacher.digest if form.from_teacher else None,
            "tokenizer": None if start.checkpoint else tokenizer_digest(teacher.folder),
            "soft_labels": None if soft_labels is None else soft_labels.digest,
            "train": splits.train.digest,
            "valid": splits.valid.digest,
            "labels": splits.label_names,
        },
        "seed": seed,
    }

    def make(work: Path) -> None:
        model, tokenizer = build_student(
            recipe,
            start,
            lambda: load_finished(teacher.folder, key="teacher"),
            load_tokenizer(teacher.folder, key="teacher"),
            splits.label_names,
            seed=seed,
        )
        with reporter.stage(f"{name} (seed {seed})") as step:
            fit(
                model,
                tokenizer,
                train=splits.train,
                valid=splits.valid,
                tokens=tokens,
                settings=form,
                compute=recipe.compute,
                max_length=recipe.data.max_length,
                seed=seed,
                work=work,
                step=step,
                distillation=HARD_ONLY if soft_labels is None else recipe.distillation,
                teacher_logits=None if soft_labels is None else soft_labels.for_rows(splits.train.ids),
            )

    return run.stage(name, key, make)


def build_student(
    recipe: Recipe,
    start: StudentInit,
    load_teacher: Callable[[], PreTrainedModel],
    teachers_tokenizer: PreTrainedTokenizerBase,
    label_names: tuple[str, ...],
    *,
    seed: int,
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The untrained student and its tokenizer; the same arguments give the same weights.

    Args:
        recipe: names the student's form.
        start: its checkpoint, if that is its form.
        load_teacher: gives the teacher, for a student made of its layers.
        teachers_tokenizer: becomes the student's unless it has a checkpoint of its own; changed in place.
        label_names: the classes.
        seed: of all weights that are not taken over.
    """
    if start.checkpoint is not None:
        model = load_to_train(start.checkpoint, label_names, key=KEY, seed=seed)
        return model, load_tokenizer(start.checkpoint.folder, key=KEY)
    form = recipe.student
    if form.from_teacher is not None:
        model = student_from_teacher(load_teacher(), form.from_teacher, label_names, seed=seed)
    else:
        model = model_from_scratch(cast("Scratch", form.from_scratch), teachers_tokenizer, label_names, seed=seed)
    if model.config.model_type == "distilbert":
        teachers_tokenizer.model_input_names = ["input_ids", "attention_mask"]  # DistilBERT has no token types
    return model, teachers_tokenizer
