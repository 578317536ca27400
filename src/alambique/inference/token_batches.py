"""From texts to padded batches of token ids, by the ``tokenizers`` library alone."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from alambique.artefacts.tokens import Tokens, fill_empty, tokens_of
from alambique.models.inputs import IDS, SHORTEST, TYPES, ModelInputs

BATCH, TOKENS = 32, 2048  # rows and tokens that run together, at most: more tokens take memory and gain nothing
Segments = Sequence[tuple[str, ...]]


class TokenBatches:
    """From texts to padded batches of token ids, rows of similar length together."""

    def __init__(self, tokenizer: Path, inputs: ModelInputs) -> None:
        """Load the tokenizer.

        Args:
            tokenizer: a ``tokenizer.json``.
            inputs: what the graph is given: its names, cut and padding.
        """
        self.inputs, self.typed = inputs, TYPES in inputs.column_names
        self.padding = {IDS: 0, TYPES: 0, **(inputs.padding or {})}
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        if inputs.max_length is not None:
            self.tokenizer.enable_truncation(inputs.max_length, direction=inputs.truncation_side)

    def __call__(self, segments: Segments, batch_size: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """The rows' places, and what the graph reads of them, batch by batch from the longest."""
        return self.inputs.batches(self.tokens(segments), batch_size, most_tokens=TOKENS)

    def tokens(self, segments: Segments) -> Tokens:
        """What the tokenizer makes of the rows, cut and not padded yet."""
        encoded = self.tokenizer.encode_batch_fast([row[0] if len(row) == 1 else tuple(row) for row in segments])
        rows = {IDS: [row.ids for row in encoded]}
        if self.typed:
            rows[TYPES] = [row.type_ids for row in encoded]
        fill_empty(rows, self.padding)
        return tokens_of(rows, self.padding, left=self.inputs.padding_side == "left")


def rows_together(tokens: int) -> int:
    """How many rows, the longest of so many tokens, run together at most."""
    return max(1, TOKENS // max(SHORTEST, tokens))
