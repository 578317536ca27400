"""The teachers: fine-tuned here, finished classifiers brought into the data's label order, or known by their answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import MULTI_LABEL, Split, Splits
from alambique.artefacts.tokens import Tokens
from alambique.data.folds import assign_folds
from alambique.data.iterative_stratification import folds_of_sets
from alambique.errors import ModelError, RecipeError, UserInputError, WeakTeacherError
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.usefulness import most_frequent, usefulness
from alambique.inference.answering import AnswerSource
from alambique.inference.sources import recorded_source, resolve_source
from alambique.models.from_scratch import POSITIONS, config_from_scratch, model_from_scratch
from alambique.models.labels import SINGLE_LABEL, label_names_of, match_labels, reorder_labels
from alambique.models.pretrained import (
    PretrainedFolder,
    check_length,
    check_positions,
    digest_of_pretrained,
    find_pretrained,
    load_config,
    load_finished,
    load_to_train,
    recorded_pretrained,
)
from alambique.models.tokenizer import load_tokenizer, save_tokenizer, train_wordpiece
from alambique.models.trial import Conditions, check_finished, check_weights
from alambique.progress import Reporter
from alambique.recipe.answering import ANSWERING
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import DEFAULT_TEACHER, Compute, Teacher
from alambique.recipe.soft_labels import AUTO_FOLDS
from alambique.recipe.teacher_list import section_of
from alambique.run.folder import RunFolder
from alambique.run.layout import TEACHER, TEACHERS, teacher_folder
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed
from alambique.training.class_weights import class_weights, row_weights
from alambique.training.fit import fit
from alambique.training.rows import TrainingRows

SEEDS_APART = 1000  # between the seeds of two members
_REMEDIES = {
    "probabilities": "Look whether its values stand with the right rows and labels, or give another file.",
    "endpoint": "Change teacher.endpoint.instructions, or take another model.",
    "zero_shot": "Try another teacher.zero_shot.template or words for the labels, or another model.",
}


@dataclass(frozen=True, eq=False)
class TeacherInit:
    """What a teacher begins as, found and checked before anything is written.

    Attributes:
        name: its folder in the run: ``teacher``, or ``teachers/NAME`` where there are several.
        settings: its section of the recipe.
        checkpoint: None for a teacher from scratch, and for one that gives answers.
        tokenizer: its own; None for one that gives answers, and where a finished run is only looked at.
        unseen: positions of the rows of train that it is not trained on, which it will label; None: it is trained on all.
        member: which of several that differ by their seed alone.
        answers: where its answers come from; None for a model.
        section: the key path of its section, for messages: ``teacher``, or ``teacher.N`` in a list.
    """

    name: str
    settings: Teacher
    checkpoint: PretrainedFolder | None
    tokenizer: PreTrainedTokenizerBase | None
    unseen: np.ndarray | None = None
    member: int = 0
    answers: AnswerSource | None = None
    section: str = TEACHER

    @property
    def key(self) -> str:
        """The key of its checkpoint, for messages."""
        return f"{self.section}.model"

    @property
    def is_copy(self) -> bool:
        """Whether it differs from the teacher of all rows by its rows and its seed alone."""
        return self.unseen is not None or self.member > 0

    @property
    def config(self) -> PreTrainedConfig | None:
        """Its config before any training: its architecture, and how many layers it has. None where it gives answers."""
        if self.answers is not None:
            return None
        if self.settings.from_scratch is not None:
            return config_from_scratch(self.settings.from_scratch)
        return load_config(cast("PretrainedFolder", self.checkpoint).folder, key=self.key)


def resolve_teachers(recipe: Recipe, splits: Splits) -> tuple[TeacherInit, ...]:
    """Find the teachers of a recipe: those of its list, of which the first is reported, then the folds and members of each.

    Raises:
        ModelError: one cannot be loaded, has no trained head, or other labels than the data.
        RecipeError: a finished teacher has no folds and no other seeds.
        DataError: train has fewer different texts than folds, or a file of probabilities does not fit the rows.
    """
    inits = []
    for number, settings in enumerate(recipe.teachers):
        name, section = teacher_folder(number), section_of(number, len(recipe.teachers))
        if settings.answering is None:
            init = resolve_teacher(settings, splits, max_length=recipe.data.max_length, name=name, section=section)
        else:
            with _naming(section):
                source = resolve_source(settings, recipe.data, splits)
            init = TeacherInit(name, settings, None, None, answers=source, section=section)
        inits.append(init)
    return with_further_teachers(tuple(inits), recipe, splits)


@contextmanager
def _naming(section: str) -> Iterator[None]:
    """Have messages about a source of answers, which begin with its key, name its place in the list."""
    try:
        yield
    except UserInputError as error:
        if str(error).startswith(f"{TEACHER}."):
            error.args = (section + str(error).removeprefix(TEACHER),)
        raise


def with_further_teachers(inits: tuple[TeacherInit, ...], recipe: Recipe, splits: Splits) -> tuple[TeacherInit, ...]:
    """The teachers of all rows, and those that ``soft_labels.folds`` and ``soft_labels.members`` ask for, of each.

    Raises:
        RecipeError: a finished teacher has no folds and no other seeds.
        DataError: train has fewer different texts than folds.
    """
    settings = recipe.soft_labels
    if not settings.further:
        return inits
    for init in inits:
        if not init.settings.fine_tune:
            key = "folds" if settings.folds != 1 else "members"
            raise RecipeError(
                f"soft_labels.{key}: would train further teachers, but {init.section}.fine_tune is false. Set it to true, "
                f"or soft_labels.{key} to 1."
            )
    members = range(settings.members)
    if settings.folds == 1:
        more = [replace(init, name=_copy(init, f"member-{m}"), member=m) for init in inits for m in members if m]
        return (*inits, *more)
    folds = AUTO_FOLDS if settings.folds == "auto" else settings.folds
    assign = folds_of_sets if splits.task == MULTI_LABEL else assign_folds
    fold_of = assign(splits.train, folds, recipe.data.split_seed)
    return *inits, *(
        replace(init, name=_copy(init, _fold(fold, m)), unseen=np.flatnonzero(fold_of == fold), member=m)
        for init in inits
        for fold in range(folds)
        for m in members
    )


def _fold(fold: int, member: int) -> str:
    return f"fold-{fold}" + (f"-member-{member}" if member else "")


def _copy(init: TeacherInit, kind: str) -> str:
    """The folder of a fold or a member: ``teachers/fold-0``, of the next in the list ``teachers/1-fold-0``."""
    return f"{TEACHERS}/{kind}" if init.name == TEACHER else f"{init.name}-{kind}"


def resolve_teacher(
    settings: Teacher, splits: Splits, *, max_length: int, name: str = TEACHER, section: str = TEACHER
) -> TeacherInit:
    """Find the checkpoint, or train the tokenizer of a teacher from scratch; check that a finished one fits.

    Args:
        settings: its section of the recipe.
        splits: the rows.
        max_length: where texts are cut, in tokens.
        name: its folder in the run.
        section: the key path of its section, for messages.

    Raises:
        ModelError: it cannot be loaded, has no trained head, or other labels than the data.
        MisfitError: it does not fit its tokenizer, cannot be run, or its head is not one for classes.
    """
    if settings.from_scratch is not None:
        check_positions(max_length, POSITIONS, key=f"{section}.from_scratch")
        texts = [text for row in splits.train.segments() for text in row]
        tokenizer = train_wordpiece(texts, vocabulary=settings.from_scratch.vocabulary)
        return TeacherInit(name, settings, None, tokenizer, section=section)
    key = f"{section}.model"
    checkpoint = find_pretrained(settings.model or DEFAULT_TEACHER, key=key)
    check_length(checkpoint.folder, max_length, key=key)
    tokenizer = load_tokenizer(checkpoint.folder, key=key)
    pairs = splits.train.second_segments() is not None
    conditions = Conditions(key, splits.label_names, max_length, pairs, TASKS[splits.task].problem_type)
    if settings.fine_tune:
        check_weights(checkpoint, tokenizer, conditions)
    else:
        finished = check_finished(checkpoint, tokenizer, conditions)
        match_labels(label_names_of(finished), splits.label_names)
    return TeacherInit(name, settings, checkpoint, tokenizer, section=section)


def recorded_teachers(run: RunFolder, recipe: Recipe, splits: Splits) -> tuple[TeacherInit, ...]:
    """The teachers of a finished run, to ask whether its stages are current; nothing is loaded.

    A checkpoint that is not here any more (no network, a package that was removed) counts as the one that the run recorded.
    """
    inits = tuple(_recorded(run, recipe, splits, number) for number in range(len(recipe.teachers)))
    return with_further_teachers(inits, recipe, splits)


def _recorded(run: RunFolder, recipe: Recipe, splits: Splits, number: int) -> TeacherInit:
    settings, section = recipe.teachers[number], section_of(number, len(recipe.teachers))
    init = TeacherInit(teacher_folder(number), settings, None, None, section=section)
    # with folds, of all rows only the first may have been trained
    names = [init.name] if number == 0 or recipe.soft_labels.folds == 1 else [_copy(init, _fold(0, 0)), init.name]
    name = next((each for each in names if run.recorded_key(each)), init.name)
    inputs = run.recorded_key(name).get("inputs", {})
    if settings.answering is not None:
        return replace(init, answers=recorded_source(settings, recipe.data, splits, inputs, run.path / name))
    if settings.from_scratch is not None:
        return init
    recorded = inputs.get("checkpoint")
    checkpoint = recorded_pretrained(settings.model or DEFAULT_TEACHER, recorded, run.path / name, key=init.key)
    return replace(init, checkpoint=checkpoint)


def settings_key(settings: Teacher) -> dict[str, Any]:
    """What of a teacher's section its training depends on: not the name, which the checkpoint's digest stands for."""
    others = ("model", "allow_weak", *ANSWERING)
    return {name: value for name, value in settings.key().items() if name not in others}


@dataclass(frozen=True)
class FineTuneInputs(Inputs):
    """What a teacher is fine-tuned from."""

    settings: Teacher = keyed("recipe", value=settings_key)
    compute: Compute = keyed("compute", value=Compute.key)
    max_length: int = keyed("max_length")
    checkpoint: PretrainedFolder | None = keyed("inputs", "checkpoint", value=digest_of_pretrained)
    label_names: tuple[str, ...] = keyed("inputs", "labels")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    valid: Split = keyed("inputs", "valid", value=lambda split: split.digest)
    task: Task = keyed(value=lambda task: task.key())
    seed: int = keyed("seed")
    tokenizer: PreTrainedTokenizerBase | None = derived("checkpoint", "train", "settings")
    tokens: Mapping[str, Tokens] = derived("tokenizer", "train", "valid", "max_length")  # of all rows of both splits
    learnt: np.ndarray | None = derived("train")  # positions of its rows among those of the tokens; None: all


def _problem_key(problem_type: str) -> dict[str, Any]:
    return {} if problem_type == SINGLE_LABEL else {"problem_type": problem_type}


@dataclass(frozen=True)
class FinishedInputs(Inputs):
    """What a finished classifier is taken over from."""

    CONSTANT = {"recipe": None, "compute": None, "seed": None}  # noqa: RUF012 - read only
    max_length: int = keyed("max_length")
    checkpoint: PretrainedFolder | None = keyed("inputs", "checkpoint", value=digest_of_pretrained)
    label_names: tuple[str, ...] = keyed("inputs", "labels")
    problem_type: str = keyed(value=_problem_key)
    tokenizer: PreTrainedTokenizerBase | None = derived("checkpoint")


def first_model(init: TeacherInit, label_names: tuple[str, ...], *, seed: int) -> PreTrainedModel:
    """The teacher before any training: random weights, a checkpoint with a head for these labels, or a finished one."""
    if init.settings.from_scratch is not None:
        tokenizer = cast("PreTrainedTokenizerBase", init.tokenizer)
        return model_from_scratch(init.settings.from_scratch, tokenizer, label_names, seed=seed)
    checkpoint = cast("PretrainedFolder", init.checkpoint)
    if init.settings.fine_tune:
        return load_to_train(checkpoint, label_names, key=init.key, seed=seed, tokenizer=init.tokenizer)
    problem_type = load_config(checkpoint.folder, key=init.key).problem_type or SINGLE_LABEL  # which was checked
    return _finished(checkpoint, label_names, init.tokenizer, problem_type, key=init.key)


def _finished(
    checkpoint: PretrainedFolder, label_names: tuple[str, ...], tokenizer: PreTrainedTokenizerBase | None,
    problem_type: str, *, key: str,
) -> PreTrainedModel:  # fmt: skip
    model = load_finished(checkpoint.folder, key=key, tokenizer=tokenizer)
    reorder_labels(model, label_names, problem_type)
    return model


def _fine_tune(inputs: FineTuneInputs, work: Path, reporter: Reporter, *, name: str, section: str) -> None:
    tokenizer = cast("PreTrainedTokenizerBase", inputs.tokenizer)
    init = TeacherInit(name, inputs.settings, inputs.checkpoint, tokenizer, section=section)
    model = first_model(init, inputs.label_names, seed=inputs.seed)
    tokens = dict(inputs.tokens)
    if inputs.learnt is not None:
        tokens["train"] = tokens["train"].take(inputs.learnt)
    weights = class_weights(inputs.settings.class_weights, inputs.train.labels, inputs.label_names)
    rows = TrainingRows(
        inputs.train, inputs.valid, tokens, task=inputs.task,
        hard_label_weights=row_weights(weights, inputs.train.labels),
    )  # fmt: skip
    with reporter.stage(f"{name} (seed {inputs.seed})") as step:
        fit(model, tokenizer, rows, settings=inputs.settings, compute=inputs.compute, max_length=inputs.max_length,
            seed=inputs.seed, work=work, step=step, section=section)  # fmt: skip


def _take_finished(inputs: FinishedInputs, work: Path, reporter: Reporter, *, key: str) -> None:
    del reporter
    checkpoint = cast("PretrainedFolder", inputs.checkpoint)
    model = _finished(checkpoint, inputs.label_names, inputs.tokenizer, inputs.problem_type, key=key)
    model.save_pretrained(work)
    save_tokenizer(cast("PreTrainedTokenizerBase", inputs.tokenizer), work)


def make_teacher(
    run: RunFolder, init: TeacherInit, splits: Splits, tokens: Mapping[str, Tokens], compute: Compute, *,
    task: Task, max_length: int, seed: int, reporter: Reporter,
) -> Artefact:  # fmt: skip
    """Fine-tune a teacher, or take a finished one as it is with its classes in the data's order."""
    if not init.settings.fine_tune:
        finished = FinishedInputs(max_length, init.checkpoint, splits.label_names, task.problem_type, init.tokenizer)
        return Stage(init.name, partial(_take_finished, key=init.key)).run(run, finished, reporter)
    learnt = None if init.unseen is None else np.setdiff1d(np.arange(len(splits.train)), init.unseen)
    inputs = FineTuneInputs(
        settings=init.settings, compute=compute, max_length=max_length, checkpoint=init.checkpoint,
        label_names=splits.label_names, train=splits.train if learnt is None else splits.train.take(learnt),
        valid=splits.valid, task=task, seed=(seed + SEEDS_APART * init.member) % 2**32,
        tokenizer=init.tokenizer, tokens=tokens, learnt=learnt,
    )  # fmt: skip
    return Stage(init.name, partial(_fine_tune, name=init.name, section=init.section)).run(run, inputs, reporter)


def refuse_weak(
    settings: Teacher, splits: Splits, valid_logits: np.ndarray, folder: Path, *, section: str = TEACHER
) -> None:
    """Stop if the teacher is no better on valid than guessing (:mod:`alambique.evaluation.usefulness`).

    Args:
        settings: its section of the recipe.
        splits: the rows.
        valid_logits: (rows of valid, C).
        folder: where it is kept.
        section: the key path of its section, for messages.

    Raises:
        WeakTeacherError: it was just trained; it is kept.
        ModelError: it came finished.
    """
    if settings.allow_weak:
        return
    frequent = most_frequent(splits)
    useful = usefulness(TASKS[splits.task], valid_logits, splits.valid.labels, frequent)
    if useful.is_useful:
        return
    answer = TASKS[splits.task].words(frequent, splits.label_names)
    compared = useful.against(f"always answering {answer!r}")
    teacher = "the teacher" if section == TEACHER else section
    weak = f"On valid, {teacher} gets {compared}. A student would learn noise from it."
    anyway = f"To go on all the same: --set {section}.allow_weak=true"
    if settings.is_trained:
        raise WeakTeacherError(
            f"{weak} It is kept in {folder}. Try more epochs (--set {section}.epochs={settings.epochs * 2}), another "
            f"learning rate (--set {section}.learning_rate={settings.learning_rate / 2:g} or "
            f"{settings.learning_rate * 2:g}), or another {section}.model. {anyway}"
        )
    if settings.answering is not None:
        raise ModelError(f"{weak} {_REMEDIES[settings.answering].replace(TEACHER + '.', section + '.')} {anyway}")
    raise ModelError(f"{weak} Fine-tune it (--set {section}.fine_tune=true) or give another {section}.model. {anyway}")
