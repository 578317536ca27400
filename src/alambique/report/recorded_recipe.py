"""The keys of a recorded recipe that pages and tables read; a recipe of another version may hold more."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from alambique.recipe.schedules import Schedule, ends_of
from alambique.recipe.teacher_list import as_list


class RecordedPart(BaseModel):
    """A frozen part of a recorded recipe; keys that nobody reads are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedData(RecordedPart):
    """Keys of ``data``."""

    source: str | tuple[str, ...] | Mapping[str, str | tuple[str, ...]]
    text: tuple[str, ...]
    label_groups: str | Mapping[str, str] | None = None
    metadata: tuple[str, ...] = ()
    max_length: int

    @property
    def first_source(self) -> str:
        """The data's name: a Hub id, a folder, or the file of train."""
        names = self.source["train"] if isinstance(self.source, Mapping) else self.source
        return names if isinstance(names, str) else names[0]

    @property
    def pairs(self) -> bool:
        """Whether the model reads two segments per row."""
        return len(self.text) > 1 or bool(self.metadata)


class RecordedModel(RecordedPart):
    """Keys of ``teacher`` and ``student``."""

    model: str | None = None


class RecordedDistillation(RecordedPart):
    """Keys of ``distillation``."""

    loss: str | Mapping[str, Any]
    temperature: Schedule
    hard_label_weight: Schedule
    features: str | Mapping[str, Any] | None = None
    feature_weight: float | None = None

    @property
    def temperature_words(self) -> str:
        """The temperature, such as ``2.0`` or ``4.0 to 1.0``."""
        return _schedule_words(self.temperature)

    @property
    def hard_label_weight_words(self) -> str:
        """The weight of the hard labels, such as ``0.5`` or ``0.2 to 0.8``."""
        return _schedule_words(self.hard_label_weight)

    @property
    def loss_words(self) -> str:
        """The loss with its options, such as ``dkd (alpha 1.0, beta 8.0)``."""
        if isinstance(self.loss, str):
            return self.loss
        return _with_options(self.loss["name"], {name: value for name, value in self.loss.items() if name != "name"})

    @property
    def feature_words(self) -> str | None:
        """The feature loss with its weight and options, such as ``hidden (weight 0.01)``; None without one."""
        if self.features is None:
            return None
        given: dict[str, Any] = {"name": self.features} if isinstance(self.features, str) else dict(self.features)
        weight = self.feature_weight if given.get("weight") is None else given["weight"]
        options = {name: value for name, value in given.items() if name not in ("name", "weight") and value is not None}
        if "layers" in options:
            options["layers"] = ", ".join(f"{ours} from {theirs}" for ours, theirs in options["layers"].items())
        return _with_options(given["name"], {"weight": weight} | options)


class RecordedLabelling(RecordedPart):
    """Keys of ``soft_labels``."""

    views: int | Mapping[str, Any] = 1

    @property
    def words_replaced(self) -> bool:
        """Whether a masked language model replaced words of the further versions of rows."""
        return isinstance(self.views, Mapping) and self.views.get("model") is not None


def _with_options(name: str, options: Mapping[str, Any]) -> str:
    words = ", ".join(f"{option} {value}" for option, value in options.items())
    return f"{name} ({words})" if words else name


def _schedule_words(schedule: Schedule) -> str:
    first, last = ends_of(schedule)
    return str(first) if first == last else f"{first} to {last}"


class RecordedRecipe(RecordedPart):
    """Keys of the recipe."""

    data: RecordedData
    teachers: Annotated[tuple[RecordedModel, ...], BeforeValidator(as_list), Field(alias="teacher", min_length=1)]
    student: RecordedModel
    soft_labels: RecordedLabelling = RecordedLabelling()
    distillation: RecordedDistillation
