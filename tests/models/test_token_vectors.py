"""First vectors of a static student, from what an encoder gives for each token."""

import numpy as np
import pytest
import torch
from transformers import FunnelConfig, FunnelForSequenceClassification

from alambique.errors import ModelError
from alambique.models.token_vectors import begin, encode_vocabulary, rarity, reduce, special_tokens, vocabulary_size


def test_an_entry_is_read_alone_between_the_special_tokens(tiny_bert, tokenizer):
    model = tiny_bert()
    done = []
    vectors = encode_vocabulary(model, tokenizer, advance=done.append)
    size = vocabulary_size(tokenizer)
    assert vectors.shape == (size, 16)
    assert sum(done) == size
    token = tokenizer.convert_tokens_to_ids("lamp")
    ids = torch.tensor([[tokenizer.cls_token_id, token, tokenizer.sep_token_id]])
    with torch.inference_mode():
        alone = model.bert(ids, token_type_ids=torch.zeros_like(ids)).last_hidden_state.mean(1)[0]
    assert vectors[token] == pytest.approx(alone.numpy(), abs=1e-5)
    assert encode_vocabulary(model, tokenizer, size=3) == pytest.approx(vectors[:3], abs=1e-5)


def test_special_tokens(tokenizer):
    assert special_tokens(tokenizer) == ([tokenizer.cls_token_id], [tokenizer.sep_token_id])


def test_rarity_by_hand():
    # one more than was counted: 4, 1, 1 of 6
    assert rarity(np.array([3, 0, 0]), 0.5) == pytest.approx(
        [0.5 / (0.5 + 4 / 6), 0.5 / (0.5 + 1 / 6), 0.5 / (0.5 + 1 / 6)]
    )


def test_components_are_centred_and_the_strongest_first():
    drawn = np.random.default_rng(0).normal(size=(200, 5)) * [9, 1, 5, 0.1, 3] + 7
    reduced = reduce(drawn.astype(np.float32), 3)
    assert reduced.shape == (200, 3)
    assert reduced.mean(0) == pytest.approx([0, 0, 0], abs=1e-4)
    assert reduced.std(0) == pytest.approx(sorted(drawn.std(0), reverse=True)[:3], rel=0.05)
    assert reduce(drawn, 8).shape == (200, 5)  # no wider than the outputs


def test_frequent_tokens_begin_small():
    outputs, counts = np.random.default_rng(1).normal(size=(50, 4)), np.array([1000] + [0] * 49)
    vectors = begin(outputs, counts, width=4, a=1e-3)
    assert vectors / reduce(outputs, 4) == pytest.approx(np.repeat(rarity(counts, 1e-3)[:, None], 4, 1), rel=1e-4)


def test_an_architecture_that_gives_no_output_per_token_is_refused(tokenizer):
    config = FunnelConfig(
        vocab_size=len(tokenizer), block_sizes=[1, 1], d_model=8, n_head=1, d_head=8, d_inner=8, num_decoder_layers=1
    )
    with pytest.raises(ModelError) as refused:
        encode_vocabulary(FunnelForSequenceClassification(config), tokenizer, size=2)
    assert str(refused.value).startswith(
        "student.static: a FunnelForSequenceClassification does not give an output for each token (the shape of its outputs "
    )
    assert str(refused.value).endswith("). Name another model: student.static.encoder.")
