"""Batches of rows as training would make them, and a model's logits for a batch."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn
from transformers import DataCollatorWithPadding, PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import Split
from alambique.models.inputs import ModelInputs

Row = dict[str, Any]
Collator = Callable[[list[Row]], Mapping[str, Any]]
TYPES, MASK, IDS, LABELS = "token_type_ids", "attention_mask", "input_ids", "labels"
BATCH = 32
_UNLIMITED = 1_000_000  # tokenizers say 10^30 for "no limit"


@runtime_checkable
class TokenizingCollator(Protocol):
    """A collator that has the tokenizer it pads with, as ``DataCollatorWithPadding`` does."""

    tokenizer: PreTrainedTokenizerBase

    def __call__(self, rows: list[Row], /) -> Mapping[str, Any]:
        """Make a padded batch of tensors from encoded rows."""


@dataclass(frozen=True)
class Reader:
    """Encodes rows with a tokenizer and has a collator batch them.

    Attributes:
        collator: from encoded rows (``input_ids`` and so on as lists, ``labels`` an int) to a padded batch of tensors.
        tokenizer: a copy of the caller's; using it leaves no trace in the caller's.
        max_length: where texts are cut, in tokens, special tokens included.
    """

    collator: Collator
    tokenizer: PreTrainedTokenizerBase
    max_length: int

    def encode(self, split: Split, **options: Any) -> list[Row]:
        """Encode the rows of a split, each cut at ``max_length`` and not padded.

        Args:
            split: the rows.
            **options: for the tokenizer; by default it returns the inputs that it names itself.
        """
        if not len(split):
            return []  # a tokenizer refuses an empty list
        second = split.second_segments()
        encoded = self.tokenizer(
            list(split.texts), None if second is None else list(second),
            truncation=True, max_length=self.max_length, padding=False, verbose=False, **options,
        )  # fmt: skip
        return [
            {name: values[i] for name, values in encoded.items()} | {LABELS: label}
            for i, label in enumerate(split.labels.tolist())
        ]

    def batch(self, rows: list[Row]) -> dict[str, Tensor]:
        """Collate encoded rows; they are copied first, so that the collator may change them.

        Raises:
            TypeError: it returns no tensor ``input_ids``.
        """
        made = {name: value for name, value in self.collator(copy.deepcopy(rows)).items() if isinstance(value, Tensor)}
        if IDS not in made:
            raise TypeError(
                f"the collator must return a mapping with {IDS} as a tensor; its tensors are {sorted(made)}"
            )
        return made


def tokenizer_of(
    collator: Collator, given: PreTrainedTokenizerBase | None, *, of: Literal["", "student_"] = ""
) -> PreTrainedTokenizerBase:
    """Choose the tokenizer that rows are encoded with: the given one, or the collator's own.

    Args:
        collator: as ``DataCollatorWithPadding``, or any function.
        given: by the caller; the collator's own tokenizer is then not looked at.
        of: which of the arguments of ``examine`` a message names.

    Raises:
        TypeError: none is given, and the collator has no attribute ``tokenizer``.
    """
    if given is not None:
        return given
    if isinstance(collator, TokenizingCollator):
        return collator.tokenizer
    raise TypeError(
        f"{of}collator has no attribute tokenizer, so no row can be encoded for it: pass {of}tokenizer=, the tokenizer "
        f"that it pads with, or give a DataCollatorWithPadding(tokenizer)"
    )


def reader(
    collator: Collator,
    tokenizer: PreTrainedTokenizerBase,
    models: Sequence[PreTrainedModel],
    *,
    max_length: int | None = None,
) -> Reader:
    """Make a reader that cuts where tokenizer, collator and models allow.

    Args:
        collator: from encoded rows to a batch.
        tokenizer: encodes the rows; it is copied.
        models: they bound the length by their positions.
        max_length: in tokens; by default the least of the tokenizer's ``model_max_length``, the truncation stored in it,
            the ``max_length`` of a ``DataCollatorWithPadding`` and the models' positions.
    """
    tokenizer = copy.deepcopy(tokenizer)
    if max_length is None:
        limits = [model.config.to_dict().get("max_position_embeddings") for model in models]
        limits += [tokenizer.model_max_length, _UNLIMITED]
        if isinstance(collator, DataCollatorWithPadding):
            limits.append(collator.max_length)
        if tokenizer.is_fast and tokenizer.backend_tokenizer.truncation:
            limits.append(tokenizer.backend_tokenizer.truncation["max_length"])
        max_length = min(limit for limit in limits if limit is not None)
    return Reader(collator, tokenizer, min(max_length, _UNLIMITED))


def logits_of(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """Logits of a model for a batch, (B, C), from the inputs that it names; the rest is left out."""
    return cast("Tensor", outputs_of(model, batch).logits)


def outputs_of(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Any:
    """Outputs of a model for a batch, from the inputs that it names."""
    return model(**{name: value.to(model.device) for name, value in ModelInputs.of(model).select(batch).items()})


def all_logits(model: PreTrainedModel, source: Reader, rows: list[Row]) -> np.ndarray:
    """Logits of encoded rows through the collator's batches, in eval mode: (rows, C) float32, in the order of the rows.

    A batch has rows of similar length: padding takes time too.
    """
    order = np.argsort([len(row[IDS]) for row in rows], kind="stable")
    with evaluating(model), torch.no_grad():
        parts = [
            logits_of(model, source.batch([rows[i] for i in order[start : start + BATCH]])).float().cpu().numpy()
            for start in range(0, len(rows), BATCH)
        ]
    return np.concatenate(parts)[np.argsort(order)]


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode for the block; each module's own mode is restored after it."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def sample(split: Split, count: int) -> Split:
    """Take at most ``count`` rows, evenly spaced."""
    if len(split) <= count:
        return split
    return split.take(np.linspace(0, len(split) - 1, count).round().astype(int))
