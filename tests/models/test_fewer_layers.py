"""Layers taken from models of many architectures: what is taken is the teacher's, and a layer stays of its kind."""

import copy

import pytest
import torch
from transformers import AutoConfig, AutoModelForSequenceClassification

from alambique.errors import ModelError
from alambique.models.fewer_layers import config_with_layers, depth_of, layer_stacks, renumbered, with_layers
from alambique.models.labels import label_config
from conftest import LABELS

IDS = torch.tensor([[2, 7, 8, 9, 3], [2, 11, 12, 3, 0]])
MASK = (IDS != 0).long()
SIZE = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 32}
WIDE = {**SIZE, "hidden_size": 32}
XLNET = {"d_model": 16, "n_layer": 4, "n_head": 2, "d_inner": 32}
GPT2 = {"n_embd": 16, "n_layer": 4, "n_head": 2, "n_positions": 64}
MODERN = {**SIZE, "local_attention": 8, "global_attn_every_n_layers": 3}
KINDS = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"]
MOBILE = {
    "embedding_size": 16,
    "intra_bottleneck_size": 8,
    "num_feedforward_networks": 5,
}  # a list in each layer, of four
DEBERTA = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_buckets": 8}
LAYERS = {
    "bert": ("bert.encoder.layer", SIZE),
    "distilbert": ("distilbert.transformer.layer", {"dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 32}),
    "roberta": ("roberta.encoder.layer", SIZE),
    "xlm-roberta": ("roberta.encoder.layer", SIZE),
    "camembert": ("roberta.encoder.layer", SIZE),
    "electra": ("electra.encoder.layer", SIZE | {"embedding_size": 8}),
    "deberta": ("deberta.encoder.layer", SIZE | DEBERTA),
    "deberta-v2": ("deberta.encoder.layer", SIZE | DEBERTA | {"conv_kernel_size": 3}),
    "mpnet": ("mpnet.encoder.layer", SIZE),
    "modernbert": ("model.layers", MODERN),
    "mobilebert": ("mobilebert.encoder.layer", SIZE | MOBILE),
    "squeezebert": ("transformer.encoder.layers", SIZE | {"embedding_size": 16}),
    "convbert": ("convbert.encoder.layer", SIZE | {"embedding_size": 16, "head_ratio": 2}),
    "longformer": ("longformer.encoder.layer", SIZE | {"attention_window": [4, 4, 8, 8]}),
    "roformer": ("roformer.encoder.layer", WIDE | {"embedding_size": 16}),
    "fnet": ("fnet.encoder.layer", SIZE),
    "xlnet": ("transformer.layer", XLNET),
    "gpt2": ("transformer.h", GPT2),
    "qwen2": ("model.layers", SIZE | {"num_key_value_heads": 2, "layer_types": KINDS, "use_sliding_window": True}),
    "llama": ("model.layers", SIZE | {"num_key_value_heads": 2}),
}


def config_of(architecture, options, **more):
    special = {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}
    return AutoConfig.for_model(architecture, **({"vocab_size": 40} | special | options | more), **label_config(LABELS))


@pytest.fixture(params=LAYERS)
def teacher(request):
    """A classifier of four layers, and where they are."""
    stack, options = LAYERS[request.param]
    return AutoModelForSequenceClassification.from_config(config_of(request.param, options)).eval(), stack


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=MASK).logits


def test_with_all_layers_it_is_the_teacher(teacher):
    model, _ = teacher
    assert logits(with_layers(model, [0, 1, 2, 3], {}).eval()).equal(logits(model))


def test_each_layer_taken_has_the_teachers_weights_and_so_has_all_beside_them(teacher):
    model, stack = teacher
    before = copy.deepcopy(model.state_dict())
    assert layer_stacks(model.config, [0, 2]) == (stack,)
    student = with_layers(model, [0, 2], {})
    assert depth_of(student.config) == len(student.get_submodule(stack)) == 2
    for place, layer in enumerate((0, 2)):
        mine = student.get_submodule(f"{stack}.{place}").state_dict()
        assert mine
        for name, weight in model.get_submodule(f"{stack}.{layer}").state_dict().items():
            assert mine[name].equal(weight), name
    beside = {name for name in before if not name.startswith(f"{stack}.")}
    assert {name for name in student.state_dict() if not name.startswith(f"{stack}.")} == beside
    assert all(student.state_dict()[name].equal(before[name]) for name in beside)
    with torch.no_grad():
        for weight in student.parameters():
            weight.zero_()
    assert all(model.state_dict()[name].equal(weight) for name, weight in before.items())  # no memory is shared


def test_without_its_last_layer_it_computes_what_the_teacher_did_before_that_layer(tiny_bert):
    teacher = tiny_bert(layers=3)
    student = with_layers(teacher, [0, 1], {}).eval()
    with torch.no_grad():
        expected = teacher(IDS, MASK, output_hidden_states=True).hidden_states[2]
        assert student.bert(IDS, MASK).last_hidden_state.equal(expected)


def test_what_the_config_lists_by_layer_follows_the_layers():
    modern = config_of("modernbert", MODERN)
    assert modern.layer_types == ["full_attention", "sliding_attention", "sliding_attention", "full_attention"]
    assert config_with_layers(modern, [0, 2, 3], {}).layer_types == [
        "full_attention", "sliding_attention", "full_attention",
    ]  # fmt: skip
    qwen = config_of(*("qwen2", LAYERS["qwen2"][1]))
    assert config_with_layers(qwen, [1, 2], {}).layer_types == ["sliding_attention", "full_attention"]
    longformer = config_of("longformer", LAYERS["longformer"][1])
    assert config_with_layers(longformer, [1, 2], {}).attention_window == [4, 8]


def test_a_list_that_is_as_long_by_chance_stays_whole():
    config = config_of("deberta-v2", SIZE | DEBERTA, num_hidden_layers=2)
    assert config_with_layers(config, [1], {}).pos_att_type == ["p2c", "c2p"]


def test_a_list_inside_each_layer_that_is_as_long_by_chance_stays_whole():
    """MobileBERT's layers have a list of four feed-forward networks, and there are four layers."""
    student = AutoModelForSequenceClassification.from_config(
        config_with_layers(config_of("mobilebert", SIZE | MOBILE), [0], {})
    )
    assert len(student.mobilebert.encoder.layer[0].ffn) == 4


def test_parallel_lists_of_a_layers_parts_are_renumbered_together():
    options = {"emb_dim": 16, "n_layers": 3, "n_heads": 2}
    teacher = AutoModelForSequenceClassification.from_config(config_of("flaubert", options))
    stacks = layer_stacks(teacher.config, [2])
    assert stacks == tuple(f"transformer.{part}" for part in ("attentions", "layer_norm1", "ffns", "layer_norm2"))
    student = with_layers(teacher, [2], {})
    for stack in stacks:
        assert all(
            weight.equal(student.get_submodule(f"{stack}.0").state_dict()[name])
            for name, weight in teacher.get_submodule(f"{stack}.2").state_dict().items()
        )


def test_names_of_weights():
    rename = renumbered(("a.layer",), [1, 10])
    assert rename("a.layer.10.b.weight") == "a.layer.1.b.weight"
    assert rename("a.layer.1.layer.0.weight") == "a.layer.0.layer.0.weight"
    assert rename("a.layer.0.b.weight") is None
    assert rename("a.layers.0.weight") == "a.layers.0.weight"


T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 4, "num_heads": 2}
FUNNEL = {"d_model": 16, "block_sizes": [2, 2], "n_head": 2, "d_head": 8, "d_inner": 32, "num_decoder_layers": 1}


@pytest.mark.parametrize(
    ("architecture", "options", "reason"),
    [
        ("albert", SIZE | {"embedding_size": 8}, "its layers share their weights, so none can be left out. Give"),
        ("t5", T5, "it has the layers of an encoder and of a decoder. Give"),
        ("funnel", FUNNEL, "its config does not give a number of layers. Give"),
        ("modernbert", MODERN, "its layer 1 would not stay as it is: as layer 0 it has another attn_norm. Choose other "
         "layers, or give"),
        ("gpt2", GPT2 | {"scale_attn_by_inverse_layer_idx": True}, "its layer 1 would not stay as it is: as layer 0 it has "
         "another attn.scaling. Choose other layers, or give"),
        ("esm", SIZE, "esm.contact_head.regression.weight depends on the number of layers. Give"),
    ],
)  # fmt: skip
def test_an_architecture_that_layers_cannot_be_taken_from(architecture, options, reason):
    with pytest.raises(ModelError) as caught:
        layer_stacks(config_of(architecture, options), [1, 3])
    assert str(caught.value) == (
        f"student.from_teacher cannot take layers from this {architecture} teacher: {reason} student.model or "
        "student.from_scratch instead."
    )


def test_shared_layers_are_refused_even_where_all_are_asked_for():
    with pytest.raises(ModelError, match="its layers share their weights"):
        layer_stacks(config_of("albert", SIZE | {"embedding_size": 8}), [0, 1, 2, 3])


def test_a_config_within_a_config_is_refused():
    with pytest.raises(ModelError, match="its layers are described by a config within its config"):
        depth_of(AutoConfig.for_model("gemma3"))


def test_a_model_of_one_layer_gives_it(tiny_bert):
    teacher = tiny_bert(layers=1)
    assert logits(with_layers(teacher, [0], {}).eval()).equal(logits(teacher))
