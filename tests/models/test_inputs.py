import json

import numpy as np
import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    FunnelConfig,
    XLNetConfig,
    XLNetForSequenceClassification,
)

from alambique.artefacts.tokens import tokenize_rows, tokens_of
from alambique.models.inputs import ModelInputs, greatest_length, padding_side, shortest, token_types


def test_each_model_names_its_own_inputs_and_no_labels(tiny_bert, tiny_distilbert):
    assert {"input_ids", "attention_mask", "token_type_ids"} <= ModelInputs.of(tiny_bert()).names
    assert "token_type_ids" not in ModelInputs.of(tiny_distilbert()).names
    assert not {"labels", "kwargs"} & ModelInputs.of(tiny_distilbert()).names


def test_a_batch_has_what_the_model_reads_and_no_more(tiny_bert, tiny_distilbert, tokenizer):
    tokens = tokenize_rows(tokenizer, [("awful lamp", "door")], max_length=24)
    batch = ModelInputs.of(tiny_bert()).tensors(tokens, np.array([0]))
    assert set(batch) == {"input_ids", "attention_mask", "token_type_ids"}
    assert batch["input_ids"].dtype == torch.int64
    assert set(ModelInputs.of(tiny_distilbert()).tensors(tokens, np.array([0]))) == {"input_ids", "attention_mask"}


def test_a_batch_is_at_least_as_wide_as_asked(tokenizer):
    tokens = tokenize_rows(tokenizer, [("",)], max_length=24)
    inputs = ModelInputs(frozenset(["input_ids", "attention_mask"]), shortest=4)
    assert inputs.arrays(tokens, np.array([0]))["attention_mask"].tolist() == [[1, 1, 0, 0]]


def test_a_batch_of_others_is_cut_down_to_the_inputs():
    assert ModelInputs(frozenset({"a"})).select({"a": 1, "b": 2}) == {"a": 1}


class Wrapper(torch.nn.Module):
    def forward(self, **kwargs):
        return kwargs


def test_a_forward_pass_that_names_nothing_is_given_all_but_labels():
    inputs = ModelInputs.of(Wrapper())
    assert inputs.select({"input_ids": 1, "labels": 2, "anything": 3}) == {"input_ids": 1, "anything": 3}
    assert inputs.column_names == {"input_ids", "attention_mask", "token_type_ids"}
    tokens = tokens_of({"input_ids": [[5, 6]]}, {"input_ids": 0}, left=False)
    assert set(inputs.arrays(tokens, np.array([0]))) == {"input_ids", "attention_mask"}


def of_config(architecture, **options):
    return AutoModelForSequenceClassification.from_config(AutoConfig.for_model(architecture, **options))


SMALL = {"vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def test_token_types_are_given_where_the_model_has_an_embedding_for_them():
    typed = tokens_of(
        {"input_ids": [[2, 5, 3, 6, 3]], "token_type_ids": [[0, 0, 0, 1, 1]]}, {"input_ids": 0, "token_type_ids": 0},
        left=False,
    )  # fmt: skip
    third = tokens_of(
        {"input_ids": [[2, 5]], "token_type_ids": [[2, 0]]}, {"input_ids": 0, "token_type_ids": 3}, left=False
    )
    bert, roberta = (of_config(name, **SMALL, type_vocab_size=size) for name, size in (("bert", 2), ("roberta", 1)))
    assert (token_types(bert.config), token_types(roberta.config)) == (2, 1)
    row = np.array([0])
    assert ModelInputs.of(bert).arrays(typed, row)["token_type_ids"].tolist() == [[0, 0, 0, 1, 1]]
    assert "token_type_ids" not in ModelInputs.of(bert).arrays(third, row)  # of XLNet's tokenizer
    assert "token_type_ids" not in ModelInputs.of(roberta).arrays(typed, row)


def test_zeros_are_given_to_a_model_that_does_not_take_them_for_granted(tiny_bert):
    """GPT-2 adds the embedding of word 0 for the type 0; without token types it adds nothing."""
    gpt2 = of_config("gpt2", vocab_size=30, n_embd=16, n_layer=1, n_head=2, pad_token_id=0)
    tokens = tokens_of({"input_ids": [[5, 6], [7]]}, {"input_ids": 0, "token_type_ids": 0}, left=False)
    on_disk = type(tokens)(tokens.columns, tokens.starts, tokens.padding, zeros=("token_type_ids",))
    assert ModelInputs.of(gpt2).arrays(on_disk, np.array([0, 1]))["token_type_ids"].tolist() == [[0, 0], [0, 0]]
    assert "token_type_ids" not in ModelInputs.of(tiny_bert()).arrays(on_disk, np.array([0, 1]))


def test_padding_is_behind_a_text_unless_the_model_pools_at_the_last_position(tiny_bert):
    assert padding_side(tiny_bert().config) == "right"
    config = XLNetConfig(vocab_size=30, d_model=16, n_layer=1, n_head=2, d_inner=16)
    assert padding_side(config) == "left"
    tokens = tokens_of({"input_ids": [[5, 6], [7]]}, {"input_ids": 9}, left=False)
    batch = ModelInputs.of(XLNetForSequenceClassification(config)).arrays(tokens, np.array([0, 1]))
    assert batch["input_ids"].tolist() == [[5, 6], [9, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1], [0, 1]]


def test_funnel_is_given_as_many_tokens_as_its_blocks_need():
    assert [shortest(FunnelConfig(block_sizes=sizes)) for sizes in ([4], [4, 4], [4, 4, 4])] == [2, 3, 5]
    model = of_config("funnel", vocab_size=30, d_model=16, n_head=2, d_head=8, d_inner=16, block_sizes=[1, 1, 1])
    tokens = tokens_of({"input_ids": [[2, 3]]}, {"input_ids": 0}, left=False)
    batch = ModelInputs.of(model).tensors(tokens, np.array([0]))
    assert batch["input_ids"].shape == (1, 5)
    assert torch.isfinite(model(**batch).logits).all()


@pytest.mark.parametrize(
    ("architecture", "options", "length"),
    [
        ("bert", {"max_position_embeddings": 64}, 64),
        ("roberta", {"max_position_embeddings": 66, "pad_token_id": 1}, 64),
        ("roberta", {"max_position_embeddings": 66, "pad_token_id": 0}, 65),
        ("data2vec-text", {"max_position_embeddings": 66, "pad_token_id": 1}, 64),
        ("mpnet", {"max_position_embeddings": 66, "pad_token_id": 0}, 64),  # it counts from 1 whatever the token is
        ("gpt2", {"n_positions": 64}, 64),
        ("bart", {"max_position_embeddings": 64}, 64),
        ("xlnet", {}, None),  # -1 in its config
        ("t5", {}, None),
        ("deberta-v2", {"max_position_embeddings": 64, "position_biased_input": False}, None),
        ("deberta-v2", {"max_position_embeddings": 64}, 64),
    ],
)
def test_the_greatest_length_is_that_of_the_table_of_positions(architecture, options, length):
    assert greatest_length(AutoConfig.for_model(architecture, **options)) == length


def test_what_the_export_stores_is_read_again(tiny_bert, tokenizer):
    model = tiny_bert()
    inputs = ModelInputs.of_export(model, tokenizer, max_length=24, pairs=True)
    stored = json.loads(json.dumps(inputs.as_dict()))
    assert stored == {
        "names": ["attention_mask", "input_ids", "token_type_ids"], "shortest": 2, "max_length": 24,
        "truncation_side": "right", "padding_side": "right", "padding": {"input_ids": 0, "token_type_ids": 0},
        "dtype": "int64",
    }  # fmt: skip
    assert ModelInputs.recorded({"model_inputs": stored}).as_dict() == stored
    single = ModelInputs.of_export(model, tokenizer, max_length=24, pairs=False)
    assert single.names == {"input_ids", "attention_mask"}  # of single texts token types are 0 throughout


def test_a_tokenizer_that_names_no_token_types_gives_the_graph_none(tiny_bert, tokenizer):
    tokenizer = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]")  # noqa: S106
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.truncation_side = "left"
    inputs = ModelInputs.of_export(tiny_bert(), tokenizer, max_length=24, pairs=True)
    assert (inputs.names, inputs.truncation_side) == ({"input_ids", "attention_mask"}, "left")


def test_an_export_of_version_0_1_0_is_readable():
    facts = {"max_length": 128, "pad_id": 1, "inputs": ["input_ids", "attention_mask"]}
    assert ModelInputs.recorded(facts).as_dict() == {
        "names": ["attention_mask", "input_ids"], "shortest": 2, "max_length": 128, "truncation_side": "right",
        "padding_side": "right", "padding": {"input_ids": 1}, "dtype": "int64",
    }  # fmt: skip


def test_batches_hold_rows_of_similar_length_and_few_tokens(tiny_bert):
    tokens = tokens_of({"input_ids": [[1], [1] * 6, [1] * 5, [1] * 2]}, {"input_ids": 0}, left=False)
    batches = list(ModelInputs.of(tiny_bert()).batches(tokens, 3, most_tokens=8))
    assert [rows.tolist() for rows, _ in batches] == [[1], [2], [3, 0]]
    assert [batch["input_ids"].shape for _, batch in batches] == [(1, 6), (1, 5), (2, 2)]
