"""All checks of a set-up, in one list."""

from typing import cast

import torch
from torch import nn
from transformers import PreTrainedModel

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.doctor.batches import IDS, Collator, Reader, Row, reader, sample
from alambique.doctor.check_inputs import check_inputs
from alambique.doctor.check_labels import check_model
from alambique.doctor.check_rows import OUT_OF_RANGE, check_rows
from alambique.doctor.check_soft_labels import check_soft_labels
from alambique.doctor.check_student import check_student
from alambique.doctor.check_teacher import check_apart, check_head, check_mode
from alambique.findings import Finding
from alambique.models.labels import label_names_of

_TRIED = 8  # rows


def examine(
    teacher: PreTrainedModel,
    student: PreTrainedModel,
    splits: Splits,
    soft_labels: SoftLabels | None,
    collator: Collator,
    *,
    student_collator: Collator | None = None,
    max_length: int | None = None,
    metadata: tuple[str, ...] = (),
    teacher_trained: bool = True,
) -> list[Finding]:
    """Look for what makes a distillation fail without a word. Nothing is trained, written or changed.

    Modes, weights, gradients and the random state are as before when it returns; the student's backward pass is done on a
    copy. See ``docs/doctor.md`` for every code.

    Args:
        teacher: a fine-tuned classifier.
        student: a classifier to be trained.
        splits: the rows.
        soft_labels: the teacher's logits on train, if there are any yet.
        collator: from a list of encoded rows to a batch. A row is a dict of what the collator's own tokenizer returns for
            it, as lists, and ``labels``, an int. The tokenizer is found as ``collator.tokenizer``
            (``DataCollatorWithPadding`` has one), or among what a function closes over.
        student_collator: the same for the student, where it has another tokenizer.
        max_length: where texts are cut, in tokens; by default what tokenizer, collator and models allow.
        metadata: the data's columns in the second segment.
        teacher_trained: false for a teacher that is yet to be fine-tuned, which need not know anything.

    Returns:
        What was found, gravest first; empty if nothing.

    Raises:
        TypeError: the collator has no tokenizer.

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
    teachers = reader(collator, [teacher, student], max_length=max_length)
    students = reader(student_collator or collator, [student], max_length=teachers.max_length)
    with torch.random.fork_rng():
        rows = check_rows(splits, teachers, metadata)
        found = [
            *check_model(teacher, splits.label_names, "teacher"),
            *check_model(student, splits.label_names, "student"),
            *check_apart(teacher, student),
        ]
        if not any(finding.code == OUT_OF_RANGE for finding in rows):  # else labels cannot be used for more
            found += _examine_teacher(teacher, teachers, splits, trained=teacher_trained)
            found += check_soft_labels(soft_labels, splits) if soft_labels is not None else []
            found += _examine_student(student, students, splits)
    return list({(finding.code, finding.where): finding for finding in [*found, *rows]}.values())


def _examine_teacher(teacher: PreTrainedModel, source: Reader, splits: Splits, *, trained: bool) -> list[Finding]:
    rows = source.encode(sample(splits.train, _TRIED))
    findings = _vocabulary(teacher, rows, "teacher")
    if findings:
        return findings
    findings = [*check_mode(teacher, source, rows), *check_inputs(teacher, source, splits.train)]
    fits = len(label_names_of(teacher)) == len(splits.label_names)
    if len(splits.valid):
        findings += check_head(teacher, source, splits.valid, splits.label_names, trained=trained and fits)
    return findings


def _examine_student(student: PreTrainedModel, source: Reader, splits: Splits) -> list[Finding]:
    rows = source.encode(sample(splits.train, _TRIED))
    if len(label_names_of(student)) != len(splits.label_names):
        return []  # named by its labels
    return _vocabulary(student, rows, "student") or check_student(student, source, rows)


def _vocabulary(model: PreTrainedModel, rows: list[Row], where: str) -> list[Finding]:
    highest = max(max(row[IDS], default=0) for row in rows)
    size = cast("nn.Embedding", model.get_input_embeddings()).num_embeddings
    if highest < size:
        return []
    return [Finding(
        "vocabulary-mismatch", where,
        f"The collator's tokenizer gives token {highest}; the {where} has embeddings for {size} tokens.",
        f"Encode with the {where}'s own tokenizer.",
    )]  # fmt: skip
