"""From rows to batches, as training would make them; and from a batch to a model's logits."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.splits import Split

Row = dict[str, Any]
Collator = Callable[[list[Row]], Mapping[str, Any]]
TYPES, MASK, IDS, LABELS = "token_type_ids", "attention_mask", "input_ids", "labels"
BATCH = 32
_UNLIMITED = 1_000_000  # tokenizers say 10^30 for "no limit"


@dataclass(frozen=True)
class Reader:
    """Encodes rows with the collator's tokenizer and has the collator batch them.

    Attributes:
        collator: from encoded rows (``input_ids`` and so on as lists, ``labels`` an int) to a padded batch of tensors.
        tokenizer: a copy of the collator's; using it leaves no trace in the caller's.
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
        segments = split.segments()
        encoded = self.tokenizer(
            [row[0] for row in segments],
            None if split.pairs is None else [row[1] for row in segments],
            truncation=True, max_length=self.max_length, padding=False, verbose=False, **options,
        )  # fmt: skip
        return [
            {name: values[i] for name, values in encoded.items()} | {LABELS: int(label)}
            for i, label in enumerate(split.labels)
        ]

    def batch(self, rows: list[Row]) -> dict[str, Tensor]:
        """What the collator makes of encoded rows; they are copied first, so that it may change them.

        Raises:
            TypeError: it returns no tensor ``input_ids``.
        """
        made = {name: value for name, value in self.collator(copy.deepcopy(rows)).items() if isinstance(value, Tensor)}
        if IDS not in made:
            raise TypeError(
                f"the collator must return a mapping with {IDS} as a tensor; its tensors are {sorted(made)}"
            )
        return made


def reader(collator: Collator, models: Sequence[PreTrainedModel], *, max_length: int | None = None) -> Reader:
    """Find the collator's tokenizer, and where it cuts.

    Args:
        collator: has a ``tokenizer``, as ``DataCollatorWithPadding`` has; a function may also have it among the names
            that it uses, a ``functools.partial`` among its arguments.
        models: they bound the length by their positions.
        max_length: in tokens; by default the least of the tokenizer's ``model_max_length``, the truncation stored in it,
            the collator's ``max_length`` and the models' positions.

    Raises:
        TypeError: no tokenizer is found.
    """
    tokenizer = copy.deepcopy(_tokenizer_of(collator))
    if max_length is None:
        limits = [
            tokenizer.model_max_length,
            vars(collator).get("max_length") if hasattr(collator, "__dict__") else None,
        ]
        limits += [model.config.to_dict().get("max_position_embeddings") for model in models]
        if tokenizer.is_fast and tokenizer.backend_tokenizer.truncation:
            limits.append(tokenizer.backend_tokenizer.truncation["max_length"])
        max_length = min([limit for limit in limits if isinstance(limit, int)], default=_UNLIMITED)
    return Reader(collator, tokenizer, min(max_length, _UNLIMITED))


def _tokenizer_of(collator: Collator) -> PreTrainedTokenizerBase:
    """The tokenizer a collator pads with: an attribute, an argument, or a name its function uses."""
    for held in _held_by(collator):
        for value in (held, vars(held).get("tokenizer") if hasattr(held, "__dict__") else None):
            if isinstance(value, PreTrainedTokenizerBase):
                return value
    raise TypeError(
        "the collator has no tokenizer, so no row can be encoded for it: give a DataCollatorWithPadding(tokenizer), or set "
        "collator.tokenizer = tokenizer"
    )


def _held_by(collator: Any) -> Iterator[Any]:
    yield collator
    if isinstance(collator, functools.partial):
        yield from (*collator.args, *collator.keywords.values())
        yield from _held_by(collator.func)
    elif inspect.ismethod(collator):
        yield collator.__self__
    elif inspect.isfunction(collator):
        used = inspect.getclosurevars(collator)
        yield from (*used.nonlocals.values(), *used.globals.values())


def inputs_of(model: nn.Module) -> set[str]:
    """The inputs a model names, labels aside."""
    return set(inspect.signature(model.forward).parameters) - {LABELS, "kwargs", "args"}


def logits_of(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> Tensor:
    """The model's logits for a batch, (B, C), from the inputs that it names; the rest is left out."""
    named = inputs_of(model)
    inputs = {name: value.to(model.device) for name, value in batch.items() if name in named}
    return cast("Tensor", model(**inputs).logits)


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
    """At most so many rows, evenly spaced."""
    if len(split) <= count:
        return split
    return split.take(np.linspace(0, len(split) - 1, count).round().astype(int))
