"""The section ``distillation`` of a recipe: how soft and hard labels, and the teacher's insides, are combined."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, WrapSerializer, field_validator

from alambique.losses.contract import name_or_mapping
from alambique.losses.features import FEATURE_WEIGHT, Features, feature_with_name
from alambique.losses.prediction import KL, Loss, with_name
from alambique.recipe.schedules import HardLabelWeight, Temperature
from alambique.recipe.sections import Section, Student


class Distillation(Section):
    """How soft and hard labels are combined."""

    loss: Annotated[Loss, Field(discriminator="name"), BeforeValidator(with_name), WrapSerializer(name_or_mapping)] = (
        Field(default_factory=KL)
    )
    """The soft loss: a name from the table below, or a mapping such as `{name: kl}` with the options of the loss."""
    temperature: Temperature = 2.0
    """Softmax temperature T; ignored by `mse`. A list of two, such as `[4, 1]`, moves it in a line from the first step to
    the last one planned."""
    hard_label_weight: HardLabelWeight = 0.5
    """Weight of the hard labels, from 0 (soft labels only) to 1 (hard labels only). A list of two moves it likewise."""
    features: Annotated[Features | None, BeforeValidator(feature_with_name), WrapSerializer(name_or_mapping)] = Field(
        default=None, discriminator="name"
    )
    """Also learn from the teacher's insides: a name from the table below, or a mapping such as
    `{name: hidden, layers: {2: 5}}`; null: from its logits alone."""
    feature_weight: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)] = FEATURE_WEIGHT
    """Weight of the feature loss beside the mixture of soft and hard labels."""
    feature_cache: bool = True
    """true: what the loss reads of the teacher is computed once and stored in `features/` (2 bytes per token and unit of
    width); false: the teacher reads each batch in each epoch. `alambique doctor` gives bytes and time of both."""
    features_first: Annotated[int, Field(ge=0, le=10**6)] = 0
    """The first epochs of `student.epochs`, in which the student learns from `distillation.features` alone, without soft or
    hard labels, as in TinyBERT; most useful with `data.unlabelled`."""
    unlabelled_ratio: Literal["all"] | Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)] = "all"
    """Unlabelled rows per row of train in each epoch, drawn anew for each; `all`: all of them once. Used with
    `data.unlabelled` alone."""

    @field_validator("feature_weight")
    @classmethod
    def _one_weight(cls, value: float, info: ValidationInfo) -> float:
        features = info.data.get("features")
        if features is not None and features.weight is not None and value not in (FEATURE_WEIGHT, features.weight):
            raise ValueError(f"is {value:g}, and distillation.features.weight is {features.weight:g}; give one of them")
        return value

    @field_validator("features_first")
    @classmethod
    def _of_features(cls, value: int, info: ValidationInfo) -> int:
        if value and info.data.get("features") is None:
            raise ValueError("needs distillation.features, which the first epochs learn from")
        return value

    def key(self) -> dict[str, Any]:
        """Values for the manifest key of the student; those of features only where there are any."""
        unused = {"features", "feature_weight"} if self.features is None else set()
        if not self.features_first:
            unused.add("features_first")
        # the rows of an epoch, a key of their own, follow from the ratio
        return self.model_dump(mode="json", exclude={"feature_cache", "unlabelled_ratio", *unused})


def check_compared(distillation: Distillation, *, views: int, student: Student | None) -> None:
    """Refuse a feature loss whose student and teacher would not read the same tokens of the same text.

    Args:
        distillation: section of the recipe.
        views: versions of each row, ``soft_labels.views``.
        student: section of the recipe; None where it has problems of its own.

    Raises:
        ValueError: says what differs.
    """
    if distillation.features is None:
        return
    vocabulary = None if student is None else student.vocabulary
    if views > 1:
        raise ValueError(
            "features are those of the rows themselves, and soft_labels.views makes further versions of them; set "
            "soft_labels.views to 1, or distillation.features to null"
        )
    if student is not None and student.static is not None:
        raise ValueError("features are those of layers, and student.static has none; set distillation.features to null")
    if not distillation.features.first_only and isinstance(vocabulary, int):
        raise ValueError(
            f"features compare the tokens of student and teacher, and a student.vocabulary of {vocabulary} reads some "
            "texts in other tokens; set student.vocabulary to auto"
        )
