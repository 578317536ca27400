"""A student of any form whose vocabulary is cut down to the tokens that its texts use."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.kept_vocabulary import KeptVocabulary
from alambique.errors import ModelError, first_line
from alambique.models.inputs import POSITIONS_AFTER_PADDING
from alambique.models.speedups.active_vocabulary import can_shrink_vocabulary
from alambique.models.student_form import BuildContext, StudentForm
from alambique.models.token_vectors import VectorSource
from alambique.models.vocabulary import KEY, cut_tokenizer


@dataclass(frozen=True)
class CutVocabulary(StudentForm):
    """Another form with fewer tokens: its embeddings of the others and their entries in the tokenizer are left out.

    Attributes:
        whole: the form.
        digest: of the artefact that names the tokens.
        kept: the tokens; None where a finished run is only looked at.
        read_with: the tokenizer of the whole student, its own or its teacher's.
    """

    whole: StudentForm
    digest: str
    kept: KeptVocabulary | None = None
    read_with: PreTrainedTokenizerBase | None = None
    cut: PreTrainedTokenizerBase | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        """Cut the tokenizer, once: stages tell tokenizers apart as objects."""
        if self.kept is not None and self.read_with is not None:
            object.__setattr__(self, "cut", cut_tokenizer(self.read_with, self.kept.ids))

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase | None:
        """The cut one."""
        return self.cut

    @property
    def weights(self) -> Path | None:
        """Of the whole form."""
        return self.whole.weights

    @property
    def vector_source(self) -> VectorSource | None:
        """Of the whole form."""
        return self.whole.vector_source

    def key(self, *, teacher: str, teacher_tokenizer: str) -> dict[str, Any]:
        """That of the whole form, and which tokens stay."""
        key = self.whole.key(teacher=teacher, teacher_tokenizer=teacher_tokenizer)
        return key | {"inputs": {**key["inputs"], "vocabulary": self.digest}}

    def build(self, context: BuildContext) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """Build the whole student, then cut its embeddings and its tokenizer."""
        kept = cast("KeptVocabulary", self.kept).ids
        whole = cast("PreTrainedTokenizerBase", self.read_with)
        model, tokenizer = self.whole.build(replace(context, teacher_tokenizer=whole))
        return cut_embeddings(model, kept), cut_tokenizer(tokenizer, kept)

    def stored(self, model: PreTrainedModel) -> PreTrainedModel:
        """As the whole form is."""
        return self.whole.stored(model)

    def trainable(self, model: PreTrainedModel) -> PreTrainedModel:
        """As the whole form was."""
        return self.whole.trainable(model)


def cut_embeddings(model: PreTrainedModel, kept: np.ndarray) -> PreTrainedModel:
    """A model of the same class with the embeddings of these tokens alone; its other weights are the same.

    Args:
        model: a classifier; it is not changed, and shares no memory with the other.
        kept: (K,) token ids in rising order, which are numbered anew from 0.

    Returns:
        the model that reads the new ids; for texts of kept tokens its logits are those of ``model``.

    Raises:
        ModelError: its embeddings are not a plain table, or belong to another part too.
    """
    if not can_shrink_vocabulary(model):
        raise _cannot(model, "its embeddings are not a table of their own")
    table = cast("nn.Embedding", model.get_input_embeddings())
    numbers = {int(old): new for new, old in enumerate(kept)}
    config = model.config.to_dict()
    changes: dict[str, Any] = {"vocab_size": len(kept)}
    for name, value in config.items():
        if name.endswith("_token_id") and value is not None:
            single = isinstance(value, int)
            new = [numbers[each] for each in ([value] if single else value) if each in numbers]
            changes[name] = (new[0] if new else None) if single else new
    padding = config.get("pad_token_id")
    if model.config.model_type in POSITIONS_AFTER_PADDING and changes.get("pad_token_id") != padding:
        raise _cannot(model, f"it counts positions from its padding token, {padding}, whose number would change")
    name = next(name for name, weight in model.named_parameters() if weight is table.weight)
    state = dict(model.state_dict())
    # special tokens that never occur may stand in a tokenizer without an embedding (CamemBERT's): theirs is zero
    known = kept[kept < table.num_embeddings]
    rows = table.weight.new_zeros(len(kept), table.embedding_dim)
    rows[: len(known)] = table.weight.detach()[torch.from_numpy(known).to(rows.device)]
    state[name] = rows
    try:
        with torch.random.fork_rng():
            made = type(model)(type(model.config).from_dict(config | changes))
        made.load_state_dict(state)
    except Exception as error:  # an architecture whose other parts depend on the size of the vocabulary
        raise _cannot(model, first_line(error)) from error
    return made.train(model.training)


def with_all_tokens(cut: PreTrainedModel, start: PreTrainedModel, kept: np.ndarray) -> PreTrainedModel:
    """The model with all tokens whose other weights, and embeddings of the tokens in ``kept``, are those of ``cut``.

    Args:
        cut: what :func:`cut_embeddings` made, and training changed; it is not changed here.
        start: a model with all tokens, whose embeddings of the other tokens it takes; it is changed in place.
        kept: as for :func:`cut_embeddings`.
    """
    table = cast("nn.Embedding", start.get_input_embeddings())
    name = next(name for name, weight in start.named_parameters() if weight is table.weight)
    known = torch.from_numpy(kept[kept < table.num_embeddings])
    state = {other: weight.cpu() for other, weight in cut.state_dict().items()}
    rows = table.weight.detach().clone()
    rows[known] = state[name][: len(known)]
    start.load_state_dict(state | {name: rows})
    return start.eval()


def _cannot(model: PreTrainedModel, why: str) -> ModelError:
    return ModelError(f"{KEY}: the vocabulary of a {type(model).__name__} cannot be cut ({why}). Set it to null.")
