"""The static form of student: its keys, and how it is trained unless the recipe says otherwise. Free of torch."""

from typing import Annotated, Any, Literal

from pydantic import Field

from alambique.recipe.section import Section

FORM = "static"
# of the student section; chosen on valid of subj alone (docs/LOG.md)
TRAINING: dict[str, Any] = {"epochs": 20, "batch_size": 32, "learning_rate": 2e-3}


class Static(Section):
    """A student of one vector per token, their mean, and a small head ([static.md](static.md))."""

    width: Annotated[int, Field(ge=2, le=4096)] = 256
    """Numbers per vector, at most; fewer where the encoder's outputs or its vocabulary have fewer."""
    encoder: Annotated[str, Field(min_length=1)] | None = None
    """The model whose outputs for each token the vectors begin with, as `teacher.model`; the student reads with its
    tokenizer. null: the teacher."""
    frequency: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 1e-3
    """Each vector begins with the weight a / (a + p), where a is this number and p the share of the token among all tokens
    of train and unlabelled text: the lower, the less frequent tokens count."""
    head: Annotated[int, Field(ge=0, le=4096)] = 0
    """Width of a hidden layer between mean and logits; 0: none."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout of the mean, in training."""
    n_grams: Annotated[int, Field(ge=1, le=3)] = 1
    """Runs of tokens up to this length have vectors too, which begin at 0 and are found by a hash."""
    buckets: Annotated[int, Field(ge=16, le=2**22)] = 16384
    """Vectors that all runs of tokens share."""
    storage: Literal["int8", "float32"] = "int8"
    """How the trained vectors are stored: `int8`, a quarter of the bytes."""

    def key(self) -> dict[str, Any]:
        """Values for manifest keys."""
        return self.model_dump(mode="json", exclude={"encoder"})  # known by its digest
