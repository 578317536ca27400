"""Whether a model has an embedding for every token that the collator's tokenizer gives."""

from typing import TYPE_CHECKING, cast

from transformers import PreTrainedModel

from alambique.doctor.batches import IDS, Row
from alambique.doctor.codes import Code
from alambique.findings import Finding

if TYPE_CHECKING:
    from torch import nn

MISMATCH = Code(
    "vocabulary-mismatch",
    "the tokenizer gives tokens that the model has no embedding for",
    "Encode with the model's own tokenizer.",
)


def check(model: PreTrainedModel, rows: list[Row], where: str) -> list[Finding]:
    """Compare the highest token id of a few rows with the number of embeddings.

    Args:
        model: teacher or student. Where this check finds something, no forward pass is possible.
        rows: encoded for it.
        where: teacher or student.
    """
    highest = max(max(row[IDS], default=0) for row in rows)
    size = cast("nn.Embedding", model.get_input_embeddings()).num_embeddings
    if highest < size:
        return []
    message = f"The collator's tokenizer gives token {highest}; the {where} has embeddings for {size} tokens."
    return [MISMATCH.finding(where, message)]
