"""A task: how logits become probabilities and decisions, what is trained on, which figures say how good it is.

Every other module asks the task; none of them calls softmax, argmax or cross-entropy. To add a task, write its class in a
file of its own beside ``single_label.py`` and name it in :data:`alambique.evaluation.tasks.TASKS`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from alambique.artefacts.splits import Split
    from alambique.evaluation.contributions import Contributions
    from alambique.losses.contract import PredictionLoss
    from alambique.recipe.decide import Decide
    from alambique.recipe.verdict import Verdict


ProblemType = Literal["regression", "single_label_classification", "multi_label_classification"]


class Thresholds(NamedTuple):
    """The thresholds of two models, (C,) probabilities each; None: those of the task."""

    mine: np.ndarray | None = None
    theirs: np.ndarray | None = None


NO_THRESHOLDS = Thresholds()


class Baseline(NamedTuple):
    """A cheap model that a student must beat.

    Attributes:
        logits: from the rows of a split to (rows, C) float32.
        parameters: how many weights it has.
    """

    logits: "Callable[[Split], np.ndarray]"
    parameters: int


@dataclass(frozen=True)
class ScoredRows:
    """A model's logits on a split, with what they are compared with.

    Attributes:
        logits: (N, C).
        labels: (N,) class indices; (N, C) 0 or 1 where rows have any number of labels.
        teacher: (N, C) the teacher's logits on the same rows.
        thresholds: of the model and of the teacher.
    """

    logits: np.ndarray
    labels: np.ndarray
    teacher: np.ndarray
    thresholds: Thresholds = NO_THRESHOLDS

    @property
    def is_teacher(self) -> bool:
        """Whether the model is that teacher itself."""
        return self.logits is self.teacher


@dataclass(frozen=True)
class Metric:
    """A figure of quality, over one split.

    Attributes:
        title: what the report calls it, with its unit.
        value: the figure.
        contributions: of the rows, for its interval (:mod:`alambique.evaluation.contributions`); None where an interval
            would mislead.
        by_chance: instead of an interval, the value that a model without this fault shows on so few rows.
        fraction: it lies from ``least`` to 1 and is shown in percent.
        least: the smallest value of a fraction.
        digits: decimal places that are shown.
        needs_order: it is defined for labels in order only.
    """

    title: str
    value: Callable[[ScoredRows], float]
    contributions: "Callable[[ScoredRows], Contributions] | None"
    by_chance: Callable[[ScoredRows], float] | None = None
    fraction: bool = True
    least: float = 0.0
    digits: int = 1
    needs_order: bool = False


class Task(ABC):
    """Base of the tasks.

    Args:
        chosen: section of the recipe, with the figures of the verdict and of the best epoch; None: the defaults.
        label_names: of the data; without sections they are not needed.
        decide: section of the recipe, with thresholds; None: the decisions of the task.

    Attributes:
        name: as stored with the data.
        problem_type: of a Transformers config.
        soft_loss: the default of ``distillation.loss``.
        verdict_metric: the metric that the verdict is about, and seeds and trials are chosen by: a key of :attr:`metrics`.
        epoch_metric: the metric that epochs are chosen by: a key of :meth:`epoch_metrics`.
        epoch_title: what the report calls it.
        several: whether a row has any number of labels.
        ships_thresholds: whether :meth:`shipped_thresholds` may give any.
        greater_is_better: of the verdict's metric, and of that of epochs.
        reach: the largest gain in the verdict's metric that there can be.
        columns: keys of :attr:`metrics` in the order of the report's columns.
    """

    name: ClassVar[str]
    problem_type: ClassVar[ProblemType]
    soft_loss: ClassVar[str]
    columns: tuple[str, ...]
    verdict_metric: str
    epoch_metric: str
    epoch_title: str
    several: ClassVar[bool] = False
    ships_thresholds: bool = False
    greater_is_better: tuple[bool, bool] = (True, True)
    reach: float = 1.0

    def __init__(
        self, chosen: "Verdict | None" = None, label_names: tuple[str, ...] = (), decide: "Decide | None" = None
    ) -> None:
        """Take what a recipe chose."""
        self._given, self._label_names, self._decide = chosen, label_names, decide

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process makes it anew: the functions that it holds cannot be sent."""
        return type(self), (self._given, self._label_names, self._decide)

    def _name_figures(self, verdict: str, epoch: str, *, logged: str) -> None:
        """Take the keys of the figures of the verdict and of the best epoch, and that by which the latter is logged."""
        self.verdict_metric, self.epoch_metric, self.epoch_title = verdict, logged, epoch
        if verdict not in self.columns:
            self.columns = (verdict, *self.columns)

    @property
    def _is_default(self) -> bool:
        return self._given is None or self._given == type(self._given)()

    @property
    def _chosen(self) -> "Verdict":
        from alambique.recipe.verdict import Verdict  # noqa: PLC0415 - pydantic, which predict does not need

        return self._given or Verdict()

    def key(self) -> dict[str, Any]:
        """Its part of a stage's manifest key; single-label, which came first, has none."""
        return {"task": self.name}

    @abstractmethod
    def probabilities(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """(N, C) float64 probabilities of (N, C) logits divided by ``temperature``."""

    @abstractmethod
    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        """(N, C) logits that give these probabilities."""

    @abstractmethod
    def decide(self, logits: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """The decision for each row of (N, C) logits.

        Args:
            logits: (N, C).
            thresholds: (C,) probabilities at which it decides; None: those of the task.
        """

    def fit_thresholds(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """The thresholds, (C,) probabilities, that suit (N, C) logits of rows with labels; None where there are none."""
        del logits, labels
        return None

    def shipped_thresholds(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """The thresholds that a student is shipped with, as :meth:`decided` takes them, from its logits on valid."""
        return self.fit_thresholds(logits, labels)

    @abstractmethod
    def decided(self, probabilities: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """The decision for each row of (N, C) probabilities.

        Args:
            probabilities: not calibrated, as thresholds are of such.
            thresholds: (C,); NaN for a label without one.
        """

    @abstractmethod
    def right(self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N,) whether the decision for each row is its label."""

    @abstractmethod
    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        """(N,) the probability of each row's decision."""

    @abstractmethod
    def hard_loss(self, logits: "Tensor", labels: "Tensor", *, label_smoothing: float = 0.0) -> "Tensor":
        """(B,) the loss of (B, C) logits against hard labels; 0 for a row without one."""

    @abstractmethod
    def soft_loss_of(self, loss: "PredictionLoss") -> "PredictionLoss":
        """A loss between (B, C) logits of student and teacher, as it is defined for this task.

        Raises:
            ValueError: it is not.
        """

    @abstractmethod
    def labelled(self, labels: "Tensor") -> "Tensor":
        """(B,) whether each row has a hard label."""

    @abstractmethod
    def calibration(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Confidence and correctness (0 or 1) of each decision, one-dimensional arrays of one length."""

    @abstractmethod
    def calibration_error(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> tuple[float, float]:
        """The expected calibration error, and that which a calibrated model of this confidence shows on so few rows."""

    @abstractmethod
    def fit_temperature(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The temperature for which the probabilities of (N, C) logits fit the labels best."""

    @abstractmethod
    def epoch_metrics(
        self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None
    ) -> dict[str, float]:
        """Figures that are logged after each epoch; :attr:`epoch_metric` among them.

        Args:
            logits: (N, C).
            labels: of the rows.
            thresholds: (C,); None: those that suit these rows, as on valid.
        """

    @abstractmethod
    def any_labels(self, rows: int, classes: int) -> np.ndarray:
        """Labels as a training has them, int64: the first class, or none."""

    @abstractmethod
    def most_frequent(self, labels: np.ndarray) -> Any:
        """The decision that is right for most of these rows; of equally frequent ones the first."""

    @abstractmethod
    def constant(self, decision: Any, classes: int) -> np.ndarray:
        """(C,) logits that give this decision."""

    @abstractmethod
    def words(self, decision: Any, names: tuple[str, ...]) -> str:
        """A decision in words: the names of its labels."""

    @abstractmethod
    def answer(self, probabilities: np.ndarray, names: tuple[str, ...], decision: Any) -> dict[str, Any]:
        """The answer for one text as JSON values, with the probability of every label as ``scores``.

        Args:
            probabilities: (C,) of the text.
            names: of the labels.
            decision: for the text, as :meth:`decided` gives it for each.
        """

    @abstractmethod
    def majority(self, train: "Split", classes: int) -> Baseline:
        """A model that knows how frequent the labels are in train, and nothing of the text."""

    @abstractmethod
    def tfidf(self, train: "Split", classes: int) -> Baseline:
        """TF-IDF of words with logistic regression, fitted on train."""

    @property
    @abstractmethod
    def metrics(self) -> Mapping[str, Metric]:
        """All figures of the report, by their key."""

    @abstractmethod
    def gain(
        self, student: np.ndarray, other: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> "Contributions":
        """How much better the student's verdict metric is than the other model's, paired by row.

        Args:
            student: (N, C) logits.
            other: (N, C) logits.
            labels: of the rows.
            thresholds: of both.
        """

    @abstractmethod
    def retention(
        self, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> "Contributions | None":
        """The student's verdict metric as a fraction of the teacher's, paired by row; None if there is no such fraction.

        Args:
            student: (N, C) logits.
            teacher: (N, C) logits.
            labels: of the rows.
            thresholds: of both.
        """

    def paired_test(
        self, student: np.ndarray, undistilled: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> dict[str, Any]:
        """McNemar's exact test of both models, (N, C) logits each, on the same rows, as JSON values."""
        from alambique.evaluation.intervals import mcnemar  # noqa: PLC0415 - scipy

        right = self.right(student, labels, thresholds.mine), self.right(undistilled, labels, thresholds.theirs)
        return mcnemar(*right, np.ones(len(labels), dtype=bool))

    def score(self, metric: str, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None) -> float:
        """One figure that needs no teacher."""
        scored = ScoredRows(logits, labels, logits, Thresholds(thresholds, thresholds))
        return self.metrics[metric].value(scored)

    def on_valid(self, metric: str, logits: np.ndarray, labels: np.ndarray) -> float:
        """One figure on the rows that thresholds are chosen on."""
        return self.score(metric, logits, labels, self.fit_thresholds(logits, labels))

    def merit(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The verdict's metric on valid, or its negation where less of it is better: the model with the most is the best."""
        value = self.on_valid(self.verdict_metric, logits, labels)
        return value if self.greater_is_better[0] else -value
