"""The set-up that is examined: models, rows, and how rows reach the models."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.doctor.batches import Reader, Row, sample
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS

_TRIED = 8  # rows


@dataclass(frozen=True)
class Setup:
    """Everything that a check may look at. Checks leave all of it as it was.

    Attributes:
        teacher: a fine-tuned classifier, unless ``teacher_trained`` is false.
        student: a classifier to be trained.
        splits: the rows.
        soft_labels: the teacher's logits on train, if there are any yet.
        teacher_reader: encodes and batches rows for the teacher.
        student_reader: the same for the student.
        metadata: the data's columns in the second segment.
        teacher_trained: whether the teacher should know the task already.
        valid_answers: logits on valid, (rows, C), of a teacher that is known by its answers.
    """

    teacher: PreTrainedModel
    student: PreTrainedModel
    splits: Splits
    soft_labels: SoftLabels | None
    teacher_reader: Reader
    student_reader: Reader
    metadata: tuple[str, ...] = ()
    teacher_trained: bool = True
    valid_answers: np.ndarray | None = None

    @property
    def task(self) -> Task:
        """How the logits of both models are read."""
        return TASKS[self.splits.task]

    @cached_property
    def teacher_rows(self) -> list[Row]:
        """A few rows of train, encoded for the teacher."""
        return self.teacher_reader.encode(sample(self.splits.train, _TRIED))

    @cached_property
    def student_rows(self) -> list[Row]:
        """The same rows, encoded for the student."""
        return self.student_reader.encode(sample(self.splits.train, _TRIED))
