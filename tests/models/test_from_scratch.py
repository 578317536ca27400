import pytest
import torch

from alambique.models.from_scratch import model_from_scratch
from alambique.recipe.made_models import Scratch
from conftest import LABELS


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_from_scratch_has_the_size_asked_for(architecture, tokenizer):
    size = Scratch(architecture=architecture, layers=3, width=24, heads=4)
    model = model_from_scratch(size, tokenizer, LABELS, seed=3)
    config = model.config
    assert (config.num_hidden_layers, config.hidden_size, config.num_attention_heads) == (3, 24, 4)
    assert config.vocab_size == len(tokenizer)
    assert config.label2id == {"bad": 0, "fair": 1, "good": 2}
    feed_forward = config.intermediate_size if architecture == "bert" else config.hidden_dim
    assert feed_forward == 96
    again = model_from_scratch(size, tokenizer, LABELS, seed=3)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    other = model_from_scratch(size, tokenizer, LABELS, seed=4)
    assert not torch.equal(next(model.parameters()), next(other.parameters()))


@pytest.mark.parametrize("architecture", ["bert", "distilbert"])
def test_parameters_by_hand(architecture, tokenizer):
    size = Scratch(architecture=architecture, layers=2, width=8, heads=2, feed_forward=12)
    model = model_from_scratch(size, tokenizer, LABELS, seed=0)
    embeddings = (
        len(tokenizer) + 512 + (2 if architecture == "bert" else 0)
    ) * 8 + 2 * 8  # and token types, and a norm
    layer = 4 * (8 * 8 + 8) + (8 * 12 + 12) + (12 * 8 + 8) + 2 * 2 * 8
    head = (8 * 8 + 8) + (8 * 3 + 3)  # BERT's pooler, DistilBERT's pre-classifier; the classifier
    assert model.num_parameters() == embeddings + 2 * layer + head
    assert model.config.pad_token_id == tokenizer.pad_token_id
