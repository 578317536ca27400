"""Classifiers with random weights, of a size that the recipe gives."""

from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    set_seed,
)

from alambique.models.labels import label_config
from alambique.recipe.sections import Scratch

POSITIONS = 512


def model_from_scratch(
    size: Scratch, tokenizer: PreTrainedTokenizerBase, label_names: tuple[str, ...], *, seed: int
) -> PreTrainedModel:
    """A BERT or DistilBERT classifier with random weights.

    Args:
        size: architecture, layers, width, heads; the feed-forward width is four times the width by default.
        tokenizer: what it will read.
        label_names: its classes.
        seed: of the weights.
    """
    set_seed(seed)
    feed_forward = size.feed_forward or 4 * size.width
    labels = label_config(label_names)
    if size.architecture == "bert":
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=size.width, num_hidden_layers=size.layers,
            num_attention_heads=size.heads, intermediate_size=feed_forward, max_position_embeddings=POSITIONS,
            pad_token_id=tokenizer.pad_token_id, **labels,
        )  # fmt: skip
        return BertForSequenceClassification(config)
    return DistilBertForSequenceClassification(
        DistilBertConfig(
            vocab_size=len(tokenizer),
            dim=size.width,
            n_layers=size.layers,
            n_heads=size.heads,
            hidden_dim=feed_forward,
            max_position_embeddings=POSITIONS,
            pad_token_id=tokenizer.pad_token_id,
            **labels,
        )
    )
