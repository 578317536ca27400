"""What a masked language model costs that replaces words of the versions of rows."""

from dataclasses import dataclass

import torch
from torch import Tensor

from alambique.artefacts.splits import Splits
from alambique.data.word_replacement import gapped_rows
from alambique.doctor.cost import Rows, seconds_per_row
from alambique.inference.sampled_words import batch_size, draw_words, masked_tokens
from alambique.inference.torch_model import to_device
from alambique.models.inputs import IDS
from alambique.models.masked_lm import load_masked_lm
from alambique.models.pretrained import PretrainedFolder
from alambique.recipe.recipe import Recipe


@dataclass(frozen=True)
class ViewCost:
    """What replacing words takes, once for all seeds.

    Attributes:
        seconds: over all versions.
        memory: bytes beside the process itself: the weights, twice while they are loaded.
    """

    seconds: float
    memory: int


def view_cost(replacer: PretrainedFolder, recipe: Recipe, splits: Splits, *, budget: float) -> ViewCost:
    """Time a masked language model on batches of the texts that it would read for the first version.

    Args:
        replacer: the checkpoint.
        recipe: how many versions there are, and what of them is replaced.
        splits: the rows.
        budget: seconds of measuring.
    """
    views, max_length = recipe.soft_labels.views, recipe.data.max_length
    lm = load_masked_lm(replacer)
    to_device(lm.model)
    memory = 2 * sum(weight.nbytes for weight in lm.model.parameters())
    texts = [text for row in gapped_rows(splits.train, 1, views.replace, recipe.data.split_seed) for text in row]
    read = [text for text in texts if len(text)]
    if not read:
        return ViewCost(0.0, memory)
    rows = Rows(masked_tokens(lm, read, max_length=max_length), lm.model)
    word_ids = torch.from_numpy(lm.word_ids).to(lm.model.device)

    def sample(batch: dict[str, Tensor]) -> None:
        gaps = int((batch[IDS] == lm.mask_id).sum())
        draw_words(lm.logits(batch), word_ids, [0.5] * gaps)

    row = seconds_per_row(sample, rows, batch_size(lm.model.device), budget, lm.model.device)
    return ViewCost((recipe.views - 1) * len(read) * row, memory)
