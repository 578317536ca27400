import copy
import functools

import numpy as np
import pytest
import torch
from setups import split_of
from transformers import DataCollatorWithPadding

from alambique.artefacts.splits import Split
from alambique.doctor.batches import all_logits, logits_of, reader, sample, tokenizer_of
from alambique.inference.torch_model import predict_logits


@pytest.mark.parametrize(
    ("pairs", "metadata", "second"),
    [
        (None, None, None),
        (("door",), None, ["door"]),
        (None, ("table",), ["table"]),
        (("door",), ("table",), ["door", ";", "table"]),
    ],
)
def test_both_segments_are_encoded(tokenizer, pairs, metadata, second):
    split = Split("train", ("train-1",), ("bright lamp",), pairs, np.array([2]), metadata)
    (row,) = reader(DataCollatorWithPadding(tokenizer), tokenizer, []).encode(split)
    words = ["[CLS]", "bright", "lamp", "[SEP]", *([] if second is None else [*second, "[SEP]"])]
    if ";" not in tokenizer.vocab:
        words = ["[UNK]" if word == ";" else word for word in words]
    assert tokenizer.convert_ids_to_tokens(row["input_ids"]) == words
    assert row["token_type_ids"] == [0] * 4 + [1] * (len(words) - 4)
    assert row["attention_mask"] == [1] * len(words)
    assert row["labels"] == 2


def limited(tokenizer, length):
    limits = copy.deepcopy(tokenizer)
    limits.model_max_length = length
    limits.backend_tokenizer.no_truncation()  # whatever it was used for before
    return limits


@pytest.mark.parametrize(
    ("own", "stored", "collators", "positions", "given", "cut_at"),
    [
        (10**30, None, None, False, None, 1_000_000),
        (32, None, None, False, None, 32),
        (32, 20, None, False, None, 20),
        (32, 20, 12, False, None, 12),
        (100, None, None, True, None, 64),  # tiny_bert's positions
        (32, 20, 12, True, 50, 50),  # what is asked for
    ],
)
def test_where_texts_are_cut(tokenizer, tiny_bert, own, stored, collators, positions, given, cut_at):
    limits = limited(tokenizer, own)
    if stored:
        limits.backend_tokenizer.enable_truncation(stored)
    collator = DataCollatorWithPadding(limits, padding="max_length" if collators else True, max_length=collators)
    made = reader(collator, limits, [tiny_bert()] if positions else [], max_length=given)
    assert made.max_length == cut_at


def test_the_callers_tokenizer_and_rows_stay_as_they_are(tokenizer):
    def spoil(rows):
        for row in rows:
            row["input_ids"] += [0] * (9 - len(row["input_ids"]))
        return {"input_ids": torch.tensor([row["input_ids"] for row in rows]), "note": "no tensor"}

    before = tokenizer.backend_tokenizer.to_str()
    source = reader(spoil, tokenizer, [])
    rows = source.encode(split_of("train", ["bright lamp", "a plain door"], [0, 1]))
    lengths = [len(row["input_ids"]) for row in rows]
    batch = source.batch(rows)
    assert {name: tuple(value.shape) for name, value in batch.items()} == {"input_ids": (2, 9)}
    assert [len(row["input_ids"]) for row in rows] == lengths
    source.tokenizer.backend_tokenizer.enable_truncation(3)
    assert tokenizer.backend_tokenizer.to_str() == before


def test_a_batch_without_input_ids(tokenizer):
    source = reader(lambda rows: {"ids": torch.zeros(1), "mask": torch.zeros(1), "n": 1}, tokenizer, [])
    message = r"^the collator must return a mapping with input_ids as a tensor; its tensors are \['ids', 'mask'\]$"
    with pytest.raises(TypeError, match=message):
        source.batch([])


def test_the_tokenizer_is_the_given_one_or_the_collators(tokenizer):
    other = copy.deepcopy(tokenizer)
    padding = DataCollatorWithPadding(tokenizer)
    assert tokenizer_of(padding, None) is tokenizer
    assert tokenizer_of(padding, other) is other
    assert tokenizer_of(len, other) is other


@pytest.mark.parametrize("prefix", ["", "student_"])
def test_a_collator_without_a_tokenizer_is_refused_with_advice(tokenizer, prefix):
    collator = functools.partial(lambda rows, pad: pad(rows), pad=DataCollatorWithPadding(tokenizer))
    with pytest.raises(TypeError) as error:
        tokenizer_of(collator, None, of=prefix)
    assert str(error.value) == (
        f"{prefix}collator has no attribute tokenizer, so no row can be encoded for it: pass {prefix}tokenizer=, the "
        "tokenizer that it pads with, or give a DataCollatorWithPadding(tokenizer)"
    )


def test_a_model_gets_the_inputs_that_it_names(tiny_distilbert):
    model = tiny_distilbert()
    batch = {"input_ids": torch.tensor([[2, 5, 3]]), "attention_mask": torch.ones(1, 3, dtype=torch.int64)}
    extra = {"token_type_ids": torch.ones(1, 3, dtype=torch.int64), "labels": torch.tensor([7])}
    with torch.no_grad():
        assert torch.equal(logits_of(model, batch | extra), model(**batch).logits)


def test_logits_come_in_the_order_of_the_rows(tiny_bert, tokenizer):
    texts = ["lamp " * (1 + i * 7 % 40) for i in range(70)]  # three batches, of mixed lengths
    model = tiny_bert(dropout=0.5).train()
    model.bert.embeddings.eval()
    source = reader(DataCollatorWithPadding(tokenizer), tokenizer, [model])
    logits = all_logits(model, source, source.encode(split_of("valid", texts, [0] * 70)))
    assert (model.training, model.bert.embeddings.training) == (True, False)  # each module's own mode
    expected = predict_logits(model, tokenizer, [(text,) for text in texts], max_length=64)
    assert logits.shape == (70, 3)
    assert np.allclose(logits, expected, atol=1e-5)


def test_a_sample_is_evenly_spaced():
    split = split_of("train", [str(i) for i in range(10)], range(10))
    assert sample(split, 4).labels.tolist() == [0, 3, 6, 9]
    assert sample(split, 10) is split
