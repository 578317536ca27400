"""The teacher: fine-tuned here, or a finished classifier brought into the data's label order."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.building import POSITIONS, model_from_scratch
from alambique.checkpoints import (
    Checkpoint,
    check_finite,
    check_length,
    check_positions,
    check_weights,
    find_checkpoint,
    load_finished,
    load_to_train,
    load_tokenizer,
)
from alambique.data import Splits
from alambique.errors import ModelError, WeakTeacherError
from alambique.labels import label_config, label_names_of
from alambique.manifest import Artefact
from alambique.metrics import accuracy
from alambique.progress import Reporter
from alambique.recipe import DEFAULT_TEACHER, Recipe
from alambique.run import TEACHER, RunFolder
from alambique.tokens import Tokens, save_tokenizer
from alambique.training import fit
from alambique.wordpiece import train_wordpiece

KEY = "teacher.model"


@dataclass(frozen=True)
class TeacherStart:
    """What the teacher begins as, found and checked before anything is written.

    Attributes:
        checkpoint: None for a teacher from scratch.
        tokenizer: its own.
    """

    checkpoint: Checkpoint | None
    tokenizer: PreTrainedTokenizerBase


def find_teacher(recipe: Recipe, splits: Splits) -> TeacherStart:
    """Find the checkpoint, or train the tokenizer of a teacher from scratch; check that a finished one fits.

    Raises:
        ModelError: it cannot be loaded, has no trained head, or other labels than the data.
    """
    scratch = recipe.teacher.from_scratch
    if scratch is not None:
        check_positions(recipe.data.max_length, POSITIONS, key="teacher.from_scratch")
        texts = [text for row in splits.train.segments() for text in row]
        return TeacherStart(None, train_wordpiece(texts, vocabulary=scratch.vocabulary))
    checkpoint = find_checkpoint(recipe.teacher.model or DEFAULT_TEACHER, key=KEY)
    check_length(checkpoint.folder, recipe.data.max_length, key=KEY)
    tokenizer = load_tokenizer(checkpoint.folder, key=KEY)
    if recipe.teacher.fine_tune:
        check_weights(checkpoint, splits.label_names, key=KEY)
    else:
        finished = load_finished(checkpoint.folder, key=KEY)
        check_finite(finished, checkpoint, key=KEY)
        match_labels(label_names_of(finished), splits.label_names)
    return TeacherStart(checkpoint, tokenizer)


def finetune_teacher(
    run: RunFolder,
    recipe: Recipe,
    start: TeacherStart,
    splits: Splits,
    tokens: Mapping[str, Tokens],
    *,
    seed: int,
    show: Reporter,
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
            model = load_to_train(cast("Checkpoint", start.checkpoint), splits.label_names, key=KEY, seed=seed)
        with show.stage(f"teacher (seed {seed})") as step:
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


def match_labels(own: list[str], wanted: tuple[str, ...]) -> list[int]:
    """For each of the data's labels, by name, the index the teacher gives it.

    Case, spaces, hyphens and underscores do not matter. Names like LABEL_3 stand for the data's integer label 3.

    Raises:
        ModelError: the names are not the same set.
    """
    places = {_plain(name): i for i, name in enumerate(own)}
    order = [places.get(_plain(name), -1) for name in wanted]
    if -1 in order or len(own) != len(wanted):
        generic = all(name.startswith("LABEL_") for name in own)
        hint = (
            "Its config names no labels; write them into id2label of its config.json, in its own order."
            if generic
            else "Map the data's names to the teacher's with data.label_groups, or set teacher.fine_tune to true."
        )
        raise ModelError(
            f"{KEY}: the teacher's labels are {', '.join(own)}, the data's {', '.join(wanted)}: they do not match by name. "
            f"{hint}"
        )
    return order


def reorder_labels(model: PreTrainedModel, label_names: tuple[str, ...]) -> None:
    """Permute the last layer of a classifier so that its classes come in the data's order.

    Raises:
        ModelError: the labels differ, or the model has no linear last layer that can be permuted.
    """
    order = match_labels(label_names_of(model), label_names)
    ids = {"input_ids": torch.arange(1, 9).unsqueeze(0)}
    with torch.no_grad():
        model.eval()
        before = model(**ids).logits
        head = [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == len(order)][-1]
        head.weight.copy_(head.weight[order].clone())
        if head.bias is not None:
            head.bias.copy_(head.bias[order].clone())
        after = model(**ids).logits
    # the order of the rows of a matrix changes how its products are summed, so the last bits may differ
    if not torch.allclose(before[:, order].float(), after.float(), rtol=1e-3, atol=1e-4):
        raise ModelError(f"{KEY}: the classes of a {type(model).__name__} cannot be put into the data's order. "
                         "Name them in that order with data.label_order.")  # fmt: skip
    model.config.update(label_config(label_names))


def _plain(name: str) -> str:
    plain = name.casefold().replace("_", "-").replace(" ", "-")
    return plain.removeprefix("label-") if plain.removeprefix("label-").isdigit() else plain
