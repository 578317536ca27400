"""A masked language model: a checkpoint whose head says which word stands at a masked place."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from transformers import MODEL_FOR_MASKED_LM_MAPPING, AutoModelForMaskedLM, PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.tokens import tokenize_rows
from alambique.errors import MisfitError, ModelError, first_line
from alambique.models.inputs import IDS, ModelInputs, greatest_length
from alambique.models.pretrained import (
    PretrainedFolder,
    absent_weights,
    check_encoder,
    check_finite,
    find_pretrained,
    load_as,
    load_config,
)
from alambique.models.tokenizer import load_tokenizer
from alambique.models.trial import CANNOT_RUN, check_vocabulary

KEY = "soft_labels.views.model"
_WORD = re.compile(r"\w+")
_BEFORE = "a"  # what a word stands behind when it is read back
_OTHER = "Give a checkpoint that was trained to fill in masked words, such as google-bert/bert-base-uncased."


@dataclass(frozen=True)
class MaskedLM:
    """A model, its tokenizer, and the words that can be sampled from it.

    Attributes:
        model: with a head of masked language modelling, in eval mode.
        tokenizer: its own; it has a mask token.
        word_ids: (W,) int64, rising token ids that are whole words.
        words: the W words.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    word_ids: np.ndarray
    words: tuple[str, ...]

    @property
    def mask_id(self) -> int:
        """The id of the mask token."""
        return int(cast("int", self.tokenizer.mask_token_id))

    def longest(self, max_length: int) -> int:
        """Where its texts are cut, in tokens: at ``max_length``, or where its positions end."""
        return min(max_length, greatest_length(self.model.config) or max_length)

    def logits(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Logits of the masked places of a batch, (masks, vocabulary), row by row from the left.

        The head, as large as some layers together, is computed there alone.

        Args:
            batch: what the model reads, (B, T) each, with one mask at least.
        """
        with torch.inference_mode(), _head_at(self.model, batch[IDS] == self.mask_id):
            return cast("Tensor", self.model(**batch).logits)[0]


@contextmanager
def _head_at(model: PreTrainedModel, places: Tensor) -> Iterator[None]:
    """Have the head read the hidden states of these places only, as if they were one row."""

    def select(module: Any, inputs: Any, outputs: Any) -> Any:
        del module, inputs
        outputs["last_hidden_state"] = outputs["last_hidden_state"][places][None]
        return outputs

    handle = model.base_model.register_forward_hook(select)
    try:
        yield
    finally:
        handle.remove()


def find_masked_lm(name: str, max_length: int, *, key: str = KEY) -> PretrainedFolder:
    """Find a masked language model and try it out, before anything is trained.

    Args:
        name: of the checkpoint: a folder, ``package:MODULE/FOLDER`` or a Hub id.
        max_length: where texts are cut, in tokens.
        key: of the recipe, for messages.

    Raises:
        ModelError: it cannot be had or loaded, has no trained head of masked language modelling, or no mask token.
        MisfitError: it does not fit its tokenizer, or cannot be run.

    Example:
        >>> from alambique.models.masked_lm import find_masked_lm
        >>> find_masked_lm("models/absent", 128)
        Traceback (most recent call last):
        ...
        alambique.errors.ModelError: soft_labels.views.model: there is no folder models/absent.
    """
    checkpoint = find_pretrained(name, key=key)
    lm = load_masked_lm(checkpoint, key=key)
    check_finite(lm.model, checkpoint, key=key)
    check_vocabulary(lm.model, lm.tokenizer, checkpoint.name, key=key)
    try:
        _try(lm, lm.longest(max_length))
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # whatever an architecture raises
        architecture = type(lm.model).__name__
        raise MisfitError(
            CANNOT_RUN, key,
            f"{checkpoint.name} cannot be used: a {architecture} with this config fails on masked words "
            f"({first_line(error)}).",
            "Choose a model of another architecture.",
        ) from error  # fmt: skip
    return checkpoint


def load_masked_lm(checkpoint: PretrainedFolder, *, key: str = KEY) -> MaskedLM:
    """Load a masked language model.

    Args:
        checkpoint: found on disk.
        key: of the recipe, for messages.

    Raises:
        ModelError: its architecture has no such head, the head or other weights are missing, or its tokenizer has no mask
            token or no whole words.
    """
    name, config = checkpoint.name, load_config(checkpoint.folder, key=key)
    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING or config.is_encoder_decoder:
        raise ModelError(f"{key}: {name} is a {config.model_type}, which is not a masked language model. {_OTHER}")
    model, info = load_as(AutoModelForMaskedLM, checkpoint.folder, key, output_loading_info=True)
    absent = absent_weights(info)
    check_encoder(model, checkpoint, absent, key=key)
    if absent:
        raise ModelError(
            f"{key}: {name} has no trained head of a masked language model: {len(absent)} weights are missing, such as "
            f"{min(absent)}. {_OTHER}"
        )
    tokenizer = load_tokenizer(checkpoint.folder, key=key)
    if tokenizer.mask_token_id is None:
        raise ModelError(f"{key}: the tokenizer of {name} has no mask token. {_OTHER}")
    words = whole_words(tokenizer, model.config.get_text_config().vocab_size)
    if not words:
        raise ModelError(f"{key}: the tokenizer of {name} has no token that is a whole word. {_OTHER}")
    return MaskedLM(model.eval(), tokenizer, np.array(list(words), dtype=np.int64), tuple(words.values()))


def whole_words(tokenizer: PreTrainedTokenizerBase, size: int) -> dict[int, str]:
    """The tokens that are whole words of letters and digits, by id: behind another word, each is read as itself.

    So pieces of words, punctuation, special and unused tokens are left out, whatever the form of the tokenizer.

    Args:
        tokenizer: of any form.
        size: the ids that the model has logits for end here.
    """
    special = set(tokenizer.all_special_ids)
    texts = {i: str(tokenizer.decode([i])).strip() for i in range(min(len(tokenizer), size)) if i not in special}
    texts = {i: text for i, text in texts.items() if _WORD.fullmatch(text)}
    if not texts:
        return {}
    before, *read = tokenizer(
        [_BEFORE, *(f"{_BEFORE} {text}" for text in texts.values())], add_special_tokens=False, padding=False,
        truncation=False,
    )[IDS]  # fmt: skip
    return {i: text for (i, text), got in zip(texts.items(), read, strict=True) if got == [*before, i]}


def _try(lm: MaskedLM, max_length: int) -> None:
    """Read a short text and one of the greatest length; the head at the masks must say what it says in the whole text."""
    mask = cast("str", lm.tokenizer.mask_token)
    texts = [(f"{mask} {lm.words[0]} {mask}",), (f"{mask} " + f"{lm.words[-1]} " * max_length,)]
    tokens = tokenize_rows(lm.tokenizer, texts, max_length=max_length)
    for rows in ([0, 1], [0]):
        batch = ModelInputs.of(lm.model).tensors(tokens, np.asarray(rows), lm.model.device)
        places = batch[IDS] == lm.mask_id
        with torch.inference_mode():
            expected = lm.model(**batch).logits[places]
        if not torch.allclose(lm.logits(batch), expected, rtol=1e-3, atol=1e-3):
            raise ValueError("its head is not one of single words")
