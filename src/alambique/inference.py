"""From texts to token ids, and from a classifier to logits in the order of the rows."""

import inspect
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.labels import label_names_of

Segments = Sequence[tuple[str, ...]]


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
    batch_size: int = 64,
    advance: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Logits of each row, without gradient, in eval mode, in batches of similar length.

    Args:
        model: a classifier; it is left in eval mode.
        tokenizer: its own.
        segments: one or two texts a row.
        max_length: where texts are cut, in tokens.
        batch_size: rows a batch.
        advance: called with the rows done after each batch.

    Returns:
        (rows, classes) float32, in the order of ``segments``.
    """
    model.eval()
    if not segments:
        return np.zeros((0, len(label_names_of(model))), dtype=np.float32)
    encoded = tokenize(tokenizer, segments, max_length=max_length, model=model)
    lengths = np.array([len(ids) for ids in encoded["input_ids"]])
    logits = np.zeros((len(segments), len(label_names_of(model))), dtype=np.float32)
    order = np.argsort(-lengths, kind="stable")
    with torch.inference_mode():
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            batch = tokenizer.pad({name: [ids[i] for i in rows] for name, ids in encoded.items()}, return_tensors="pt")
            logits[rows] = model(**batch.to(model.device)).logits.float().cpu().numpy()
            if advance is not None:
                advance(len(rows))
    return logits


def to_device(model: PreTrainedModel) -> PreTrainedModel:
    """Move a model to the accelerator, where there is one."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device is not None:
        cast("nn.Module", model).to(device)
    return model
