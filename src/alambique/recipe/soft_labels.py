"""The section ``soft_labels`` of a recipe: which teachers label train, and how their logits become soft labels."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, WrapSerializer, field_validator, model_validator

from alambique.recipe.sections import Section

MOST_FOLDS, MOST_MEMBERS, MOST_VIEWS = 20, 20, 100
AUTO_FOLDS = 5  # what `auto` takes where the teacher knows train by heart
AUTO_GAP = 0.1  # of accuracy, between train and valid


def _folds(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value == "auto" or (whole and 1 <= value <= MOST_FOLDS):
        return value
    raise ValueError(f"must be auto or a whole number from 1 to {MOST_FOLDS}")


def _views(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return {"count": value}
    if isinstance(value, (dict, Views)):
        return value
    raise ValueError("must be a whole number, or a mapping such as {count: 4, dropout: 0.1}")


def _count_or_mapping(views: "Views", serialize: Any) -> Any:
    """Views as plain values: their number alone where the rest is the default, and nothing about a model without one."""
    if views == Views(count=views.count):
        return views.count
    values = serialize(views)
    return values if views.model is not None else {key: values[key] for key in ("count", "dropout")}


class Views(Section):
    """Versions of each row of train."""

    count: Annotated[int, Field(ge=1, le=MOST_VIEWS)]
    """How many, the row itself among them."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Probability that a word is left out of a further version; 0 only with a model."""
    model: Annotated[str, Field(min_length=1)] | None = None
    """A masked language model, named as `teacher.model`, that replaces words of the further versions before others are left
    out. Its architecture need not be the teacher's. null: none are replaced."""
    replace: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Probability that a word is masked and replaced by one that the model samples there."""

    @model_validator(mode="after")
    def _versions_that_differ(self) -> Self:
        if self.model is None and "replace" in self.model_fields_set:
            raise ValueError("replace is set, and no model that replaces words; give model too, or leave replace out")
        if self.model is None and self.dropout == 0:
            raise ValueError(
                "dropout is 0 and there is no model, so all versions would be the same; set dropout above 0, or give model"
            )
        return self


class SoftLabelling(Section):
    """Which teachers label train, and how their logits become soft labels."""

    folds: Annotated[int | Literal["auto"], BeforeValidator(_folds)] = 1
    """K ≥ 2: train is cut into K folds, stratified, duplicates in one fold; K further teachers are trained, and each labels
    the fold that it was not trained on, so that no row is labelled by a teacher that knows its answer. `teacher/` is trained
    on all rows. `auto`: five folds if the accuracy of the teacher on train is more than 10 points above that on valid, else
    one."""
    members: Annotated[int, Field(ge=1, le=MOST_MEMBERS)] = 1
    """Teachers for each fold, or for train, of different seeds; their soft labels are averaged. Of a list of teachers, so
    many of each."""
    calibrate: bool = False
    """True: the logits of each teacher are divided by a temperature, fitted on rows that it was not trained on: those of its
    fold, or valid (Guo et al. 2017)."""
    average: Literal["logits", "probabilities"] = "logits"
    """What is averaged where several teachers label a row."""
    weights: Literal["equal", "valid"] = "equal"
    """How much each teacher of a row counts in the average. `valid`: by its accuracy on valid to the power of four, the
    rule of Large, Lines and Bagnall 2019; the report shows the weights."""
    trust: Annotated[float, Field(ge=0, le=1)] | None = None
    """Weight of the hard label of a row that the out-of-fold soft labels confidently contradict, from 0 to 1, by the rule of
    Northcutt et al. 2021 ([concepts.md](concepts.md)); the row's soft label stays whole. Needs `folds`. The rows are listed
    in `contradicted/rows.csv`. null: all hard labels weigh 1, and nothing is listed; 1: listed only."""

    views: Annotated[
        Views, BeforeValidator(_views, json_schema_input_type=int | Views), WrapSerializer(_count_or_mapping)
    ] = Views(count=1)
    """Versions of each row: a number, or a mapping such as `{count: 4, dropout: 0.1}`. The first is the row itself; in the
    others each word is left out with this probability, drawn by row id and `data.split_seed`; with a masked language model,
    as in `{count: 4, model: google-bert/bert-base-uncased}`, some words are replaced too. The teachers label each
    version. In epoch e, from 0, student and undistilled student read version e modulo their number. Valid and test stay as
    they are."""

    @field_validator("trust")
    @classmethod
    def _out_of_fold(cls, value: float | None, info: ValidationInfo) -> float | None:
        if value is not None and info.data.get("folds") == 1:
            raise ValueError(
                "needs teachers that were not trained on the row, and soft_labels.folds is 1; set soft_labels.folds to 5 or "
                "auto, or leave trust out"
            )
        return value

    @property
    def further(self) -> bool:
        """Whether there may be teachers beside the one on all rows."""
        return self.folds != 1 or self.members > 1

    def key(self) -> dict[str, Any]:
        """What the soft labels depend on beside their teachers; nothing where all is the default, as in earlier runs."""
        values = {"calibrate": self.calibrate, "average": self.average, "weights": self.weights}
        changed = {name: value for name, value in values.items() if value != type(self).model_fields[name].default}
        return {"recipe": changed} if changed else {}
