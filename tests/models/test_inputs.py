import numpy as np
import torch

from alambique.artefacts.tokens import tokenize_rows
from alambique.models.inputs import ModelInputs

PAIRS = [("lamp", "table door"), ("garden", "")]


def test_a_model_names_its_inputs_and_no_labels(tiny_bert, tiny_distilbert):
    assert {"input_ids", "attention_mask", "token_type_ids"} <= ModelInputs.of(tiny_bert()).names
    assert "token_type_ids" not in ModelInputs.of(tiny_distilbert()).names
    assert not {"labels", "kwargs"} & ModelInputs.of(tiny_distilbert()).names


def test_a_batch_has_what_the_model_reads(tokenizer, tiny_bert, tiny_distilbert):
    tokens = tokenize_rows(tokenizer, PAIRS, max_length=24)
    batch = ModelInputs.of(tiny_bert()).tensors(tokens, np.array([0]))
    assert batch["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 1]]
    assert batch["attention_mask"].dtype == torch.int64
    assert set(ModelInputs.of(tiny_distilbert()).tensors(tokens, np.array([0]))) == {"input_ids", "attention_mask"}


def test_a_graph_has_a_least_width_in_numpy(tokenizer):
    tokens = tokenize_rows(tokenizer, [("",)], max_length=24)
    inputs = ModelInputs(frozenset(["input_ids", "attention_mask"]), shortest=4)
    assert inputs.arrays(tokens, np.array([0]))["attention_mask"].tolist() == [[1, 1, 0, 0]]


def test_select_leaves_out_what_the_model_does_not_read():
    assert ModelInputs(frozenset({"a"})).select({"a": 1, "b": 2}) == {"a": 1}
