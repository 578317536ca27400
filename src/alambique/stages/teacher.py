"""The teacher: fine-tuned here, or a finished classifier brought into the data's label order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from transformers import PreTrainedTokenizerBase

from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import Tokens
from alambique.errors import ModelError, WeakTeacherError
from alambique.evaluation.metrics import accuracy
from alambique.models.from_scratch import POSITIONS, model_from_scratch
from alambique.models.labels import label_names_of, match_labels, reorder_labels
from alambique.models.pretrained import (
    PretrainedFolder,
    check_finite,
    check_length,
    check_positions,
    check_weights,
    find_pretrained,
    load_finished,
    load_to_train,
)
from alambique.models.tokenizer import load_tokenizer, save_tokenizer, train_wordpiece
from alambique.progress import Reporter
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import DEFAULT_TEACHER
from alambique.run.folder import RunFolder
from alambique.run.layout import TEACHER
from alambique.run.manifest import Artefact
from alambique.training.fit import fit

KEY = "teacher.model"


@dataclass(frozen=True)
class TeacherInit:
    """What the teacher begins as, found and checked before anything is written.

    Attributes:
        checkpoint: None for a teacher from scratch.
        tokenizer: its own.
    """

    checkpoint: PretrainedFolder | None
    tokenizer: PreTrainedTokenizerBase


def resolve_teacher(recipe: Recipe, splits: Splits) -> TeacherInit:
    """Find the checkpoint, or train the tokenizer of a teacher from scratch; check that a finished one fits.

    Raises:
        ModelError: it cannot be loaded, has no trained head, or other labels than the data.
    """
    scratch = recipe.teacher.from_scratch
    if scratch is not None:
        check_positions(recipe.data.max_length, POSITIONS, key="teacher.from_scratch")
        texts = [text for row in splits.train.segments() for text in row]
        return TeacherInit(None, train_wordpiece(texts, vocabulary=scratch.vocabulary))
    checkpoint = find_pretrained(recipe.teacher.model or DEFAULT_TEACHER, key=KEY)
    check_length(checkpoint.folder, recipe.data.max_length, key=KEY)
    tokenizer = load_tokenizer(checkpoint.folder, key=KEY)
    if recipe.teacher.fine_tune:
        check_weights(checkpoint, splits.label_names, key=KEY)
    else:
        finished = load_finished(checkpoint.folder, key=KEY)
        check_finite(finished, checkpoint, key=KEY)
        match_labels(label_names_of(finished), splits.label_names)
    return TeacherInit(checkpoint, tokenizer)


def finetune_teacher(
    run: RunFolder,
    recipe: Recipe,
    start: TeacherInit,
    splits: Splits,
    tokens: Mapping[str, Tokens],
    *,
    seed: int,
    reporter: Reporter,
) -> Artefact:
    """Fine-tune the teacher, or take a finished one as it is with its classes in the data's order."""
    settings = recipe.teacher
    inputs = {"checkpoint": start.checkpoint.digest if start.checkpoint else None, "labels": splits.label_names}
    if settings.fine_tune:
        inputs |= {"train": splits.train.digest, "valid": splits.valid.digest}
    key = {
        "recipe": settings.model_dump(mode="json", exclude={"model", "allow_weak"}) if settings.fine_tune else None,
        "compute": recipe.compute.model_dump(mode="json") if settings.fine_tune else None,
        "max_length": recipe.data.max_length,
        "inputs": inputs,
        "seed": seed if settings.fine_tune else None,
    }

    def make(work: Path) -> None:
        if start.checkpoint is not None and not settings.fine_tune:
            model = load_finished(start.checkpoint.folder, key=KEY)
            reorder_labels(model, splits.label_names)
            model.save_pretrained(work)
            save_tokenizer(start.tokenizer, work)
            return
        if settings.from_scratch is not None:
            model = model_from_scratch(settings.from_scratch, start.tokenizer, splits.label_names, seed=seed)
        else:
            model = load_to_train(cast("PretrainedFolder", start.checkpoint), splits.label_names, key=KEY, seed=seed)
        with reporter.stage(f"teacher (seed {seed})") as step:
            fit(model, start.tokenizer, train=splits.train, valid=splits.valid, tokens=tokens,
                settings=settings, compute=recipe.compute,
                max_length=recipe.data.max_length, seed=seed, work=work, step=step, section=TEACHER)  # fmt: skip

    return run.stage(TEACHER, key, make)


def refuse_weak(recipe: Recipe, splits: Splits, valid_logits: np.ndarray, folder: Path) -> None:
    """Stop if the teacher is no better on valid than always giving train's most frequent label.

    Raises:
        WeakTeacherError: it was just trained; it is kept.
        ModelError: it came finished.
    """
    frequent = int(np.bincount(splits.train.labels).argmax())
    majority = float((splits.valid.labels == frequent).mean())
    reached = accuracy(valid_logits, splits.valid.labels)
    if recipe.teacher.allow_weak or reached > majority:
        return
    what = (
        f"The teacher gets {reached:.1%} of valid right; always answering {splits.label_names[frequent]!r} gets "
        f"{majority:.1%}. A student would learn noise from it."
    )
    anyway = "To go on all the same: --set teacher.allow_weak=true"
    if recipe.teacher.fine_tune:
        raise WeakTeacherError(
            f"{what} It is kept in {folder}. Try more epochs (--set teacher.epochs={recipe.teacher.epochs * 2}), another "
            f"learning rate (--set teacher.learning_rate={recipe.teacher.learning_rate / 2:g} or "
            f"{recipe.teacher.learning_rate * 2:g}), or another teacher.model. {anyway}"
        )
    raise ModelError(f"{what} Fine-tune it (--set teacher.fine_tune=true) or give another teacher.model. {anyway}")
