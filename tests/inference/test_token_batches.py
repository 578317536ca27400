"""Batches of tokens as the graph reads them."""

from dataclasses import replace

import numpy as np
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from alambique.inference.token_batches import TokenBatches
from alambique.models.inputs import ModelInputs

INPUTS = ModelInputs(frozenset(["input_ids", "attention_mask"]), padding={"input_ids": 9})


def batches(folder, texts, size, max_length=2000, **sides):
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0, "a": 1, "b": 2, "c": 3}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    encode = TokenBatches(folder / "tokenizer.json", replace(INPUTS, max_length=max_length, **sides))
    return list(encode([(text,) for text in texts], size))


def test_rows_of_similar_length_are_padded_to_the_longest_of_their_batch(tmp_path):
    found = batches(tmp_path, ["a", "b b b", "c c", "a b c d"], 2)
    assert [rows.tolist() for rows, _ in found] == [[3, 1], [2, 0]]
    assert [batch["input_ids"].tolist() for _, batch in found] == [[[1, 2, 3, 0], [2, 2, 2, 9]], [[3, 3], [1, 9]]]
    assert [batch["attention_mask"].tolist() for _, batch in found] == [[[1, 1, 1, 1], [1, 1, 1, 0]], [[1, 1], [1, 0]]]


def test_an_empty_text_is_one_padding_token_that_counts_and_two_tokens_long(tmp_path):
    """A row whose mask is 0 throughout would have nothing to attend to; runtimes differ in what they then compute."""
    ((rows, batch),) = batches(tmp_path, [""], 32)
    assert (rows.tolist(), batch["input_ids"].tolist(), batch["attention_mask"].tolist()) == ([0], [[9, 9]], [[1, 0]])


def test_cut_and_padding_are_at_the_sides_that_the_inputs_name(tmp_path):
    ((rows, batch),) = batches(tmp_path, ["a b c", "b"], 2, max_length=2, truncation_side="left", padding_side="left")
    assert rows.tolist() == [0, 1]
    assert batch["input_ids"].tolist() == [[2, 3], [9, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1], [0, 1]]


def test_a_batch_has_at_most_2048_tokens_with_its_padding(tmp_path):
    texts = [*["a " * 40] * 60, *["b " * 600] * 5, "c " * 3000]
    found = batches(tmp_path, texts, 32, max_length=2500)
    shapes = [batch["input_ids"].shape for _, batch in found]
    assert shapes == [(1, 2500), (3, 600), (3, 600), (32, 40), (27, 40)]  # the third has a row of 40
    assert sorted(np.concatenate([rows for rows, _ in found]).tolist()) == list(range(66))
