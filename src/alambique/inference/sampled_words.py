"""Words sampled from a masked language model at the gaps of texts, in batches on the model's device."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from alambique.artefacts.tokens import Tokens, tokenize_rows
from alambique.data.word_replacement import Gapped
from alambique.models.inputs import IDS, ModelInputs
from alambique.models.masked_lm import MaskedLM

_BATCH = {"cpu": 32}  # rows
_LARGE_BATCH = 128  # for an accelerator
_AT_ONCE = 1024  # gaps whose probabilities over all words are held together
_UNIT = 2**40  # a probability of 1, in whole numbers


def sample_words(
    lm: MaskedLM, texts: Sequence[Gapped], *, max_length: int, advance: Callable[[int], None] | None = None
) -> np.ndarray:
    """Sample a word for each gap from what the model gives there, all gaps of a text being masked.

    Words alone are sampled, never special tokens, pieces of words or punctuation. Each gap's own draw decides, so what other
    texts there are changes nothing, but for the last digits of the arithmetic.

    Args:
        lm: the model, on its device.
        texts: with their gaps.
        max_length: where texts are cut, in tokens; gaps behind that are left as they are.
        advance: called with the texts done after each batch.

    Returns:
        (gaps of all texts,) int64, places in ``lm.words``; -1: the word that stood there stays.
    """
    chosen = [np.full(len(text), -1, dtype=np.int64) for text in texts]
    read = [i for i, text in enumerate(texts) if len(text) and not _has_mask(text, lm)]
    if advance is not None:
        advance(len(texts) - len(read))
    if read:
        tokens = masked_tokens(lm, [texts[i] for i in read], max_length=max_length)
        inputs, device = ModelInputs.of(lm.model), lm.model.device
        word_ids = torch.from_numpy(lm.word_ids).to(device)
        left = lm.tokenizer.truncation_side == "left"
        for rows in tokens.batches(batch_size(device)):
            batch = inputs.tensors(tokens, rows, device)
            masks = (batch[IDS] == lm.mask_id).sum(1).tolist()
            places = [
                (read[row], slice(len(texts[read[row]]) - count, None) if left else slice(count))
                for row, count in zip(rows.tolist(), masks, strict=True)
            ]
            draws = np.concatenate([np.array(texts[i].draws)[part] for i, part in places])
            if len(draws):
                sampled = draw_words(lm.logits(batch), word_ids, draws)
                for (i, part), words in zip(places, np.split(sampled, np.cumsum(masks)[:-1]), strict=True):
                    chosen[i][part] = words
            if advance is not None:
                advance(len(rows))
    return np.concatenate(chosen) if chosen else np.zeros(0, dtype=np.int64)


def batch_size(device: torch.device) -> int:
    """Texts per batch."""
    return _BATCH.get(device.type, _LARGE_BATCH)


def masked_tokens(lm: MaskedLM, texts: Sequence[Gapped], *, max_length: int) -> Tokens:
    """What the model reads of texts: a mask token in each gap."""
    mask = str(lm.tokenizer.mask_token)
    segments = [(text.filled([mask] * len(text)),) for text in texts]
    return tokenize_rows(lm.tokenizer, segments, max_length=lm.longest(max_length))


def _has_mask(text: Gapped, lm: MaskedLM) -> bool:
    """Whether a text holds the mask token itself, so that masks and gaps could not be told apart."""
    return str(lm.tokenizer.mask_token).lower() in text.filled([None] * len(text)).lower()


def draw_words(logits: Tensor, word_ids: Tensor, draws: Sequence[float] | np.ndarray) -> np.ndarray:
    """Sample a word for each gap, by the inverse of the words' distribution function.

    Args:
        logits: (gaps, vocabulary).
        word_ids: (W,) int64, tokens that are words.
        draws: (gaps,) numbers from 0 to 1.

    Returns:
        (gaps,) int64, places in ``word_ids``.
    """
    sampled = []
    for start in range(0, len(draws), _AT_ONCE):
        part = logits[start : start + _AT_ONCE, word_ids].float()
        # whole numbers: a running sum of floats is not the same each time on every device
        sums = (part.softmax(1) * _UNIT).long().cumsum(1)
        wanted = (sums[:, -1].cpu().numpy() * np.asarray(draws[start : start + _AT_ONCE])).astype(np.int64)
        places = torch.searchsorted(sums, torch.from_numpy(wanted).to(sums.device)[:, None], right=True)
        sampled.append(places[:, 0].cpu().numpy())
    return np.concatenate(sampled)
