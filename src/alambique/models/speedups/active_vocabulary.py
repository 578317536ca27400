"""Train only the embeddings of words that occur: exact, and most of a small model's weights rest.

Of 30,522 WordPieces LIAR's rows use some 12 thousand. The others have no gradient, so that an Adam step leaves their moments
at zero and only decays the weight (Loshchilov & Hutter 2019, algorithm 2, line 12); yet clipping, the optimiser and the
checkpoints go through all of them each time. Here the table is cut down to the rows that can occur while the model trains
and filled up again afterwards. Token ids are translated inside the embedding, so data and a live teacher beside the model
keep the real ones.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel


class ActiveEmbedding(nn.Embedding):
    """A table of the token ids in use; ``id_map`` (V,) int64 leads from a token id to its row, −1 if it has none."""

    id_map: Tensor

    def forward(self, token_ids: Tensor) -> Tensor:
        """Embeddings of real token ids: (B, T) → (B, T, D)."""
        return super().forward(self.id_map[token_ids])


@dataclass(frozen=True)
class Vocabulary:
    """The rows of an embedding table that are in training, and the whole table of before.

    Attributes:
        active: (K,) int64 token ids in rising order.
        table: (V, D) float32, the whole table as it was.
    """

    active: np.ndarray
    table: Tensor


def can_shrink_vocabulary(model: PreTrainedModel) -> bool:
    """Whether the model has a plain table of word embeddings that no other module holds too."""
    try:
        embedding = model.get_input_embeddings()
    except NotImplementedError:  # a model without such a table
        return False
    if type(embedding) is not nn.Embedding or model.get_output_embeddings() is not None:
        return False
    holders = [
        module for module in model.modules()
        if any(weight is embedding.weight for weight in module.parameters(recurse=False))
    ]  # fmt: skip
    return len(holders) == 1


def shrink_vocabulary(model: PreTrainedModel, used: np.ndarray, *, specials: int) -> Vocabulary | None:
    """Cut the model's table of word embeddings down to the token ids in ``used``.

    Ids up to ``specials`` keep their rows, since models look for some of them (a padding index) by number. One further row
    of ones is the probe of weight decay: it gets no gradient, so what it is in the end is what rows that were
    left out would have been multiplied by.

    Args:
        model: changed in place; it reads the same token ids as before, of which only those in use.
        used: token ids that occur.
        specials: the largest id that must keep its row.

    Returns:
        what :func:`restore_vocabulary` needs; None (nothing was changed) if :func:`can_shrink_vocabulary` says no, or if
        less than a quarter of the table would go.
    """
    if not can_shrink_vocabulary(model):
        return None
    embedding = cast("nn.Embedding", model.get_input_embeddings())
    size, width = embedding.weight.shape
    active = np.union1d(np.arange(min(specials + 1, size)), used)
    if len(active) + 1 > 3 * size // 4:
        return None
    id_map = np.full(size, -1, dtype=np.int64)
    id_map[active] = np.arange(len(active))
    table = embedding.weight.detach().clone()
    decay_probe = torch.ones(1, width, dtype=table.dtype, device=table.device)
    embedding.weight = nn.Parameter(torch.cat([table[torch.from_numpy(active).to(table.device)], decay_probe]))
    embedding.num_embeddings = len(active) + 1
    embedding.register_buffer("id_map", torch.from_numpy(id_map).to(table.device), persistent=False)
    embedding.__class__ = ActiveEmbedding  # a class, so that a copy of the model translates by itself
    return Vocabulary(active, table)


def restore_vocabulary(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    """Fill the table up again: trained rows in their places, the others decayed as often as they would have been."""
    embedding = cast("nn.Embedding", model.get_input_embeddings())
    trained = embedding.weight.detach()
    table = vocabulary.table.to(trained.device) * trained[-1:]
    table[torch.from_numpy(vocabulary.active).to(trained.device)] = trained[:-1]
    embedding.weight = nn.Parameter(table)
    embedding.num_embeddings = len(table)
    del embedding.id_map
    embedding.__class__ = nn.Embedding
