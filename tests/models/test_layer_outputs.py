"""Layers read through hooks: equal to what the models give themselves, whatever their architecture and speed-ups."""

import re

import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from alambique.models.layer_outputs import LayerReader, layers_of
from alambique.models.speedups.front import Needs, Speedups

IDS = torch.tensor([[2, 40, 41, 9, 3], [2, 77, 3, 0, 0], [2, 12, 13, 3, 0]])
MASK = (IDS != 0).long()
SIZE = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
# by what their attention's modules are called
NAMES = {
    "bert": SIZE, "roberta": SIZE, "electra": SIZE | {"embedding_size": 16}, "mpnet": SIZE, "deberta-v2": SIZE,
    "modernbert": SIZE | {"pad_token_id": 0, "cls_token_id": 2, "sep_token_id": 3},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32},
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "pad_token_id": 0},
    "llama": SIZE | {"num_key_value_heads": 1, "pad_token_id": 0},
}  # fmt: skip


def build(name, **more):
    torch.manual_seed(3)
    config = AutoConfig.for_model(name, **({"vocab_size": 90, "num_labels": 3} | NAMES.get(name, SIZE) | more))
    return AutoModelForSequenceClassification.from_config(config).eval()


def read(model, kind, layers, *, ids=IDS, mask=MASK, **options):
    reader = LayerReader(model, kind, layers, **options)
    with reader.reading(), torch.no_grad():
        outputs = model(input_ids=ids, attention_mask=mask)
        return outputs, reader.take(), reader


@pytest.mark.parametrize("name", NAMES)
def test_hidden_states_are_those_of_the_model_at_its_real_tokens(name):
    model = build(name)
    with torch.no_grad():
        states = model(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    _, (first,), reader = read(model, "hidden", [0])
    assert reader.widths == [16]
    torch.testing.assert_close(first, states[1][MASK == 1])
    _, (firsts,), _ = read(model, "hidden", [0], first_only=True)
    torch.testing.assert_close(firsts, states[1][:, 0])


@pytest.mark.parametrize("name", NAMES)
def test_queries_keys_and_values_are_what_attention_projects(name):
    model = build(name)
    _, made, reader = read(model, "relations", [1])
    assert [tuple(each.shape) for each in made] == [(12, width) for width in reader.widths]
    assert reader.widths == ([16, 8, 8] if name == "llama" else [16] * 3)
    assert len({tuple(each[0, :8].tolist()) for each in made}) == 3


def test_distilberts_queries_by_its_own_matrix(tiny_distilbert):
    model = tiny_distilbert(layers=2)
    _, (inputs,), _ = read(model, "hidden", [0])
    _, (query, key, value), _ = read(model, "relations", [1])
    attention = model.distilbert.transformer.layer[1].attention
    torch.testing.assert_close(query, attention.q_lin(inputs))
    torch.testing.assert_close(key, attention.k_lin(inputs))
    torch.testing.assert_close(value, attention.v_lin(inputs))


@pytest.mark.parametrize("kind", ["hidden", "relations"])
@pytest.mark.parametrize("family", ["bert", "distilbert"])
@pytest.mark.parametrize("last", [False, True])
def test_with_speedups_the_same_values_and_logits(kind, family, last, tiny_bert, tiny_distilbert):
    model = (tiny_bert if family == "bert" else tiny_distilbert)(layers=2)
    layers = [0, 1] if last else [0]
    outputs, plain, reader = read(model, kind, layers)
    assert reader.reads_last is (last and kind == "hidden")  # relations need no output of the last layer
    speedups = Speedups.apply(
        model, token_ids=np.unique(IDS.numpy()), specials=3, needs=Needs(last_layer=reader.reads_last)
    )
    assert speedups.real_tokens
    fast_outputs, fast, _ = read(model, kind, layers)
    torch.testing.assert_close(fast_outputs.logits, outputs.logits, atol=1e-6, rtol=1e-5)
    for mine, theirs in zip(fast, plain, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)


def test_the_first_token_of_a_last_layer_that_computes_it_alone(tiny_bert):
    model = tiny_bert(layers=2)
    _, (plain,), reader = read(model, "hidden", [1], first_only=True)
    assert not reader.reads_last
    Speedups.apply(model, token_ids=None, specials=0)
    _, (fast,), _ = read(model, "hidden", [1], first_only=True)
    torch.testing.assert_close(fast, plain, atol=1e-6, rtol=1e-5)


def test_nothing_is_hooked_after_the_block_and_nothing_is_kept(tiny_bert):
    model = tiny_bert()
    _, _, reader = read(model, "relations", [0, 1])
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert reader._read == {}


def test_without_a_mask_every_token_counts(tiny_bert):
    _, (made,), _ = read(tiny_bert(), "hidden", [0], mask=None)
    assert made.shape == (15, 16)


@pytest.mark.parametrize(
    ("name", "kind", "layers", "message"),
    [
        ("bert", "hidden", [2], "has layers 0 to 1, and no layer 2"),
        ("albert", "hidden", [0], "does not have one list of layers"),
        ("xlnet", "hidden", [0], "computes tokens before rows"),
        ("bart", "hidden", [0], "has the layers of an encoder and of a decoder"),
        (
            "bloom", "relations", [0],
            "(bloom) does not compute queries, keys and values in linear layers of known names",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(name, kind, layers, message):
    sizes = {
        "albert": SIZE | {"embedding_size": 16}, "xlnet": {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32},
        "bart": {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
                 "encoder_attention_heads": 2, "decoder_attention_heads": 2},
        "bloom": {"hidden_size": 16, "n_layer": 2, "n_head": 2},
    }  # fmt: skip
    config = AutoConfig.for_model(name, vocab_size=90, **sizes.get(name, SIZE))
    model = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        LayerReader(model, kind, layers)


def test_layers_that_are_not_a_value_per_token_are_refused(tiny_bert):
    model = tiny_bert()
    layers_of(model)[1].register_forward_hook(lambda *_: torch.zeros(3, 2, 16))
    with pytest.raises(
        ValueError, match=r"^gives a layer's output the shape \(3, 2, 16\) for 3 rows of 5 tokens, which is"
    ):
        read(model, "hidden", [1])
