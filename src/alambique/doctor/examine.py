"""All checks of a set-up, in one list."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import torch
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.doctor import (
    check_answers,
    check_inputs,
    check_labels,
    check_mode,
    check_rows,
    check_sharing,
    check_soft_labels,
    check_student,
    check_teacher,
    check_vocabulary,
)
from alambique.doctor.batches import Collator, reader, tokenizer_of
from alambique.doctor.setup import Setup
from alambique.findings import Finding
from alambique.models.labels import label_names_of
from alambique.recipe.recipe import Recipe
from alambique.stages.teacher import TeacherInit

MODULES = (  # in the order of their findings
    check_labels,
    check_sharing,
    check_vocabulary,
    check_mode,
    check_inputs,
    check_teacher,
    check_answers,
    check_soft_labels,
    check_student,
    check_rows,
)


def examine(
    teacher: PreTrainedModel,
    student: PreTrainedModel,
    splits: Splits,
    soft_labels: SoftLabels | None,
    collator: Collator,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    student_collator: Collator | None = None,
    student_tokenizer: PreTrainedTokenizerBase | None = None,
    max_length: int | None = None,
    metadata: tuple[str, ...] = (),
    teacher_trained: bool = True,
) -> list[Finding]:
    """Find mistakes that make a distillation fail without an error. Nothing is trained, written or changed.

    Modes, weights, gradients and the random state are the same afterwards; the backward pass of the student runs on a
    copy. See ``docs/findings.md`` for every code.

    Args:
        teacher: a fine-tuned classifier.
        student: a classifier to be trained.
        splits: the rows.
        soft_labels: the teacher's logits on train, if there are any yet.
        collator: makes a batch from a list of encoded rows. A row is a dict of the tokenizer's output for it, as lists,
            and ``labels``, an int.
        tokenizer: encodes the rows; by default ``collator.tokenizer``, which ``DataCollatorWithPadding`` has.
        student_collator: for the student, where it has another tokenizer; by default ``collator``.
        student_tokenizer: encodes the student's rows; by default ``student_collator.tokenizer``.
        max_length: maximum length in tokens; by default the smallest limit of tokenizer, collator and models.
        metadata: the data's columns in the second segment.
        teacher_trained: false for a teacher that has not been fine-tuned yet and need not know the task.

    Returns:
        The findings, the most serious first; empty if there are none.

    Raises:
        TypeError: a collator has no tokenizer and none is given, or its batches have no ``input_ids``.

    Example:
        >>> import numpy as np
        >>> from transformers import BertConfig, BertForSequenceClassification, DataCollatorWithPadding
        >>> from alambique.artefacts.splits import Split, Splits
        >>> from alambique.doctor.examine import examine
        >>> from alambique.models.tokenizer import train_wordpiece
        >>> def split(name):
        ...     texts = tuple(f"a {word} lamp, number {n}" for n in range(20) for word in ("poor", "fine"))
        ...     return Split(name, tuple(f"{name}-{n}" for n in range(40)), texts, None, np.array([0, 1] * 20))
        >>> splits = Splits(split("train"), split("valid"), split("test"), label_names=("bad", "good"))
        >>> tokenizer = train_wordpiece(splits.train.texts, vocabulary=100)
        >>> config = BertConfig(
        ...     vocab_size=len(tokenizer), hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8,
        ...     id2label={0: "good", 1: "bad"}, label2id={"good": 0, "bad": 1},
        ... )
        >>> teacher, student = (BertForSequenceClassification(config).eval() for _ in range(2))
        >>> findings = examine(teacher, student, splits, None, DataCollatorWithPadding(tokenizer), teacher_trained=False)
        >>> findings[0].code, findings[0].where  # the data has bad before good
        ('reversed-label-map', 'teacher')
    """
    own = tokenizer_of(collator, tokenizer)
    teachers = reader(collator, own, [teacher, student], max_length=max_length)
    if student_collator is None:
        student_collator, student_tokenizer = collator, student_tokenizer or own
    others = tokenizer_of(student_collator, student_tokenizer, of="student_")
    students = reader(student_collator, others, [student], max_length=teachers.max_length)
    setup = Setup(
        teacher, student, splits, soft_labels, teachers, students, metadata=metadata, teacher_trained=teacher_trained
    )
    with torch.random.fork_rng():
        rows = check_rows.check(setup)
        findings = [*check_labels.check(setup), *check_sharing.check(setup)]
        if not any(finding.code == check_rows.OUT_OF_RANGE.name for finding in rows):  # all others look labels up
            findings += [*_examine_teacher(setup), *check_soft_labels.check(setup), *_examine_student(setup)]
    return list({(finding.code, finding.where): finding for finding in [*findings, *rows]}.values())


def examine_answers(
    answers: Mapping[str, np.ndarray] | None,
    student: PreTrainedModel,
    splits: Splits,
    collator: Collator,
    *,
    max_length: int,
    metadata: tuple[str, ...] = (),
) -> list[Finding]:
    """Find mistakes as :func:`examine` does, where the teacher is known by its answers alone.

    Args:
        answers: its logits, (rows, C), by split; None where it has not been asked yet.
        student: a classifier to be trained.
        splits: the rows.
        collator: makes a batch from encoded rows, with the student's tokenizer.
        max_length: maximum length in tokens.
        metadata: the data's columns in the second segment.
    """
    reads = reader(collator, tokenizer_of(collator, None), [student], max_length=max_length)
    labels, valid = None, None
    if answers is not None:
        labels, valid = SoftLabels(splits.train.ids, answers["train"], splits.label_names, {}), answers["valid"]
    setup = Setup(student, student, splits, labels, reads, reads, metadata=metadata, valid_answers=valid)
    with torch.random.fork_rng():
        findings = [*check_answers.check(setup), *check_soft_labels.check(setup), *_examine_student(setup)]
        return [*findings, *check_rows.check(setup)]


def examine_teachers(
    recipe: Recipe, splits: Splits, teachers: dict[TeacherInit, PreTrainedModel], answering: list[TeacherInit],
    student: PreTrainedModel, student_tokenizer: PreTrainedTokenizerBase,
) -> list[Finding]:  # fmt: skip
    """What is found about each teacher beside the student."""
    collator = DataCollatorWithPadding(student_tokenizer)
    max_length, metadata = recipe.data.max_length, recipe.data.metadata
    about = {
        init.name: examine(
            model, student, splits, None, DataCollatorWithPadding(cast("PreTrainedTokenizerBase", init.tokenizer)),
            student_collator=collator, max_length=max_length, metadata=metadata,
            teacher_trained=not init.settings.fine_tune,
        )
        for init, model in teachers.items()
    }  # fmt: skip
    about |= {
        init.name: examine_answers(
            init.answers.known, student, splits, collator, max_length=max_length, metadata=metadata
        )
        for init in answering
        if init.answers is not None
    }
    return of_all_teachers(about)


def of_all_teachers(findings: Mapping[str, Sequence[Finding]]) -> list[Finding]:
    """Join the findings about several teachers; one about a teacher is given its name, and equal ones are given once.

    Args:
        findings: by the name of the teacher, as ``teacher`` or ``teachers/NAME``.
    """
    result: dict[tuple[str, str], Finding] = {}
    for name, of_teacher in findings.items():
        places = {"teacher": name, "collator": "collator" if name == "teacher" else f"collator of {name}"}
        for finding in of_teacher:
            placed = replace(finding, where=places.get(finding.where, finding.where))
            other = result.get((placed.code, placed.where))
            if other is not None and other != placed:  # as of texts that another tokenizer cuts
                placed = replace(placed, where=f"{placed.where} ({name})")
            result[placed.code, placed.where] = placed
    return list(result.values())


def _examine_teacher(setup: Setup) -> list[Finding]:
    unknown = check_vocabulary.check(setup.teacher, setup.teacher_rows, "teacher")
    return unknown or [*check_mode.check(setup), *check_inputs.check(setup), *check_teacher.check(setup)]


def _examine_student(setup: Setup) -> list[Finding]:
    if len(label_names_of(setup.student)) != len(setup.splits.label_names):
        return []  # check_labels says so
    unknown = check_vocabulary.check(setup.student, setup.student_rows, "student")
    return unknown or check_student.check(setup)
