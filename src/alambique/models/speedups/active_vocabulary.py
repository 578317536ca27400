"""Train only the embeddings of words that occur: exact, and most of a small model's weights rest.

Of 30,522 WordPieces LIAR's rows use some 12 thousand. The others have no gradient, so that an Adam step leaves their moments
at zero and only decays the weight (Loshchilov & Hutter 2019, algorithm 2, line 12); yet clipping, the optimiser and the
checkpoints go through all of them each time. Here the table is cut down to the rows that can occur while the model trains
and filled up again afterwards.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel


@dataclass(frozen=True)
class Vocabulary:
    """The rows of an embedding table that are in training, and the whole table of before.

    Attributes:
        kept: (K,) int64 token ids in rising order.
        id_map: (V,) int64, the new id of each token id; that of one that is not kept is -1.
        table: (V, D) float32, the whole table as it was.
    """

    kept: np.ndarray
    id_map: np.ndarray
    table: torch.Tensor


def shrink_vocabulary(model: PreTrainedModel, used: np.ndarray, *, specials: int) -> Vocabulary | None:
    """Cut the model's table of word embeddings down to the token ids in ``used``.

    Ids up to ``specials`` keep their id_map, since models look for some of them (a padding index) by number. One further row
    of ones is the decay_probe of weight decay: it gets no gradient, so what it is in the end is what rows that were
    left out would have been multiplied by.

    Args:
        model: changed in place; from now on it reads ids translated by ``id_map``.
        used: token ids that occur.
        specials: the largest id that must keep its place.

    Returns:
        what :func:`restore_vocabulary` needs; None (nothing was changed) if the model has no plain table, or if less than
        a quarter of it would go.
    """
    embedding = model.get_input_embeddings()
    if type(embedding) is not nn.Embedding or model.get_output_embeddings() is not None:
        return None
    size, width = embedding.weight.shape
    kept = np.union1d(np.arange(min(specials + 1, size)), used)
    if len(kept) + 1 > 3 * size // 4:
        return None
    id_map = np.full(size, -1, dtype=np.int64)
    id_map[kept] = np.arange(len(kept))
    table = embedding.weight.detach().clone()
    decay_probe = torch.ones(1, width, dtype=table.dtype, device=table.device)
    embedding.weight = nn.Parameter(torch.cat([table[torch.from_numpy(kept).to(table.device)], decay_probe]))
    embedding.num_embeddings = len(kept) + 1
    return Vocabulary(kept, id_map, table)


def restore_vocabulary(model: PreTrainedModel, vocabulary: Vocabulary) -> None:
    """Fill the table up again: trained rows in their id_map, the others decayed as often as they would have been."""
    embedding = cast("nn.Embedding", model.get_input_embeddings())
    trained = embedding.weight.detach()
    table = vocabulary.table.to(trained.device) * trained[-1:]
    table[torch.from_numpy(vocabulary.kept).to(trained.device)] = trained[:-1]
    embedding.weight = nn.Parameter(table)
    embedding.num_embeddings = len(table)
