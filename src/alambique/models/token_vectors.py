"""Vectors for the entries of a vocabulary from what an encoder gives for each alone: how a static student begins.

The recipe is Model2Vec's (Tulkens and van Dongen 2024, "Model2Vec: Fast State-of-the-Art Static Embeddings",
doi:10.5281/zenodo.17270888): each token, between the special tokens, goes through the encoder, whose outputs are averaged;
principal components reduce and centre the result; and each vector is weighted by how rare its token is, as in SIF (Arora et
al. 2017, "A Simple but Tough-to-Beat Baseline for Sentence Embeddings", §3). Model2Vec takes a token's frequency from its
rank in the vocabulary; here it is counted in the texts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.decomposition import PCA
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.tokens import unchanged
from alambique.errors import ModelError, first_line
from alambique.models.inputs import ModelInputs
from alambique.models.pretrained import PretrainedFolder, digest_of_pretrained

KEY = "student.static"
ENCODER_KEY = f"{KEY}.encoder"
_BATCH = 256  # entries that go through the encoder together
_SMOOTHING = 1  # added to each count: a token that was never met is rare, not infinitely so
_SOLVER = "covariance_eigh"


@dataclass(frozen=True)
class VectorSource:
    """What a student's first vectors are made from.

    Attributes:
        width: numbers per vector, at most.
        frequency: a of :func:`rarity`.
        encoder: the model that gives them; None: the teacher.
        tokenizer: the encoder's; None where that is the teacher, or a finished run is only looked at.
    """

    width: int
    frequency: float
    encoder: PretrainedFolder | None = None
    tokenizer: PreTrainedTokenizerBase | None = None

    def key(self) -> dict[str, Any]:
        """Its parts of a manifest key."""
        return {
            "recipe": {"width": self.width, "frequency": self.frequency},
            "inputs": {"checkpoint": digest_of_pretrained(self.encoder)},
        }


def encode_vocabulary(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    size: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The mean of the encoder's outputs for each entry of the vocabulary, alone between the special tokens.

    Args:
        model: its encoder is used, in eval mode, in which it is left.
        tokenizer: its own.
        size: so many entries, from the first; all by default.
        advance: called with the number of entries done after each batch.

    Returns:
        (V, D) float32, in the order of the token ids.

    Raises:
        ModelError: the architecture does not give an output for each token.
    """
    before, after = special_tokens(tokenizer)
    entries = vocabulary_size(tokenizer) if size is None else size
    given = ModelInputs.of(model)
    rows = []
    with torch.inference_mode():
        for start in range(0, entries, _BATCH):
            ids = [[*before, token, *after] for token in range(start, min(start + _BATCH, entries))]
            rows.append(_outputs(model.eval(), given, torch.tensor(ids, device=model.device)))
            if advance is not None:
                advance(len(ids))
    return np.concatenate(rows)


def _outputs(model: PreTrainedModel, given: ModelInputs, ids: torch.Tensor) -> np.ndarray:
    batch = given.select({"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    try:
        hidden = model.base_model(**batch).last_hidden_state
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever an architecture raises
        raise _unfit(model, first_line(error)) from error
    if hidden.shape[:2] != ids.shape:
        raise _unfit(model, f"the shape of its outputs is {tuple(hidden.shape)}")
    return hidden.float().mean(1).cpu().numpy()


def _unfit(model: PreTrainedModel, why: str) -> ModelError:
    return ModelError(
        f"{KEY}: a {type(model).__name__} does not give an output for each token ({why}). Name another model: {ENCODER_KEY}."
    )


def vocabulary_size(tokenizer: PreTrainedTokenizerBase) -> int:
    """Token ids that a tokenizer may give, from 0."""
    return max(tokenizer.get_vocab().values()) + 1


def special_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """The ids that a tokenizer puts before and behind a text."""
    with unchanged(tokenizer):
        encoded = tokenizer("a", return_special_tokens_mask=True, truncation=False, padding=False, verbose=False)
    ids, special = encoded["input_ids"], encoded["special_tokens_mask"]
    text = [place for place, mark in enumerate(special) if not mark]
    if not text:
        return list(ids), []
    return list(ids[: text[0]]), list(ids[text[-1] + 1 :])


def reduce(outputs: np.ndarray, width: int) -> np.ndarray:
    """Principal components of (V, D) outputs: (V, min(width, D, V)) float32, centred, the strongest first."""
    components = min(width, *outputs.shape)
    return PCA(components, svd_solver=_SOLVER).fit_transform(outputs).astype(np.float32)


def rarity(counts: np.ndarray, a: float) -> np.ndarray:
    """Weights by frequency, as in SIF (equation 3 of its paper).

    Args:
        counts: (V,) how often each token occurs.
        a: the share of all tokens at which a token weighs one half.

    Returns:
        (V,) float32, a / (a + p), where p is a token's share of all tokens; each count is one more than was counted.
    """
    share = (counts + _SMOOTHING) / (counts.sum() + _SMOOTHING * len(counts))
    return (a / (a + share)).astype(np.float32)


def begin(outputs: np.ndarray, counts: np.ndarray, *, width: int, a: float) -> np.ndarray:
    """The vectors that a static student begins with: (V, W) float32.

    Args:
        outputs: (V, D) of :func:`encode_vocabulary`.
        counts: (V,) how often each token occurs in the texts.
        width: W, at most.
        a: see :func:`rarity`.
    """
    return reduce(outputs, width) * rarity(counts, a)[:, None]
