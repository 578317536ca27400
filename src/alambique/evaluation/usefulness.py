"""Whether a teacher knows something of the task that guessing does not."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from alambique.artefacts.splits import Splits
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS

_SHUFFLES = 50
_CERTAIN = 2.0  # standard deviations of the shuffles
_SEED = 0


@dataclass(frozen=True)
class Usefulness:
    """A teacher's figures on a split beside those of guessing; fractions from 0 to 1.

    Attributes:
        score: the task's verdict metric (macro-F1) of the teacher.
        constant: the metric of always answering train's most frequent label.
        accuracy: share of rows that the teacher gets right.
        constant_accuracy: the same of always answering train's most frequent label.
        shuffled: the metric that the teacher's mix of answers gets without a look at the text: mean and standard deviation
            over random orders of its answers. None where accuracy decides.
    """

    score: float
    constant: float
    accuracy: float
    constant_accuracy: float
    shuffled: tuple[float, float] | None

    @property
    def is_useful(self) -> bool:
        """Right in more rows than the constant answer, or better by the metric than it and, beyond chance, a shuffle."""
        if self.shuffled is None:
            return self.accuracy > self.constant_accuracy
        mean, deviation = self.shuffled
        return self.score > self.constant and self.score - mean > _CERTAIN * deviation

    def against(self, constant: str) -> str:
        """Word the comparison.

        Args:
            constant: the constant answer, as "always answering 'no'".
        """
        words = (
            f"macro-F1 {self.score:.1%} (accuracy {self.accuracy:.1%}); {constant} gets {self.constant:.1%} "
            f"({self.constant_accuracy:.1%})"
        )
        if self.shuffled is None or self.score <= self.constant:
            return words
        return f"{words}, its own answers in random order get {self.shuffled[0]:.1%}"


def usefulness(task: Task, logits: np.ndarray, labels: np.ndarray, frequent: Any) -> Usefulness:
    """Compare a teacher with guessing.

    A rare class makes accuracy a poor judge: a teacher that finds it at the cost of some false alarms has fewer rows right
    than one that never looks for it. Macro-F1 sees the class. Answers at random raise it too, so they are compared as well.

    Args:
        task: its verdict metric is used.
        logits: (N, C) of the teacher.
        labels: of valid, on which thresholds are chosen too, for guesses as for the teacher.
        frequent: train's most frequent label or set of labels.

    Example:
        >>> import numpy as np
        >>> from alambique.evaluation.tasks import TASKS
        >>> from alambique.evaluation.usefulness import usefulness
        >>> labels = np.array([1] * 5 + [0] * 95)
        >>> answers = np.array([1] * 15 + [0] * 85)  # all of the rare class are found, with ten false alarms
        >>> useful = usefulness(TASKS["single_label"], np.eye(2)[answers], labels, frequent=0)
        >>> useful.accuracy, useful.constant_accuracy, useful.is_useful
        (0.9, 0.95, True)
    """
    always = np.tile(task.constant(frequent, logits.shape[1]), (len(logits), 1))
    score, accuracy = (task.on_valid(name, logits, labels) for name in (task.verdict_metric, "accuracy"))
    constant, constant_accuracy = (
        task.on_valid(task.verdict_metric, always, labels),
        task.score("accuracy", always, labels),
    )
    decided = accuracy > constant_accuracy
    shuffled = None if decided else _shuffled(task, logits, labels)
    return Usefulness(score, constant, accuracy, constant_accuracy, shuffled)


def _shuffled(task: Task, logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    random = np.random.default_rng(_SEED)
    scores = [
        task.on_valid(task.verdict_metric, logits[random.permutation(len(logits))], labels) for _ in range(_SHUFFLES)
    ]
    return float(np.mean(scores)), float(np.std(scores))


def most_frequent(splits: Splits) -> Any:
    """The most frequent decision of train, or of valid where train has no labels; of equally frequent ones the first."""
    labelled = splits.train if splits.labelled_train else splits.valid
    return TASKS[splits.task].most_frequent(labelled.labels)
