"""From texts to token ids, and from a classifier to logits in the order of the rows."""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.tokens import Segments, Tokens, tokenize_rows
from alambique.models.labels import label_names_of
from alambique.models.speedups.cls_last_layer import cls_only

__all__ = ["Segments", "predict_logits", "predict_tokens", "to_device", "token_lengths", "tokenize"]

_BATCH = {"cpu": 64}  # rows that keep two cores busy; more only leave the caches
_LARGE_BATCH = 512  # for an accelerator


def tokenize(
    tokenizer: PreTrainedTokenizerBase,
    segments: Segments,
    *,
    max_length: int | None,
    model: PreTrainedModel | None = None,
) -> dict[str, list[list[int]]]:
    """Token ids of each row, not padded; cut at ``max_length`` (None: not cut).

    Args:
        tokenizer: of the model.
        segments: one or two texts a row, the same number in each.
        max_length: in tokens, special tokens included.
        model: keep only the inputs that this model names.
    """
    texts = [row[0] for row in segments]
    pairs = [row[1] for row in segments] if segments and len(segments[0]) > 1 else None
    encoded = tokenizer(
        texts, pairs, truncation=max_length is not None, max_length=max_length, padding=False, verbose=False
    )
    named = None if model is None else inspect.signature(model.forward).parameters
    return {name: encoded[name] for name in tokenizer.model_input_names
            if name in encoded and (named is None or name in named)}  # fmt: skip


def token_lengths(tokenizer: PreTrainedTokenizerBase, segments: Segments) -> list[int]:
    """Tokens of each row, special tokens included, nothing cut."""
    return [len(ids) for ids in tokenize(tokenizer, segments, max_length=None)["input_ids"]]


def predict_logits(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    segments: Segments,
    *,
    max_length: int,
    batch_size: int | None = None,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Logits of each row, without gradient, in eval mode, in batches of similar length.

    Args:
        model: a classifier; it is left in eval mode.
        tokenizer: its own.
        segments: one or two texts a row.
        max_length: where texts are cut, in tokens.
        batch_size: rows a batch; by default what suits the model's device.
        advance: called with the rows done after each batch.

    Returns:
        (rows, classes) float32, in the order of ``segments``.
    """
    tokens = tokenize_rows(tokenizer, segments, max_length=max_length)
    return predict_tokens(model, tokens, batch_size=batch_size, advance=advance)


def predict_tokens(
    model: PreTrainedModel,
    tokens: Tokens,
    *,
    batch_size: int | None = None,
    advance: Callable[[int], None] | None = None,
    plain: bool = False,
    half: bool = False,
) -> np.ndarray:
    """Logits of rows that are tokenised already, as :func:`predict_logits` gives them.

    Args:
        model: a classifier; it is left in eval mode.
        tokens: of the rows.
        batch_size: rows a batch; by default what suits the model's device.
        advance: called with the rows done after each batch.
        plain: let the model's own code compute the last layer for every token.
        half: compute in bfloat16.

    Returns:
        (rows, classes) float32, in the order of the rows.
    """
    model.eval()
    size = batch_size or _BATCH.get(model.device.type, _LARGE_BATCH)
    names = set(inspect.signature(model.forward).parameters)
    logits = np.zeros((len(tokens), len(label_names_of(model))), dtype=np.float32)
    order = np.argsort(-tokens.lengths, kind="stable")
    exact = nullcontext() if plain else cls_only(model)
    with exact, torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            batch = {name: values.to(model.device) for name, values in tokens.batch(rows, names).items()}
            logits[rows] = model(**batch).logits.float().cpu().numpy()
            if advance is not None:
                advance(len(rows))
    return logits


def to_device(model: PreTrainedModel) -> PreTrainedModel:
    """Move a model to the accelerator, where there is one."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device is not None:
        cast("nn.Module", model).to(device)
    return model
