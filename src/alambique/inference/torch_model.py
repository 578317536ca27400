"""From texts or token ids to a PyTorch classifier's logits, in the order of the rows."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.tokens import Segments, Tokens, tokenize_rows
from alambique.models.inputs import ModelInputs
from alambique.models.labels import label_names_of
from alambique.models.pretrained import load_finished
from alambique.models.speedups.cls_last_layer import cls_only
from alambique.models.tokenizer import load_tokenizer

_BATCH = {"cpu": 64}  # rows that keep two cores busy; more only leave the caches
_LARGE_BATCH = 512  # for an accelerator


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
        segments: one or two texts per row.
        max_length: where texts are cut, in tokens.
        batch_size: rows per batch; by default what suits the model's device.
        advance: called with the rows done after each batch.

    Returns:
        (rows, classes) float32, in the order of ``segments``.
    """
    tokens = tokenize_rows(tokenizer, segments, max_length=max_length)
    return predict_tokens(model, tokens, batch_size=batch_size, advance=advance)


def open_in_torch(
    folder: Path, *, key: str, max_length: int, advance: Callable[[int], None] | None = None
) -> tuple[Callable[[Segments], np.ndarray], PreTrainedModel]:
    """A saved model as a function from texts to logits, as :func:`predict_logits` gives them, and the model itself.

    Args:
        folder: of the model and its tokenizer.
        key: what messages call it.
        max_length: where texts are cut, in tokens.
        advance: called with the rows done after each batch.

    Raises:
        ModelError: it cannot be loaded.
    """
    tokenizer = load_tokenizer(folder, key=key)
    model = to_device(load_finished(folder, key=key))
    return partial(predict_logits, model, tokenizer, max_length=max_length, advance=advance), model


def predict_tokens(
    model: PreTrainedModel,
    tokens: Tokens,
    *,
    batch_size: int | None = None,
    advance: Callable[[int], None] | None = None,
    speedups: bool = True,
    half: bool = False,
) -> np.ndarray:
    """Logits of rows that are tokenised already, as :func:`predict_logits` gives them.

    Args:
        model: a classifier; it is left in eval mode.
        tokens: of the rows.
        batch_size: rows per batch; by default what suits the model's device.
        advance: called with the rows done after each batch.
        speedups: compute the last layer for the first token alone, where that is exact.
        half: compute in bfloat16.

    Returns:
        (rows, classes) float32, in the order of the rows.
    """
    model.eval()
    size = batch_size or _BATCH.get(model.device.type, _LARGE_BATCH)
    inputs = ModelInputs.of(model)
    logits = np.zeros((len(tokens), len(label_names_of(model))), dtype=np.float32)
    exact = cls_only(model) if speedups else nullcontext()
    with exact, torch.inference_mode(), torch.autocast(model.device.type, torch.bfloat16, enabled=half):
        for rows in tokens.batches(size):
            logits[rows] = model(**inputs.tensors(tokens, rows, model.device)).logits.float().cpu().numpy()
            if advance is not None:
                advance(len(rows))
    return logits


def to_device(model: PreTrainedModel) -> PreTrainedModel:
    """Move a model to the accelerator, where there is one."""
    device = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    if device is not None:
        cast("nn.Module", model).to(device)
    return model
