import numpy as np
import torch

from alambique.inference.torch_model import predict_logits
from conftest import rows

TEXTS = [(row["text"],) for row in rows(23, 9)] + [("lamp",), ("",)]


def test_logits_come_in_the_order_of_the_rows_whatever_the_batch(tiny_bert, tokenizer):
    model = tiny_bert(dropout=0.3)
    model.train()
    one_by_one = np.concatenate([predict_logits(model, tokenizer, [row], max_length=24) for row in TEXTS])
    done = []
    batched = predict_logits(model, tokenizer, TEXTS, max_length=24, batch_size=7, advance=done.append)
    np.testing.assert_allclose(batched, one_by_one, atol=1e-5)
    assert sum(done) == len(TEXTS)
    assert batched.dtype == np.float32
    assert not model.training


def test_two_passes_are_equal(tiny_bert, tokenizer):
    model = tiny_bert(dropout=0.5)
    first, second = (predict_logits(model, tokenizer, TEXTS, max_length=24) for _ in range(2))
    assert np.array_equal(first, second)


def test_nothing_to_do(tiny_bert, tokenizer):
    with torch.no_grad():
        assert predict_logits(tiny_bert(), tokenizer, [], max_length=24).shape == (0, 3)
