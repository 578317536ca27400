"""The static classifier: logits worked out by hand, and what its storage in 8 bits changes."""

import pytest
import torch
from torch import tensor
from transformers import AutoModelForSequenceClassification

from alambique.models.static_config import StaticConfig
from alambique.models.static_model import StaticForSequenceClassification, ngram_buckets, pack, unpack


def model_of(**config):
    torch.manual_seed(3)
    made = StaticForSequenceClassification(
        StaticConfig(**{"vocab_size": 6, "hidden_size": 2, "num_labels": 2} | config)
    )
    if made.ngram_embeddings is not None:
        torch.nn.init.normal_(made.ngram_embeddings.weight)
    return made.eval()


def test_logits_are_the_head_of_the_mean():
    model = model_of()
    with torch.no_grad():
        model.embeddings.weight.copy_(tensor([[0.0, 0.0], [1.0, 2.0], [3.0, -4.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0]]))
        model.classifier.weight.copy_(tensor([[1.0, 0.0], [0.0, 10.0]]))
        model.classifier.bias.copy_(tensor([0.5, 0.0]))
    mask = tensor([[1, 1, 0], [1, 1, 1]])
    output = model(tensor([[1, 2, 5], [1, 3, 3]]), mask, labels=tensor([0, 1]))
    assert output.logits.flatten().tolist() == pytest.approx([2.5, -10.0, 1 / 3 + 0.5, 40 / 3])


def test_a_hidden_layer_is_rectified():
    model = model_of(head_size=2)
    with torch.no_grad():
        model.embeddings.weight.fill_(1.0)
        model.dense.weight.copy_(tensor([[1.0, 1.0], [-1.0, -1.0]]))
        model.classifier.weight.copy_(tensor([[1.0, 1.0], [2.0, 5.0]]))
    assert model(tensor([[1, 2]])).logits.tolist() == [[2.0, 4.0]]


def test_the_loss_is_cross_entropy():
    model, ids, labels = model_of(), tensor([[1, 2], [3, 4]]), tensor([1, 0])
    output = model(ids, labels=labels)
    assert output.loss.item() == pytest.approx(torch.nn.functional.cross_entropy(output.logits, labels).item())
    assert model(ids).loss is None


def test_buckets_of_runs():
    real = tensor([[1.0, 1.0, 1.0, 0.0]])
    buckets, whole = ngram_buckets(tensor([[7, 2, 9, 9]]), real, 2, 10)
    # 16777619 ends in 9: (7·9 + 2) mod 10, (2·9 + 9) mod 10, (9·9 + 9) mod 10
    assert (buckets.tolist(), whole.tolist()) == ([[5, 7, 0]], [[1, 1, 0]])
    buckets, whole = ngram_buckets(tensor([[7, 2, 9, 9]]), real, 3, 10)
    assert (buckets.tolist(), whole.tolist()) == ([[4, 2]], [[1, 0]])  # (5·9 + 9) mod 10, (7·9 + 9) mod 10


def test_runs_count_and_begin_at_zero():
    plain = model_of()
    fresh = StaticForSequenceClassification(
        StaticConfig(vocab_size=6, hidden_size=2, num_labels=2, n_grams=2, buckets=16)
    )
    assert not fresh.ngram_embeddings.weight.any()
    model = model_of(n_grams=2, buckets=16)
    with torch.no_grad():
        model.embeddings.weight.copy_(plain.embeddings.weight)
        model.classifier.load_state_dict(plain.classifier.state_dict())
    ids = tensor([[1, 2, 3]])
    buckets, _ = ngram_buckets(ids, torch.ones_like(ids), 2, 16)
    added = model.ngram_embeddings(buckets)[0].sum(0) / 3 @ model.classifier.weight.T
    assert torch.allclose(model(ids).logits, plain(ids).logits + added, atol=1e-6)


@pytest.mark.parametrize("n_grams", [1, 3])
def test_padding_and_the_rest_of_the_batch_change_nothing(n_grams):
    model = model_of(n_grams=n_grams, buckets=16, head_size=4)
    ids, mask = tensor([[1, 2, 3, 4, 5], [2, 3, 4, 0, 0]]), tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]])
    assert torch.allclose(model(ids, mask).logits[1], model(ids[1:, :3]).logits[0], atol=1e-6)


def test_vectors_in_8_bits_are_off_by_half_a_step_and_stay_when_stored_again(tmp_path):
    model = model_of(vocab_size=50, hidden_size=8, n_grams=2, buckets=16)
    packed = pack(model)
    steps = packed.embeddings.steps
    ids = torch.arange(50)
    assert torch.allclose(steps, model.embeddings.weight.abs().amax(1) / 127)
    off = (packed.embeddings(ids) - model.embeddings.weight).abs()
    assert bool((off <= steps[:, None] / 2 + 1e-7).all())
    assert off.max() > 0
    again = pack(unpack(packed))
    assert torch.equal(again.embeddings.weight, packed.embeddings.weight)
    assert unpack(packed).embeddings.weight.requires_grad
    packed.save_pretrained(tmp_path)
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path, dtype=torch.float32)
    assert loaded.embeddings.weight.dtype == torch.int8
    assert torch.equal(loaded(ids[None]).logits, packed(ids[None]).logits)
    assert loaded.num_parameters() == 50 * 8 + 50 + 16 * 8 + 16 + 8 * 2 + 2
