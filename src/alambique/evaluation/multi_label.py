"""Multi-label classification: each row has any number of labels, from none.

Importing this module imports numpy alone: ``predict`` with an ONNX file needs probabilities and decisions.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from alambique.evaluation.task import NO_THRESHOLDS, Baseline, Metric, ProblemType, ScoredRows, Task, Thresholds
from alambique.losses.no_label import NO_LABEL

if TYPE_CHECKING:
    from torch import Tensor

    from alambique.artefacts.splits import Split
    from alambique.evaluation.contributions import Contributions
    from alambique.evaluation.label_metrics import Decided, LabelMetric
    from alambique.losses.contract import PredictionLoss
    from alambique.recipe import verdict as sections
    from alambique.recipe.decide import Decide
    from alambique.recipe.verdict import Verdict

_HALF = 0.5


class MultiLabel(Task):
    """A sigmoid for each label, which is given where its probability reaches its threshold; binary cross-entropy."""

    name = "multi_label"
    problem_type: ClassVar[ProblemType] = "multi_label_classification"
    soft_loss = "kl"
    several = True
    ships_thresholds = True
    verdict_metric = epoch_metric = epoch_title = "macro_f1"
    columns: tuple[str, ...] = (
        "macro_f1", "micro_f1", "samples_f1", "accuracy", "mean_average_precision", "agreement_with_teacher",
        "kl_to_teacher", "expected_calibration_error",
    )  # fmt: skip

    def __init__(
        self, chosen: "Verdict | None" = None, label_names: tuple[str, ...] = (), decide: "Decide | None" = None
    ) -> None:
        """Take the figures of the verdict and of the best epoch from a recipe, and thresholds that it gives.

        Args:
            chosen: section of the recipe; None: macro-F1.
            label_names: of the data; without a section they are not needed.
            decide: section of the recipe; None: all thresholds are chosen.
        """
        super().__init__(chosen, label_names, decide)
        self._thresholds = {} if decide is None else dict(decide.thresholds or {})
        if not self._is_default:
            self._name_figures(self._of_verdict.key, self._of_epoch.key, logged=self._of_epoch.logged)

    @cached_property
    def _of_verdict(self) -> "LabelMetric":
        return self._metric(self._chosen.metric)

    @cached_property
    def _of_epoch(self) -> "LabelMetric":
        return self._metric(self._chosen.for_best_epoch)

    def _metric(self, section: "sections.Metric") -> "LabelMetric":
        from alambique.evaluation.label_metrics import label_metric  # noqa: PLC0415 - scikit-learn takes a second

        return label_metric(section, self._label_names)

    def key(self) -> dict[str, Any]:
        """Its name, and how epochs are chosen where that is not by macro-F1."""
        from alambique.recipe import verdict as sections  # noqa: PLC0415 - pydantic, which predict does not need

        chosen = self._chosen.for_best_epoch
        best = {} if isinstance(chosen, sections.MacroF1) else {"best_epoch": sections.name_or_mapping(chosen)}
        given = {"thresholds": self._thresholds} if self._thresholds else {}  # epochs are scored at these
        return {"task": self.name, **best, **given}

    def probabilities(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """(N, L) float64: the sigmoid of each logit divided by ``temperature``."""
        scaled = logits.astype(np.float64) / temperature
        power = np.exp(-np.abs(scaled))
        return np.asarray(np.where(scaled >= 0, 1.0, power) / (1.0 + power))

    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        """Log-odds."""
        given = np.maximum(probabilities, np.finfo(np.float32).tiny)
        return np.asarray(np.log(given) - np.log(np.maximum(1 - probabilities, np.finfo(np.float64).eps)))

    def decide(self, logits: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N, L) int64: 1 where the probability of a label reaches its threshold; without thresholds, one half."""
        return self.decided(self.probabilities(logits), thresholds)

    def decided(self, probabilities: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N, L) int64, as :meth:`decide`, of probabilities."""
        return np.asarray(probabilities >= (_HALF if thresholds is None else thresholds)).astype(np.int64)

    def fit_thresholds(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """(L,) the threshold of each label with the greatest F1 on these rows, or that which ``decide`` gives it."""
        from alambique.evaluation.thresholds import choose_thresholds  # noqa: PLC0415

        chosen = choose_thresholds(self.probabilities(logits), labels)
        for name, threshold in self._thresholds.items():
            chosen[self._label_names.index(name)] = threshold
        return chosen

    def right(self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N,) whether a row is given exactly its labels."""
        return np.asarray((self.decide(logits, thresholds) == labels).all(-1))

    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        """(N,) the mean over labels of the probability of each label's more probable answer."""
        return np.asarray(np.maximum(probabilities, 1 - probabilities).mean(-1))

    def hard_loss(self, logits: "Tensor", labels: "Tensor", *, label_smoothing: float = 0.0) -> "Tensor":
        """(B,) binary cross-entropy in nats, the mean over labels; 0 for a row whose labels are −100.

        It is the loss of ``transformers`` for ``problem_type: multi_label_classification``, before the mean over rows.
        """
        from alambique.losses.multi_label import binary_cross_entropy  # noqa: PLC0415 - torch

        return binary_cross_entropy(logits, labels, label_smoothing=label_smoothing)

    def soft_loss_of(self, loss: "PredictionLoss") -> "PredictionLoss":
        """The loss with a sigmoid for each label in the place of the softmax."""
        from alambique.losses.multi_label import multi_label_loss  # noqa: PLC0415

        return multi_label_loss(loss)

    def labelled(self, labels: "Tensor") -> "Tensor":
        """(B,) false where the labels are −100."""
        return (labels != NO_LABEL).all(-1)

    def fit_temperature(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The temperature that minimises binary cross-entropy, the same for all labels, from 0.05 to 20."""
        from scipy import optimize  # noqa: PLC0415 - slow, and predict does not need it

        exact, signs = logits.astype(np.float64), 1 - 2 * labels

        def loss(log_temperature: float) -> float:
            return float(np.logaddexp(0, signs * exact / np.exp(log_temperature)).mean())

        best = optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
        return float(np.exp(best.x))

    def epoch_metrics(
        self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None
    ) -> dict[str, float]:
        """Subset accuracy, macro-F1, micro-F1, and the figure that epochs are chosen by.

        Without thresholds, at those that are best on these rows, as on valid.
        """
        chosen = self.fit_thresholds(logits, labels) if thresholds is None else thresholds
        figures = {name: self.score(name, logits, labels, chosen) for name in ("accuracy", "macro_f1", "micro_f1")}
        if self.epoch_metric in figures:
            return figures
        return figures | {self.epoch_metric: self._of_epoch.value(self._rows(logits, labels, chosen))}

    def _rows(self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None) -> "Decided":
        """A model's rows with its decisions."""
        from alambique.evaluation.label_metrics import Decided  # noqa: PLC0415

        return Decided(self.probabilities(logits), self.decide(logits, thresholds), labels)

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Those of any verdict, agreement with the teacher and KL, and the calibration error, a mean over labels."""
        from alambique.evaluation import contributions  # noqa: PLC0415
        from alambique.recipe import verdict as sections  # noqa: PLC0415 - as above

        def same(scored: ScoredRows) -> np.ndarray:
            """(N,) whether the model gives a row the same labels as the teacher."""
            mine = self.decide(scored.logits, scored.thresholds.mine)
            theirs = self.decide(scored.teacher, scored.thresholds.theirs)
            return (mine == theirs).all(-1).astype(np.float64)

        def agreement(scored: ScoredRows) -> "Contributions":
            """A teacher agrees with itself on any row."""
            return (contributions.of_mean if scored.is_teacher else contributions.of_share)(same(scored))

        of_labels = [
            self._metric(section())
            for section in (
                sections.MacroF1, sections.MicroF1, sections.SamplesF1, sections.Accuracy, sections.MeanAveragePrecision,
            )
        ]  # fmt: skip
        if self._of_verdict.key not in {metric.key for metric in of_labels}:
            of_labels.append(self._of_verdict)
        return {metric.key: self._reported(metric) for metric in of_labels} | {
            "agreement_with_teacher": Metric(
                "agrees with teacher, %", lambda scored: float(same(scored).mean()), agreement
            ),
            "kl_to_teacher": Metric(
                "KL to teacher, nats",
                lambda scored: float(self._divergences(scored).mean()),
                lambda scored: contributions.of_mean(self._divergences(scored)), fraction=False, digits=3,
            ),
            "expected_calibration_error": Metric(
                "calibration error, %",
                lambda scored: self.calibration_error(scored.logits, scored.labels)[0],
                contributions=None,
                by_chance=lambda scored: self.calibration_error(scored.logits, scored.labels)[1],
            ),
        }  # fmt: skip

    def _reported(self, metric: "LabelMetric") -> Metric:
        def rows(scored: ScoredRows) -> "Decided":
            return self._rows(scored.logits, scored.labels, scored.thresholds.mine)

        return Metric(
            metric.title, lambda scored: metric.value(rows(scored)), lambda scored: metric.contributions(rows(scored))
        )

    def _divergences(self, scored: ScoredRows) -> np.ndarray:
        """(N,) KL(teacher ‖ model), the sum over labels of that of each, in nats."""
        own, theirs = scored.logits.astype(np.float64), scored.teacher.astype(np.float64)
        share = self.probabilities(scored.teacher)
        given = share * (np.logaddexp(0, -own) - np.logaddexp(0, -theirs))
        others = (1 - share) * (np.logaddexp(0, own) - np.logaddexp(0, theirs))
        return np.asarray((given + others).sum(-1))

    def calibration(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """The probability of each label of each row, and whether the row has it, (N·L,) each."""
        return self.probabilities(logits, temperature).ravel(), labels.ravel().astype(np.float64)

    def calibration_error(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> tuple[float, float]:
        """The mean over labels of the calibration error of the label's probability."""
        errors = self.label_calibration(logits, labels, temperature)
        return float(np.mean([error for error, _ in errors])), float(np.mean([chance for _, chance in errors]))

    def label_calibration(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> list[tuple[float, float]]:
        """For each label the calibration error of its probability, and that which chance alone gives so few rows."""
        from alambique.evaluation import metrics  # noqa: PLC0415 - scikit-learn takes a second

        return [
            (metrics.expected_calibration_error(column, truth), metrics.calibration_error_by_chance(column))
            for column, truth in zip(
                self.probabilities(logits, temperature).T, labels.T.astype(np.float64), strict=True
            )
        ]

    def any_labels(self, rows: int, classes: int) -> np.ndarray:
        """(N, L) none."""
        return np.zeros((rows, classes), dtype=np.int64)

    def most_frequent(self, labels: np.ndarray) -> np.ndarray:
        """(L,) the most frequent set of labels."""
        sets, counts = np.unique(labels, axis=0, return_counts=True)
        return np.asarray(sets[counts.argmax()])

    def constant(self, decision: np.ndarray, classes: int) -> np.ndarray:
        """(L,) 1 for the labels of the set, −1 for others."""
        del classes
        return np.asarray(2.0 * decision - 1.0)

    def words(self, decision: np.ndarray, names: tuple[str, ...]) -> str:
        """The names of the labels, or that there is none."""
        return ", ".join(name for name, given in zip(names, decision, strict=True) if given) or "no label"

    def answer(self, probabilities: np.ndarray, names: tuple[str, ...], decision: Any) -> dict[str, Any]:
        """``labels``, those whose probability reaches their threshold, the most probable first, and ``scores``."""
        scores = dict(zip(names, probabilities.tolist(), strict=True))
        given = [name for name, has in zip(names, decision, strict=True) if has]
        return {"labels": sorted(given, key=lambda name: -scores[name]), "scores": scores}

    def majority(self, train: "Split", classes: int) -> Baseline:
        """The log-odds of each label's frequency."""
        from alambique.evaluation.label_baselines import frequency_logits  # noqa: PLC0415 - scikit-learn takes a second

        del classes
        return Baseline(lambda split: frequency_logits(train, len(split)), 0)

    def tfidf(self, train: "Split", classes: int) -> Baseline:
        """One regression per label, on the same words."""
        from alambique.evaluation.label_baselines import LabelTfidf  # noqa: PLC0415

        del classes
        model = LabelTfidf(train)
        return Baseline(model.logits, model.parameters)

    def gain(
        self, student: np.ndarray, other: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> "Contributions":
        """Difference in the verdict's metric."""
        return self._of_verdict.gain(
            self._rows(student, labels, thresholds.mine), self._rows(other, labels, thresholds.theirs)
        )

    def retention(
        self, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> "Contributions | None":
        """The verdict's metric as a fraction of the teacher's; None where the teacher's is 0."""
        return self._of_verdict.ratio(
            self._rows(student, labels, thresholds.mine), self._rows(teacher, labels, thresholds.theirs)
        )


MULTI_LABEL = MultiLabel()
