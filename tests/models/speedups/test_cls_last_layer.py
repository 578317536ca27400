import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertForSequenceClassification,
    MPNetConfig,
    MPNetForSequenceClassification,
)

from alambique.models.speedups.cls_last_layer import cls_only, disable_cls_only, enable_cls_only, is_cls_only

IDS = torch.tensor([[2, 9, 8, 7, 3], [2, 5, 3, 0, 0], [2, 3, 0, 0, 0]])
MASK = (IDS != 0).long()
SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
SPECIAL = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
FAMILIES = {
    "roberta": {},
    "xlm-roberta": {},
    "camembert": {},
    "electra": {"embedding_size": 8},
    # the first layer sees all tokens, the last its neighbours: 2 on each side
    "modernbert": {"classifier_pooling": "cls", "local_attention": 4, "global_attn_every_n_layers": 2},
}


def other_family(name, dropout=0.0, **options):
    torch.manual_seed(7)
    dropouts = (
        {"attention_dropout": dropout, "mlp_dropout": dropout, "classifier_dropout": dropout}
        if name == "modernbert"
        else {"attention_probs_dropout_prob": dropout, "hidden_dropout_prob": dropout}
    )
    config = AutoConfig.for_model(name, vocab_size=40, **(SIZE | SPECIAL | dropouts | FAMILIES[name] | options))
    return AutoModelForSequenceClassification.from_config(config).eval()


@pytest.fixture(params=["bert", "distilbert", *FAMILIES])
def build(request, tiny_bert, tiny_distilbert):
    """A classifier of two layers whose weights are large enough to matter, with this attention."""

    def make(attention="sdpa", **options):
        if request.param in FAMILIES:
            model = other_family(request.param, **options)
        else:
            model = (tiny_bert if request.param == "bert" else tiny_distilbert)(layers=2, **options)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(torch.randn_like(weight) * 0.3)
        model.set_attn_implementation(attention)
        return model

    return make


def passes(model, mask, ids=IDS):
    model.zero_grad()
    logits = model(input_ids=ids, attention_mask=mask).logits
    logits.square().sum().backward()
    gradients = {name: weight.grad for name, weight in model.named_parameters()}
    return logits.detach(), {name: gradient.clone() for name, gradient in gradients.items() if gradient is not None}


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


@pytest.mark.parametrize("side", ["right", "left"])
def test_in_double_precision_they_are_equal_but_for_rounding(build, side):
    """Which rounding there is depends on the order of sums alone; ModernBERT turns its keys in single precision."""
    model = build().double()
    ids = IDS if side == "right" else torch.stack([row.roll(int((row == 0).sum())) for row in IDS])
    mask = (ids != 0).long()
    logits, gradients = passes(model, mask, ids)
    enable_cls_only(model)
    exact_logits, exact_gradients = passes(model, mask, ids)
    close = {"atol": 1e-5 if model.config.model_type == "modernbert" else 1e-12, "rtol": 0}
    torch.testing.assert_close(exact_logits, logits, **close)
    for name, gradient in gradients.items():
        torch.testing.assert_close(exact_gradients[name], gradient, **close, msg=name)


@pytest.mark.parametrize("every", [1, 2])
def test_modernberts_last_layer_sees_what_its_kind_sees(every):
    """With 1 it sees every token, with 2 the first token's next two alone."""
    model = other_family("modernbert", global_attn_every_n_layers=every, num_hidden_layers=2, initializer_range=0.5)
    ids = torch.arange(2, 22).unsqueeze(0)
    with torch.no_grad():
        plain = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        with cls_only(model):
            torch.testing.assert_close(
                model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits, plain, atol=1e-5, rtol=1e-5
            )


def test_a_modernbert_that_reads_the_mean_of_all_tokens_is_left_alone():
    model = other_family("modernbert", classifier_pooling="mean")
    assert not enable_cls_only(model)
    assert not is_cls_only(model)


def test_the_last_layer_gives_one_token_and_is_the_plain_one_again_after(build):
    model = build()
    last = next(module for name, module in model.named_modules() if name.endswith(("layer.1", "layers.1")))
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
    model = MPNetForSequenceClassification(MPNetConfig(vocab_size=40, **SIZE)).eval()
    before = model(input_ids=IDS).logits
    assert not enable_cls_only(model)
    with cls_only(model):
        assert model(input_ids=IDS).logits.equal(before)


def test_a_subclass_may_read_other_tokens_and_is_left_alone(tiny_bert):
    class Other(BertForSequenceClassification):
        pass

    assert not enable_cls_only(Other(tiny_bert().config))


@pytest.mark.parametrize("attention", ["flex_attention"])
def test_an_attention_whose_masks_are_of_another_kind_is_left_alone(tiny_bert, attention):
    model = tiny_bert()
    model.config._attn_implementation = attention
    assert not enable_cls_only(model)


def test_a_decoder_is_left_alone(tiny_bert):
    model = tiny_bert()
    model.config.is_decoder = True
    assert not enable_cls_only(model)
