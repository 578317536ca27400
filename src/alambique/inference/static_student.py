"""A static student run by numpy: its file, its tokenizer, sums of rows of a table. No torch, no transformers."""

from collections.abc import Callable, Iterator, Mapping
from itertools import accumulate, chain
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from alambique.inference.token_batches import Segments, TokenBatches
from alambique.inference.word_pieces import WordPieces
from alambique.models.inputs import IDS, ModelInputs
from alambique.models.static_layout import FACTOR, MODEL_TYPE
from alambique.run.integrity import read_json

ROWS = 1024  # rows that are summed together, which bounds memory
WEIGHTS, CONFIG, TOKENIZER, SETTINGS = "model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"
FILES = (WEIGHTS, CONFIG, TOKENIZER, SETTINGS)


class StaticModel:
    """From texts to logits, in the order of the texts: what ``StaticForSequenceClassification`` computes."""

    def __init__(self, folder: Path, *, max_length: int) -> None:
        """Load the files.

        Args:
            folder: of ``save_pretrained``, with the tokenizer.
            max_length: where texts are cut, in tokens.
        """
        self.config = config = read_json(folder / CONFIG)
        weights = load_file(folder / WEIGHTS)
        self.encode = TokenBatches(folder / TOKENIZER, _inputs(folder, config, max_length))
        self.words = WordPieces.of(self.encode.tokenizer)
        marks = 0 if self.words is None else len(self.words.before) + len(self.words.after)
        self.room = max_length - marks  # for the tokens of a text
        names = ("dense", "classifier") if config["head_size"] else ("classifier",)
        self.layers = [(weights[f"{name}.weight"].T, weights[f"{name}.bias"]) for name in names]
        # the first layer is linear in the mean, so it is applied to each vector once, here
        matrix = self.layers[0][0]
        self.table = _products(weights, "embeddings", matrix)
        self.n_grams = _products(weights, "ngram_embeddings", matrix) if config["n_grams"] > 1 else None

    def logits(self, segments: Segments, *, advance: Callable[[int], None] | None = None) -> np.ndarray:
        """Logits of each row: (rows, classes) float32.

        Args:
            segments: one or two texts per row.
            advance: called with the rows done after each part of them.
        """
        parts = [np.zeros((0, len(self.layers[-1][1])), dtype=np.float32)]
        for start in range(0, len(segments), ROWS):
            ids = self._tokens(segments[start : start + ROWS])
            starts = np.fromiter(accumulate(map(len, ids), initial=0), dtype=np.int64, count=len(ids) + 1)
            parts.append(self._logits(np.fromiter(chain.from_iterable(ids), np.int64, count=starts[-1]), starts))
            if advance is not None:
                advance(len(ids))
        return np.concatenate(parts)

    def _tokens(self, segments: Segments) -> list[list[int]]:
        """Token ids of each row: of plain texts by words, of the others by the tokenizer."""
        rows = [self._plain(row) for row in segments]
        others = [place for place, ids in enumerate(rows) if ids is None]
        if others:
            tokens = self.encode.tokens([segments[place] for place in others])
            parts = np.split(tokens.columns[IDS], tokens.starts[1:-1])
            for place, ids in zip(others, parts, strict=True):
                rows[place] = ids.tolist()
        return [ids for ids in rows if ids is not None]

    def _plain(self, row: tuple[str, ...]) -> list[int] | None:
        """Token ids of a row of one plain text, cut; None of another row, or where the tokenizer is not BERT's."""
        ids = self.words.ids(row[0]) if self.words is not None and len(row) == 1 else None
        if ids is None or self.words is None:
            return None
        excess = len(ids) - self.room
        if excess > 0:
            ids = ids[excess:] if self.encode.inputs.truncation_side == "left" else ids[: self.room]
        return [*self.words.before, *ids, *self.words.after]

    def _logits(self, ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
        """Of flat token ids, cut into rows by ``starts``; no row is empty."""
        sums = np.add.reduceat(self.table[ids], starts[:-1])
        if self.n_grams is not None:
            row = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
            for places, buckets in _ngrams(ids, row, self.config["n_grams"], len(self.n_grams)):
                np.add.at(sums, row[places], self.n_grams[buckets])
        values = sums / np.diff(starts)[:, None].astype(np.float32) + self.layers[0][1]
        for matrix, bias in self.layers[1:]:
            values = np.maximum(values, 0) @ matrix + bias
        return values


def _products(weights: Mapping[str, np.ndarray], name: str, matrix: np.ndarray) -> np.ndarray:
    """A table times a matrix (W, D): (rows, D) float32."""
    products = weights[f"{name}.weight"].astype(np.float32) @ matrix
    steps = weights.get(f"{name}.steps")
    return products if steps is None else products * steps[:, None]


def _ngrams(ids: np.ndarray, row: np.ndarray, longest: int, buckets: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The runs of each length from 2: where they begin, and their buckets, as ``static_model.ngram_buckets`` finds them."""
    found = ids % buckets
    for length in range(2, longest + 1):
        found = (found[:-1] * FACTOR + ids[length - 1 :]) % buckets
        places = np.flatnonzero(row[: len(found)] == row[length - 1 :])
        yield places, found[places]


def _inputs(folder: Path, config: Mapping[str, Any], max_length: int) -> ModelInputs:
    settings = read_json(folder / SETTINGS) or {}
    return ModelInputs(
        frozenset((IDS,)), max_length=max_length, truncation_side=settings.get("truncation_side", "right"),
        padding={IDS: config["pad_token_id"] or 0},
    )  # fmt: skip


def is_static(folder: Path) -> bool:
    """Whether the model in a folder is a static student."""
    config = read_json(folder / CONFIG)
    return isinstance(config, dict) and config.get("model_type") == MODEL_TYPE
