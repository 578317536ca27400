"""A checkpoint tried out before hours of work: loaded, one scoring of short, long and mixed texts, one training step.

What tokenizer, config and architecture say of themselves may not fit together, and not every architecture reads every
length. Here that becomes one sentence, whatever the architecture raises.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.tokens import Segments, Tokens, tokenize_rows
from alambique.errors import MisfitError, ModelError, first_line
from alambique.models.inputs import ModelInputs
from alambique.models.labels import SINGLE_LABEL
from alambique.models.pretrained import PretrainedFolder, check_finite, load_finished, load_to_train

VOCABULARY, CANNOT_RUN, OTHER_HEAD = "vocabulary-mismatch", "model-cannot-run", "other-head"
_WORDS = ("", "a", "a b c d e f g h i j k l")
_CHOOSE = "Choose a model of another architecture."


@dataclass(frozen=True)
class Conditions:
    """What a model is tried with.

    Attributes:
        key: its key in the recipe.
        label_names: the classes.
        max_length: where texts are cut, in tokens.
        pairs: whether rows have two segments.
        problem_type: what the head must be for, by Transformers' names.
    """

    key: str
    label_names: tuple[str, ...]
    max_length: int
    pairs: bool
    problem_type: str = SINGLE_LABEL


def check_weights(
    checkpoint: PretrainedFolder, tokenizer: PreTrainedTokenizerBase, conditions: Conditions
) -> PreTrainedModel:
    """Load a checkpoint that is to be trained, score a few texts with it, and take one training step.

    Returns:
        the model, whose gradients are spent: to be looked at, not trained.

    Raises:
        ModelError: it cannot be loaded to be trained, has no layers, or has weights that are not finite.
        MisfitError: it does not fit its tokenizer, or cannot read texts of some length.
    """
    key = conditions.key
    model = load_to_train(checkpoint, conditions.label_names, key=key, seed=0, tokenizer=tokenizer)
    if getattr(model.config, "num_hidden_layers", 1) < 1:
        raise ModelError(
            f"{key}: {checkpoint.name} has {model.config.num_hidden_layers} layers; it needs one at least."
        )
    check_finite(model, checkpoint, key=key)
    try_out(model, tokenizer, checkpoint.name, conditions)
    with torch.random.fork_rng():
        batch = _batch(model, tokenizer, conditions)
        _attempt(lambda: _learn(model, batch), model, checkpoint.name, key, "a training step")
    return model


def check_finished(
    checkpoint: PretrainedFolder, tokenizer: PreTrainedTokenizerBase, conditions: Conditions
) -> PreTrainedModel:
    """Load a finished classifier and score a few texts with it.

    Raises:
        ModelError: it cannot be loaded, has no trained head, or has weights that are not finite.
        MisfitError: its head is for labels of another kind, it does not fit its tokenizer, or cannot read texts of some
            length.
    """
    key = conditions.key
    model = load_finished(checkpoint.folder, key=key, tokenizer=tokenizer)
    check_finite(model, checkpoint, key=key)
    if conditions.problem_type != SINGLE_LABEL:
        _check_head(checkpoint, model, conditions)
        try_out(model, tokenizer, checkpoint.name, conditions)
        return model
    meaning = _HEADS.get(model.config.problem_type or "")
    if meaning is not None and len(conditions.label_names) > 1:
        raise MisfitError(
            OTHER_HEAD, key,
            f"{checkpoint.name} was trained for {meaning} (problem_type {model.config.problem_type} in its config.json), so "
            "a softmax over its logits does not give its probabilities.",
            "Set teacher.fine_tune to true; or, if each text has one of its labels, remove problem_type from its "
            "config.json.",
        )  # fmt: skip
    try_out(model, tokenizer, checkpoint.name, conditions)
    return model


def _check_head(checkpoint: PretrainedFolder, model: PreTrainedModel, conditions: Conditions) -> None:
    """Refuse a classifier that does not say that its labels do not exclude each other, where the data's do not."""
    own = model.config.problem_type
    if own == conditions.problem_type:
        return
    says = (
        f"has problem_type {own} in its config.json" if own else "does not say in its config.json what its head is for"
    )
    raise MisfitError(
        OTHER_HEAD, conditions.key,
        f"{checkpoint.name} {says}, and rows have any number of labels, so its numbers may not be those of a "
        "sigmoid for each.",
        "Set teacher.fine_tune to true; or, if it was trained for several labels per text, write "
        f'"problem_type": "{conditions.problem_type}" into its config.json.',
    )  # fmt: skip


_HEADS = {
    "multi_label_classification": "several labels per text, a sigmoid for each",
    "regression": "numbers, not for classes",
}


def try_out(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, conditions: Conditions) -> None:
    """Score an empty text, a word, a sentence and a text of the greatest length, together and alone.

    Args:
        model: a classifier; it is left in eval mode.
        tokenizer: its own.
        name: of the model, for messages.
        conditions: what it is tried with.

    Raises:
        MisfitError: the tokenizer has tokens that the model has no embedding for, or the model fails on such texts.
    """
    key = conditions.key
    check_vocabulary(model, tokenizer, name, key=key)
    model.eval()
    short = _rows(tokenizer, [_text(words, conditions) for words in _WORDS], conditions.max_length)
    long = _rows(tokenizer, [_text("a " * conditions.max_length, conditions)], conditions.max_length)
    with torch.inference_mode():
        for row in range(len(short)):
            _attempt(lambda row=row: _score(model, short, [row]), model, name, key, "a short text")  # type: ignore[misc]
        _attempt(
            lambda: _score(model, short, range(len(short))), model, name, key, "texts of several lengths in a batch"
        )
        try:
            _score(model, long, [0])
        except Exception as error:
            raise _too_long(model, tokenizer, name, conditions, error) from error


def check_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, *, key: str) -> None:
    """Refuse a tokenizer with words that the model has no embedding for; special tokens do not stand in a text.

    Raises:
        MisfitError: it has some.
    """
    size = embedding_rows(model)
    unused = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}  # such as T5's extra ids
    highest = max((i for i in tokenizer.get_vocab().values() if i not in unused), default=0)
    if size is None or highest < size:
        return
    raise MisfitError(
        VOCABULARY, key,
        f"the tokenizer of {name} has {len(tokenizer)} tokens, the model embeddings for {size}.",
        "Give the tokenizer that the model was trained with; or, if tokens were added to it, call "
        "model.resize_token_embeddings(len(tokenizer)), train the model, and save both.",
    )  # fmt: skip


def embedding_rows(model: PreTrainedModel) -> int | None:
    """How many tokens a model has embeddings for; None for a model without such a table (CANINE)."""
    try:
        table = model.get_input_embeddings()
    except NotImplementedError:
        return None
    weight = dict(table.named_parameters(recurse=False)).get("weight") if isinstance(table, nn.Module) else None
    return None if weight is None else len(weight)


def _too_long(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, name: str, conditions: Conditions, error: Exception
) -> MisfitError:
    """Find the greatest length that the model reads, since not every architecture says it in its config."""
    reads, fails = 0, conditions.max_length
    while fails - reads > 1:
        length = (reads + fails) // 2
        try:
            _score(model, _rows(tokenizer, [_text("a " * length, conditions)], length), [0])
        except Exception:  # noqa: BLE001 - whatever an architecture raises
            fails = length
        else:
            reads = length
    if reads <= len(_WORDS[-1]):
        return _failure(model, name, conditions.key, "a longer text", error)
    return MisfitError(
        CANNOT_RUN, conditions.key,
        f"data.max_length is {conditions.max_length}, but {name} reads at most {reads} tokens.",
        f"Set data.max_length to {reads} or less.",
    )  # fmt: skip


def _attempt(action: Callable[[], object], model: PreTrainedModel, name: str, key: str, reading: str) -> None:
    try:
        action()
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise _failure(model, name, key, reading, error) from error


def _failure(model: PreTrainedModel, name: str, key: str, reading: str, error: Exception) -> MisfitError:
    return MisfitError(
        CANNOT_RUN, key,
        f"{name} cannot be used: a {type(model).__name__} with this config fails on {reading} ({first_line(error)}).",
        _CHOOSE,
    )  # fmt: skip


def _text(words: str, conditions: Conditions) -> tuple[str, ...]:
    return (words, words) if conditions.pairs else (words,)


def _rows(tokenizer: PreTrainedTokenizerBase, segments: Segments, max_length: int) -> Tokens:
    return tokenize_rows(tokenizer, segments, max_length=max_length)


def _batch(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, conditions: Conditions) -> dict[str, Tensor]:
    tokens = _rows(tokenizer, [_text(words, conditions) for words in _WORDS], conditions.max_length)
    return ModelInputs.of(model).tensors(tokens, np.arange(len(tokens)), model.device)


def _score(model: PreTrainedModel, tokens: Tokens, rows: list[int] | range) -> None:
    logits = model(**ModelInputs.of(model).tensors(tokens, np.asarray(rows), model.device)).logits
    wanted = (len(rows), model.config.num_labels)
    if tuple(logits.shape) != wanted:
        raise ValueError(f"its logits have the shape {tuple(logits.shape)}, not {wanted}")


def _learn(model: PreTrainedModel, batch: dict[str, Tensor]) -> None:
    model.train()
    logits = cast("Tensor", model(**batch).logits)
    labels = torch.zeros(len(logits), dtype=torch.int64, device=logits.device)
    nn.functional.cross_entropy(logits, labels).backward()
