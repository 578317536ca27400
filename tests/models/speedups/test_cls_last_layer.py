import pytest
import torch
from transformers import BertForSequenceClassification, RobertaConfig, RobertaForSequenceClassification

from alambique.models.speedups.cls_last_layer import cls_only, disable_cls_only, enable_cls_only

IDS = torch.tensor([[2, 9, 8, 7, 3], [2, 5, 3, 0, 0], [2, 3, 0, 0, 0]])
MASK = (IDS != 0).long()


@pytest.fixture(params=["bert", "distilbert"])
def build(request, tiny_bert, tiny_distilbert):
    """A classifier of two layers whose weights are large enough to matter, with this attention."""

    def make(attention="sdpa", **options):
        model = (tiny_bert if request.param == "bert" else tiny_distilbert)(layers=2, **options)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight) * 0.3)
        model.set_attn_implementation(attention)
        return model

    return make


def passes(model, mask):
    model.zero_grad()
    logits = model(input_ids=IDS, attention_mask=mask).logits
    logits.square().sum().backward()
    return logits.detach(), {name: weight.grad.clone() for name, weight in model.named_parameters()}


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("mask", [MASK, torch.ones_like(MASK)])
def test_logits_and_gradients_equal_the_plain_models(build, attention, mask):
    model = build(attention)
    logits, gradients = passes(model, mask)
    assert enable_cls_only(model)
    exact_logits, exact_gradients = passes(model, mask)
    torch.testing.assert_close(exact_logits, logits, atol=1e-5, rtol=1e-5)
    assert gradients.keys() == exact_gradients.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(exact_gradients[name], gradient, atol=1e-4, rtol=1e-4, msg=name)


def test_the_last_layer_gives_one_token_and_is_the_plain_one_again_after(build):
    model = build()
    last = (
        model.bert.encoder if isinstance(model, BertForSequenceClassification) else model.distilbert.transformer
    ).layer[-1]
    shapes = []
    last.register_forward_hook(lambda *seen: shapes.append(tuple(seen[2].shape)))
    before = set(model.state_dict())
    with cls_only(model):
        model(input_ids=IDS, attention_mask=MASK)
        assert set(model.state_dict()) == before
    model(input_ids=IDS, attention_mask=MASK)
    assert shapes == [(3, 1, 16), (3, 5, 16)]


def test_a_block_leaves_a_model_as_it_found_it(build):
    model = build()
    enable_cls_only(model)
    with cls_only(model):
        pass
    logits = model.base_model(input_ids=IDS, attention_mask=MASK).last_hidden_state
    assert logits.shape == (3, 1, 16)
    disable_cls_only(model)
    assert model.base_model(input_ids=IDS, attention_mask=MASK).last_hidden_state.shape == (3, 5, 16)


def test_attention_dropout_drops_whole_tokens_in_training_only(build):
    model = build(dropout=0.5)
    enable_cls_only(model)
    first, second = (model(input_ids=IDS, attention_mask=MASK).logits for _ in range(2))
    assert first.equal(second)
    model.train()
    first, second = (model(input_ids=IDS, attention_mask=MASK).logits for _ in range(2))
    assert not first.equal(second)


def test_other_architectures_are_left_alone():
    config = RobertaConfig(
        vocab_size=40, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32
    )
    model = RobertaForSequenceClassification(config).eval()
    before = model(input_ids=IDS).logits
    assert not enable_cls_only(model)
    with cls_only(model):
        assert model(input_ids=IDS).logits.equal(before)


def test_a_decoder_is_left_alone(tiny_bert):
    model = tiny_bert()
    model.config.is_decoder = True
    assert not enable_cls_only(model)
