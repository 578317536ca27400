"""The section ``verdict`` of a recipe: the figure that the run is about. Free of torch."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, PlainSerializer

from alambique.losses.contract import named
from alambique.recipe.section import Section

Precision = Annotated[float, Field(gt=0, lt=1)]


class MacroF1(Section):
    """Mean of F1 over the classes, each of which counts alike."""

    name: Literal["macro_f1"] = "macro_f1"


class MicroF1(Section):
    """F1 over all decisions of all labels together, where rows have any number of labels."""

    name: Literal["micro_f1"] = "micro_f1"


class SamplesF1(Section):
    """Mean over rows of the F1 of a row's labels, where rows have any number of labels."""

    name: Literal["samples_f1"] = "samples_f1"


class MeanAveragePrecision(Section):
    """Mean over labels of their average precision, where rows have any number of labels; it needs no thresholds."""

    name: Literal["mean_average_precision"] = "mean_average_precision"


class Accuracy(Section):
    """Fraction of rows whose decision is the label; where rows have any number of labels, whose labels are all right."""

    name: Literal["accuracy"] = "accuracy"


class QuadraticWeightedKappa(Section):
    """Agreement with labels in order beyond chance, distant mistakes counting more (Cohen 1968)."""

    name: Literal["quadratic_weighted_kappa"] = "quadratic_weighted_kappa"


class MeanAbsoluteError(Section):
    """Mean distance between decision and label, in steps of labels in order; less is better."""

    name: Literal["mean_absolute_error"] = "mean_absolute_error"


class ClassF1(Section):
    """F1 of one class."""

    name: Literal["f1"] = "f1"
    label: Annotated[str, Field(alias="class", min_length=1)]
    """A label of the data."""


class ClassRecall(Section):
    """Largest recall of one class at a precision, over all thresholds on its probability."""

    name: Literal["recall"] = "recall"
    label: Annotated[str, Field(alias="class", min_length=1)]
    """A label of the data."""
    at_precision: Precision
    """The precision that the threshold must reach."""


class ClassAveragePrecision(Section):
    """Average precision of one class: the area under its precision-recall curve, without interpolation."""

    name: Literal["average_precision"] = "average_precision"
    label: Annotated[str, Field(alias="class", min_length=1)]
    """A label of the data."""


Metric = (
    MacroF1
    | Accuracy
    | ClassF1
    | ClassRecall
    | ClassAveragePrecision
    | QuadraticWeightedKappa
    | MeanAbsoluteError
    | MicroF1
    | SamplesF1
    | MeanAveragePrecision
)
OF_A_CLASS = (ClassF1, ClassRecall, ClassAveragePrecision)
OF_LABEL_SETS = (MicroF1, SamplesF1, MeanAveragePrecision)
OF_ORDERED_LABELS = (QuadraticWeightedKappa, MeanAbsoluteError)
METRICS: dict[str, type[Any]] = {kind.model_fields["name"].default: kind for kind in get_args(Metric)}


def _with_name(value: Any) -> Any:
    return named(value, METRICS, options="the metric's options")


def _with_name_or_null(value: Any) -> Any:
    return None if value is None else _with_name(value)


def name_or_mapping(metric: Any) -> Any:
    """A metric as plain values: its name alone where it has no options."""
    if metric is None or isinstance(metric, OF_A_CLASS):
        return None if metric is None else metric.model_dump(mode="json", by_alias=True)
    return metric.name


Named = Annotated[Metric, BeforeValidator(_with_name), PlainSerializer(name_or_mapping)]
NamedOrNull = Annotated[Metric | None, BeforeValidator(_with_name_or_null), PlainSerializer(name_or_mapping)]


class Verdict(Section):
    """Which figure the verdict is about, and by which figure epochs are chosen.

    [imbalance.md](imbalance.md) helps to choose. A figure of one class names it, as in `{name: recall, class: fraud,
    at_precision: 0.9}`.
    """

    metric: Named = Field(default_factory=MacroF1, discriminator="name")
    """The figure of gain and retention, by which the kept seed, the stronger twin and a sweep's best trial are chosen
    too."""
    metric_for_best_epoch: NamedOrNull = Field(default=None, discriminator="name")
    """The figure on valid by which the best epoch of teacher, student and twin is chosen, and which `patience` watches;
    null: that of `verdict.metric`."""

    @property
    def for_best_epoch(self) -> Metric:
        """The figure by which epochs are chosen."""
        return self.metric if self.metric_for_best_epoch is None else self.metric_for_best_epoch
