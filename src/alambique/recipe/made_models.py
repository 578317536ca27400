"""The sections of models that are made here: from scratch, or from a teacher's layers. Free of torch."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from alambique.recipe.section import Section

MOST_LAYERS = 200
MOST_PARAMETERS = 2 * 10**9  # of a model made from scratch, for a laptop or one GPU


def _layers(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and 1 <= value <= MOST_LAYERS:
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, int) and v >= 0 for v in value):
        if len(set(value)) < len(value) or sorted(value) != list(value):
            raise ValueError("must name each layer once, in rising order")
        return tuple(value)
    raise ValueError(f"must be a count from 1 to {MOST_LAYERS} or a list of the teacher's layer numbers, from 0")


Bounded = Annotated[int, Field(ge=1, le=2**16)]
Layers = Annotated[int | tuple[int, ...], BeforeValidator(_layers)]


class Scratch(Section):
    """The size of a model made from scratch: layers, width, heads."""

    architecture: Literal["distilbert", "bert"] = "distilbert"
    """Architecture."""
    layers: Annotated[int, Field(ge=1, le=MOST_LAYERS)]
    """Number of Transformer layers."""
    width: Bounded
    """Hidden size of each layer."""
    heads: Bounded
    """Attention heads of each layer; must divide the width."""
    feed_forward: Bounded | None = None
    """Hidden size of the feed-forward networks; null: four times the width."""
    vocabulary: Annotated[int, Field(ge=100, le=10**6)] | None = None
    """Of a student whose teacher has no tokenizer, as with `teacher.probabilities`: maximum vocabulary size of the WordPiece
    tokenizer that is trained on train; null: 8000."""

    @field_validator("heads")
    @classmethod
    def _heads_divide_width(cls, value: int, info: ValidationInfo) -> int:
        width = info.data.get("width")
        if width is not None and width % value:
            raise ValueError(f"must divide width ({width}); {value} does not")
        return value

    @model_validator(mode="after")
    def _of_a_size_that_can_be_trained(self) -> Self:
        inner = self.feed_forward or 4 * self.width
        parameters = self.layers * (4 * self.width**2 + 2 * self.width * inner)
        if parameters > MOST_PARAMETERS:
            raise ValueError(
                f"describes a model of {parameters / 10**9:.1f} billion parameters; at most "
                f"{MOST_PARAMETERS // 10**9} billion are allowed"
            )
        return self


class TeacherScratch(Scratch):
    """A teacher from scratch, with a WordPiece tokenizer trained on the train split."""

    architecture: Literal["distilbert", "bert"] = "bert"
    """Architecture."""
    vocabulary: Annotated[int, Field(ge=100, le=10**6)] = 8000
    """Maximum vocabulary size of the WordPiece tokenizer that is trained on train."""


class FromTeacher(Section):
    """A student that starts from some of the teacher's layers."""

    architecture: Literal["distilbert", "bert", "same"] = "distilbert"
    """`same`: a shallower copy of the teacher, whatever its architecture (of RoBERTa, as DistilRoBERTa is);
    `distilbert`, `bert`: from a BERT teacher. `docs/models.md` lists the architectures."""
    layers: Layers
    """Number of the teacher's layers, or a list of layer numbers, from 0, in ascending order."""
    choose: Literal["evenly", "lower"] = "evenly"
    """Which layers a number n stands for, of a teacher with N layers. `evenly`: layers i·N/n, rounded down, for i from 0 to
    n−1; three of twelve are 0, 4 and 8. `lower`: the first n."""

    @field_validator("choose")
    @classmethod
    def _for_a_number(cls, value: str, info: ValidationInfo) -> str:
        if value == "lower" and isinstance(info.data.get("layers"), tuple):
            raise ValueError("is for a number of layers; the list in layers names them already")
        return value

    def key(self) -> dict[str, Any]:
        """Values for manifest keys; ``choose`` is left out while it is the default, as in runs made before it."""
        values = self.model_dump(mode="json")
        return values if self.choose != "evenly" else {k: v for k, v in values.items() if k != "choose"}
