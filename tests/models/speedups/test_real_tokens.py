import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, BertForSequenceClassification

from alambique.models.speedups.cls_last_layer import disable_cls_only, enable_cls_only
from alambique.models.speedups.real_tokens import disable_real_tokens, enable_real_tokens

LENGTHS = torch.tensor([2, 3, 3, 7, 12, 40])
MASK = (torch.arange(40) < LENGTHS[:, None]).long()
IDS = torch.randint(4, 90, MASK.shape, generator=torch.Generator().manual_seed(0)) * MASK
TYPES = (torch.arange(40) > 4).long().expand(6, -1) * MASK


@pytest.fixture(params=["bert", "distilbert"])
def build(request, tiny_bert, tiny_distilbert):
    """A classifier of three layers whose weights are large enough to matter."""

    def make(attention="sdpa", **options):
        model = (tiny_bert if request.param == "bert" else tiny_distilbert)(layers=3, **options).double()
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight) * 0.3)
        model.set_attn_implementation(attention)
        return model

    return make


def enable(model):
    assert enable_cls_only(model)
    assert enable_real_tokens(model)


def passes(model, mask=MASK, **more):
    model.zero_grad()
    if isinstance(model, BertForSequenceClassification):
        more["token_type_ids"] = TYPES
    logits = model(input_ids=IDS, attention_mask=mask, **more).logits
    logits.square().sum().backward()
    return logits.detach(), {name: weight.grad.clone() for name, weight in model.named_parameters()}


def assert_equal(one, other):
    torch.testing.assert_close(one[0], other[0], atol=1e-10, rtol=1e-10)
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        torch.testing.assert_close(other[1][name], gradient, atol=1e-9, rtol=1e-9, msg=name)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("training", [False, True])
def test_logits_and_gradients_equal_the_plain_models(build, attention, training):
    model = build(attention, dropout=1e-14).train(training)  # a rate that drops nothing and takes the code that drops
    expected = passes(model)
    enable(model)
    assert_equal(passes(model), expected)
    disable_real_tokens(model)
    disable_cls_only(model)
    assert_equal(passes(model), expected)


def test_rows_in_any_order_and_rows_all_of_one_length(build):
    model = build()
    enable(model)
    logits = passes(model)[0]
    order = torch.tensor([3, 5, 0, 4, 1, 2])
    more = {"token_type_ids": TYPES[order]} if isinstance(model, BertForSequenceClassification) else {}
    with torch.no_grad():
        mixed = model(input_ids=IDS[order], attention_mask=MASK[order], **more).logits
        torch.testing.assert_close(mixed, logits[order])
        alone = [
            model(
                input_ids=IDS[i, None, :n], attention_mask=MASK[i, None, :n], **dict.fromkeys(more, TYPES[i, None, :n])
            )
            for i, n in enumerate(LENGTHS.tolist())
        ]
        torch.testing.assert_close(torch.cat([row.logits for row in alone]), logits)


def test_no_layer_meets_padding(build):
    model = build()
    enable(model)
    seen = []
    for name, module in model.named_modules():
        if name.endswith(("lin1", "intermediate.dense", "LayerNorm", "output_layer_norm")):
            module.register_forward_hook(lambda *call: seen.append(tuple(call[2].shape[:2])))
    passes(model)
    assert set(seen) == {(1, int(LENGTHS.sum())), (len(LENGTHS), 1)}  # of the last layer the first tokens


def test_dropout_drops_in_training_only(build):
    model = build(dropout=0.5)
    enable(model)
    assert passes(model)[0].equal(passes(model)[0])
    model.train()
    assert not passes(model)[0].equal(passes(model)[0])


def test_rows_padded_at_their_left_are_left_to_the_models_own_code(build):
    model = build()
    enable_cls_only(model)
    flipped = {"input_ids": IDS.flip(1), "attention_mask": MASK.flip(1)}
    with torch.no_grad():
        expected = model(**flipped).logits
        enable_real_tokens(model)
        assert model(**flipped).logits.equal(expected)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("training", [False, True])
def test_a_last_layer_that_computes_every_token_leaves_out_padding_too(build, attention, training):
    model = build(attention, dropout=1e-14).train(training)
    expected = passes(model)
    assert enable_real_tokens(model)
    assert_equal(passes(model), expected)
    disable_real_tokens(model)
    assert_equal(passes(model), expected)


@pytest.mark.parametrize("name", ["roberta", "electra"])
def test_other_architectures_are_left_alone_though_their_last_layer_computes_the_first_token(name):
    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(name, vocab_size=40, **size))
    assert enable_cls_only(model)
    classes = [type(module) for module in model.modules()]
    assert not enable_real_tokens(model)
    assert [type(module) for module in model.modules()] == classes


def test_enabled_twice_is_enabled_and_undone_once(build):
    model = build()
    classes = [type(module) for module in model.modules()]
    enable(model)
    enable(model)
    disable_real_tokens(model)
    disable_cls_only(model)
    assert [type(module) for module in model.modules()] == classes


def test_a_model_that_feeds_forward_in_chunks_is_left_alone(build):
    model = build()
    enable_cls_only(model)
    model.config.chunk_size_feed_forward = 5
    assert not enable_real_tokens(model)
