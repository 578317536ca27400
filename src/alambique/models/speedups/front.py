"""The exact speed-ups behind one front: which can be used on a model, applied, and undone.

They leave out arithmetic that does not change the result: padding, the last layer's other tokens, embeddings of words that
do not occur, costly random numbers. A patched module has a class of its own rather than a bound method, so a deep copy or a
replica on another device computes with its own weights.
"""

from dataclasses import dataclass

import numpy as np
from transformers import PreTrainedModel

from alambique.models.speedups.active_vocabulary import Vocabulary, restore_vocabulary, shrink_vocabulary
from alambique.models.speedups.cls_last_layer import disable_cls_only, enable_cls_only
from alambique.models.speedups.fast_dropout import disable_fast_dropout, enable_fast_dropout
from alambique.models.speedups.real_tokens import disable_real_tokens, enable_real_tokens


@dataclass(frozen=True)
class Needs:
    """What a training asks of its model beside logits.

    Attributes:
        hidden_states: the layers' outputs at every token, the last layer's too.
        attentions: attention weights of every token.
        last_layer: what hooks on the last layer read at every token; padding may be left out of it.
    """

    hidden_states: bool = False
    attentions: bool = False
    last_layer: bool = False


class Speedups:
    """The speed-ups that are applied to one model; :meth:`undo` takes them back.

    Attributes:
        real_tokens: padding is left out of all layers.
    """

    def __init__(self, model: PreTrainedModel, vocabulary: Vocabulary | None, *, real_tokens: bool) -> None:
        """See :meth:`apply`."""
        self.model, self.vocabulary, self.real_tokens = model, vocabulary, real_tokens

    @classmethod
    def apply(
        cls, model: PreTrainedModel, *, token_ids: np.ndarray | None, specials: int, needs: Needs | None = None,
        fixed_shapes: bool = False,
    ) -> "Speedups":  # fmt: skip
        """Apply all speed-ups that are exact for this model and what is asked of it.

        Args:
            model: changed in place. Its config and the names of its weights stay, and it reads the same token ids.
            token_ids: the distinct ids that it will read; None leaves the whole table of embeddings in place.
            specials: the largest id that its code may look for by number, such as the padding token's.
            needs: what is asked of it beside logits; nothing by default.
            fixed_shapes: padding stays, as for a model that is compiled for the shapes of its batches.
        """
        needs = needs or Needs()
        outputs = needs.hidden_states or needs.attentions
        if not outputs and not needs.last_layer:
            enable_cls_only(model)
        real_tokens = not fixed_shapes and not outputs and enable_real_tokens(model)
        enable_fast_dropout(model)
        shrunk = None if token_ids is None else shrink_vocabulary(model, token_ids, specials=specials)
        return cls(model, shrunk, real_tokens=real_tokens)

    def undo(self) -> None:
        """Leave the model as its own classes compute it, with the weights as trained."""
        disable_real_tokens(self.model)
        disable_cls_only(self.model)
        disable_fast_dropout(self.model)
        if self.vocabulary is not None:
            restore_vocabulary(self.model, self.vocabulary)
            self.vocabulary = None
