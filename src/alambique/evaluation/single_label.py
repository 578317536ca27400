"""Single-label classification: each row has one class.

Importing this module imports numpy alone: ``predict`` with an ONNX file needs :meth:`SingleLabel.probabilities`.
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
    from alambique.evaluation.verdict_metrics import VerdictMetric
    from alambique.losses.contract import PredictionLoss
    from alambique.recipe import verdict as sections
    from alambique.recipe.decide import Decide
    from alambique.recipe.verdict import Verdict


class SingleLabel(Task):
    """Softmax over classes, the largest logit decides, cross-entropy with the label."""

    name = "single_label"
    problem_type: ClassVar[ProblemType] = "single_label_classification"
    soft_loss = "kl"
    verdict_metric = epoch_metric = epoch_title = "macro_f1"
    columns: tuple[str, ...] = (
        "macro_f1", "accuracy", "agreement_with_teacher", "quadratic_weighted_kappa", "mean_absolute_error",
        "kl_to_teacher", "expected_calibration_error",
    )  # fmt: skip

    def __init__(
        self, chosen: "Verdict | None" = None, label_names: tuple[str, ...] = (), decide: "Decide | None" = None
    ) -> None:
        """Take the figures of the verdict and of the best epoch from a recipe, and how the student decides.

        Args:
            chosen: section of the recipe; None: macro-F1.
            label_names: of the data; without a section they are not needed.
            decide: section of the recipe; None: the most probable class.
        """
        super().__init__(chosen, label_names, decide)
        self.ships_thresholds = decide is not None and decide.label is not None
        if not self._is_default:
            of_verdict, of_epoch = self._of_verdict, self._of_epoch
            self._name_figures(of_verdict.key, of_epoch.key, logged=of_epoch.logged)
            self.greater_is_better = (of_verdict.greater_is_better, of_epoch.greater_is_better)
            self.reach = of_verdict.reach

    @cached_property
    def _of_verdict(self) -> "VerdictMetric":
        return self._metric(self._chosen.metric)

    @cached_property
    def _of_epoch(self) -> "VerdictMetric":
        return self._metric(self._chosen.for_best_epoch)

    def _metric(self, section: "sections.Metric") -> "VerdictMetric":
        from alambique.evaluation.verdict_metrics import verdict_metric  # noqa: PLC0415 - scikit-learn takes a second

        return verdict_metric(section, self._label_names, self)

    def key(self) -> dict[str, Any]:
        """How epochs are chosen; empty where it is by macro-F1, so that keys of earlier runs stay valid."""
        from alambique.recipe import verdict as sections  # noqa: PLC0415 - as above

        chosen = self._chosen.for_best_epoch
        return {} if isinstance(chosen, sections.MacroF1) else {"best_epoch": sections.name_or_mapping(chosen)}

    def probabilities(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """(N, C) float64, each row a distribution: softmax of the logits divided by ``temperature``."""
        scaled = logits.astype(np.float64) / temperature
        powers = np.exp(scaled - scaled.max(-1, keepdims=True))
        return np.asarray(powers / powers.sum(-1, keepdims=True))

    def logits_of(self, probabilities: np.ndarray) -> np.ndarray:
        """Logarithms."""
        from alambique.artefacts.soft_labels import log_probabilities  # noqa: PLC0415 - as in _metric

        return log_probabilities(probabilities)

    def decide(self, logits: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N,) the class of each row's largest logit or probability; with thresholds, as :meth:`decided`."""
        return (
            np.asarray(logits.argmax(-1))
            if thresholds is None
            else self.decided(self.probabilities(logits), thresholds)
        )

    def decided(self, probabilities: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N,) the most probable class or, with thresholds, a class that reaches its own, else the best of the others."""
        if thresholds is None:
            return np.asarray(probabilities.argmax(-1))
        reached, plain = probabilities >= thresholds, np.isnan(thresholds)
        among = np.where(reached.any(-1, keepdims=True), reached, plain)
        return np.asarray(np.where(among, probabilities, -1.0).argmax(-1))

    def shipped_thresholds(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray | None:
        """(C,) NaN but for the class that ``decide`` names; None without it, and where no threshold keeps its promise."""
        if self._decide is None or self._decide.label is None or self._decide.at_precision is None:
            return None
        from alambique.evaluation.class_threshold import choose_class_threshold  # noqa: PLC0415 - scipy

        index = self._label_names.index(self._decide.label)
        scores = self.probabilities(logits)[:, index]
        threshold = choose_class_threshold(scores, labels == index, self._decide.at_precision)
        if threshold is None:
            return None
        thresholds = np.full(len(self._label_names), np.nan)
        thresholds[index] = threshold
        return thresholds

    def right(self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None) -> np.ndarray:
        """(N,) whether the decision is the label."""
        return np.asarray(self.decide(logits, thresholds) == labels)

    def confidence(self, probabilities: np.ndarray) -> np.ndarray:
        """(N,) each row's largest probability."""
        return np.asarray(probabilities.max(-1))

    def hard_loss(self, logits: "Tensor", labels: "Tensor", *, label_smoothing: float = 0.0) -> "Tensor":
        """(B,) cross-entropy in nats; 0 for a row whose label is −100. ``labels`` (B,) are class indices."""
        from alambique.losses.mixture import cross_entropy  # noqa: PLC0415 - torch

        return cross_entropy(logits, labels, label_smoothing=label_smoothing)

    def soft_loss_of(self, loss: "PredictionLoss") -> "PredictionLoss":
        """The loss itself: all are defined for the classes of a softmax."""
        return loss

    def labelled(self, labels: "Tensor") -> "Tensor":
        """(B,) false where the label is −100."""
        return labels != NO_LABEL

    def fit_temperature(self, logits: np.ndarray, labels: np.ndarray) -> float:
        """The temperature that minimises cross-entropy (Guo et al. 2017, §4.2), from 0.05 to 20."""
        from scipy import optimize, special  # noqa: PLC0415 - slow, and predict does not need it

        rows = np.arange(len(labels))

        def loss(log_temperature: float) -> float:
            scaled = special.log_softmax(logits.astype(np.float64) / np.exp(log_temperature), axis=-1)
            return float(-scaled[rows, labels].mean())

        best = optimize.minimize_scalar(loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
        return float(np.exp(best.x))

    def epoch_metrics(
        self, logits: np.ndarray, labels: np.ndarray, thresholds: np.ndarray | None = None
    ) -> dict[str, float]:
        """Accuracy, macro-F1, and the figure that epochs are chosen by."""
        del thresholds
        figures = {name: self.score(name, logits, labels) for name in ("accuracy", "macro_f1")}
        return figures if self.epoch_metric in figures else figures | {
            self.epoch_metric: self._of_epoch.value(logits, labels)
        }  # fmt: skip

    @cached_property
    def metrics(self) -> Mapping[str, Metric]:
        """Those of any verdict, agreement with the teacher and KL, calibration error, and those of labels in order."""
        from alambique.evaluation import contributions, metrics  # noqa: PLC0415 - scikit-learn takes a second
        from alambique.recipe import verdict as sections  # noqa: PLC0415

        def decisions(scored: ScoredRows) -> tuple[np.ndarray, np.ndarray]:
            return self.decide(scored.logits), scored.labels

        def calibration(scored: ScoredRows) -> tuple[np.ndarray, np.ndarray]:
            return self._calibration(self.probabilities(scored.logits), scored.labels)

        def classes(scored: ScoredRows) -> int:
            return int(scored.logits.shape[-1])

        def right(scored: ScoredRows) -> np.ndarray:
            return (self.decide(scored.logits) == scored.labels).astype(np.float64)

        def same(scored: ScoredRows) -> np.ndarray:
            return (self.decide(scored.logits) == self.decide(scored.teacher)).astype(np.float64)

        def agreement(scored: ScoredRows) -> "Contributions":
            """A teacher agrees with itself on any row."""
            return (contributions.of_mean if scored.is_teacher else contributions.of_share)(same(scored))

        def steps(scored: ScoredRows) -> np.ndarray:
            return np.abs(self.decide(scored.logits) - scored.labels).astype(float)

        kappa = self._metric(sections.QuadraticWeightedKappa())
        known = {
            "accuracy": Metric(
                "accuracy, %",
                lambda scored: metrics.accuracy(*decisions(scored)),
                lambda scored: contributions.of_share(right(scored)),
            ),
            "macro_f1": Metric(
                "macro-F1, %",
                lambda scored: metrics.macro_f1(*decisions(scored), classes(scored)),
                lambda scored: contributions.of_macro_f1(*decisions(scored), classes(scored)),
            ),
            "expected_calibration_error": Metric(
                "calibration error, %",
                lambda scored: metrics.expected_calibration_error(*calibration(scored)),
                contributions=None,
                by_chance=lambda scored: metrics.calibration_error_by_chance(calibration(scored)[0]),
            ),
            "agreement_with_teacher": Metric(
                "agrees with teacher, %", lambda scored: float(same(scored).mean()), agreement
            ),
            "kl_to_teacher": Metric(
                "KL to teacher, nats",
                lambda scored: float(_divergences(scored).mean()),
                lambda scored: contributions.of_mean(_divergences(scored)), fraction=False, digits=3,
            ),
            "mean_absolute_error": Metric(
                "mean absolute error, classes",
                lambda scored: metrics.mean_absolute_error(*decisions(scored)),
                lambda scored: contributions.of_share(steps(scored)), fraction=False, digits=2, needs_order=True,
            ),
            kappa.key: kappa.metric(),
        }  # fmt: skip
        of_verdict = self._of_verdict
        return known if of_verdict.key in known else known | {of_verdict.key: of_verdict.metric()}

    def calibration(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Confidence and correctness (0 or 1) of each row, (N,) each."""
        return self._calibration(self.probabilities(logits, temperature), labels)

    def _calibration(self, probabilities: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return self.confidence(probabilities), (self.decide(probabilities) == labels).astype(np.float64)

    def calibration_error(
        self, logits: np.ndarray, labels: np.ndarray, temperature: float = 1.0
    ) -> tuple[float, float]:
        """Of each row's largest probability."""
        from alambique.evaluation import metrics  # noqa: PLC0415 - scikit-learn takes a second

        confidence, correct = self.calibration(logits, labels, temperature)
        return (
            metrics.expected_calibration_error(confidence, correct),
            metrics.calibration_error_by_chance(confidence),
        )

    def any_labels(self, rows: int, classes: int) -> np.ndarray:
        """(N,) the first class."""
        del classes
        return np.zeros(rows, dtype=np.int64)

    def most_frequent(self, labels: np.ndarray) -> int:
        """The most frequent class."""
        return int(np.bincount(labels).argmax())

    def constant(self, decision: int, classes: int) -> np.ndarray:
        """(C,) 1 for the class, 0 for others."""
        return np.asarray(np.eye(classes)[decision])

    def words(self, decision: int, names: tuple[str, ...]) -> str:
        """The name of the class."""
        return names[decision]

    def answer(self, probabilities: np.ndarray, names: tuple[str, ...], decision: Any) -> dict[str, Any]:
        """``label``, its ``probability``, and ``scores``."""
        best = int(decision)
        scores = dict(zip(names, probabilities.tolist(), strict=True))
        return {"label": names[best], "probability": scores[names[best]], "scores": scores}

    def majority(self, train: "Split", classes: int) -> Baseline:
        """The log frequency of each class."""
        from alambique.evaluation.baselines import majority_logits  # noqa: PLC0415 - scikit-learn takes a second

        return Baseline(lambda split: majority_logits(train, len(split), classes), 0)

    def tfidf(self, train: "Split", classes: int) -> Baseline:
        """One regression over all classes."""
        from alambique.evaluation.baselines import Tfidf  # noqa: PLC0415

        model = Tfidf(train)
        return Baseline(lambda split: model.logits(split, classes), model.parameters)

    def gain(
        self, student: np.ndarray, other: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> "Contributions":
        """Difference in the verdict's metric."""
        del thresholds
        return self._of_verdict.gain(student, other, labels)

    def retention(
        self, student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, thresholds: Thresholds = NO_THRESHOLDS
    ) -> "Contributions | None":
        """The verdict's metric as a fraction of the teacher's; None where the teacher's is 0, or less of it is better."""
        del thresholds
        return self._of_verdict.ratio(student, teacher, labels)


def _divergences(scored: ScoredRows) -> np.ndarray:
    """(N,) KL(teacher ‖ model) of each row at temperature 1, in nats."""
    from scipy import special  # noqa: PLC0415

    own = special.log_softmax(scored.logits.astype(np.float64), axis=-1)
    theirs = special.log_softmax(scored.teacher.astype(np.float64), axis=-1)
    return np.asarray((np.exp(theirs) * (theirs - own)).sum(-1))


SINGLE_LABEL = SingleLabel()
