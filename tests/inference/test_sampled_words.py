"""Words sampled at gaps: from the model's distribution over words, whatever other texts there are."""

import numpy as np
import pytest
import torch

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import tokenize_rows
from alambique.data.word_replacement import Gapped, gapped_rows
from alambique.inference import sampled_words
from alambique.inference.sampled_words import draw_words, sample_words
from alambique.models.inputs import ModelInputs
from alambique.models.masked_lm import load_masked_lm
from alambique.models.pretrained import find_pretrained
from conftest import rows


@pytest.fixture
def lm(mlm_folder):
    return load_masked_lm(find_pretrained(str(mlm_folder), key="k"))


def texts_of(count, rate=0.4):
    texts = tuple(row["text"] for row in rows(count, 4))
    train = Split("train", tuple(map(str, range(count))), texts, None, np.zeros(count, dtype=int))
    return [gapped for (gapped,) in gapped_rows(train, 1, rate, 0)]


def probabilities(lm, text):
    """Of each word in each gap, by the whole model on this text alone."""
    masked = text.filled(["[MASK]"] * len(text))
    tokens = tokenize_rows(lm.tokenizer, [(masked,)], max_length=32)
    batch = ModelInputs.of(lm.model).tensors(tokens, np.arange(1))
    with torch.inference_mode():
        logits = lm.model(**batch).logits[batch["input_ids"] == lm.mask_id]
    return logits[:, torch.from_numpy(lm.word_ids)].double().softmax(1).numpy()


def test_each_gap_has_the_word_at_its_draw_in_the_distribution(lm):
    texts = texts_of(70)
    chosen = sample_words(lm, texts, max_length=32)
    sums = np.concatenate([probabilities(lm, text) for text in texts if len(text)]).cumsum(1)
    draws = [draw for text in texts for draw in text.draws]
    expected = [np.searchsorted(row, draw) for row, draw in zip(sums, draws, strict=True)]
    assert chosen.tolist() == expected
    assert len(set(expected)) > 20


def test_words_come_as_often_as_they_are_probable():
    draws = (np.arange(2000) + 0.5) / 2000
    logits = torch.tensor([0.5, 9.0, 0.1, 0.3, 0.1]).log().expand(2000, 5)  # the second is no word
    counts = np.bincount(draw_words(logits, torch.tensor([0, 2, 3, 4]), draws), minlength=4)
    np.testing.assert_allclose(counts, [1000, 200, 600, 200], atol=1)


def test_a_word_without_probability_is_never_drawn():
    logits = torch.tensor([[-1e4, 0.0, -1e4, 1.0, -1e4]])
    assert draw_words(logits, torch.arange(5), [0.0]).tolist() == [1]
    assert draw_words(logits, torch.arange(5), [1 - 1e-15]).tolist() == [3]


def test_other_texts_their_order_and_the_batches_change_nothing(lm, monkeypatch):
    texts = texts_of(50)
    chosen = np.split(sample_words(lm, texts, max_length=32), np.cumsum([len(text) for text in texts])[:-1])
    monkeypatch.setattr(sampled_words, "_BATCH", {"cpu": 3})
    monkeypatch.setattr(sampled_words, "_AT_ONCE", 2)
    order = np.random.default_rng(1).permutation(50)[:20]
    some = sample_words(lm, [texts[i] for i in order], max_length=32)
    assert some.tolist() == np.concatenate([chosen[i] for i in order]).tolist()


@pytest.mark.parametrize(("side", "kept"), [("right", [True, True, False]), ("left", [False, True, True])])
def test_gaps_that_are_cut_off_are_left(lm, side, kept):
    lm.tokenizer.truncation_side = side
    long = " lamp" * 5
    text = Gapped(("", long + " ", long + " ", ""), ("a", "b", "c"), (0.2, 0.5, 0.7))
    chosen = sample_words(lm, [Gapped(("x",), (), ()), text], max_length=12)
    assert (chosen >= 0).tolist() == kept


def test_a_text_that_holds_the_mask_token_is_left(lm):
    texts = [Gapped(("the [mask] of ", ""), ("zorro",), (0.4,)), Gapped(("the lamp of ", ""), ("zorro",), (0.4,))]
    assert (sample_words(lm, texts, max_length=32) >= 0).tolist() == [False, True]


def test_texts_without_gaps_are_not_read(lm):
    lm.model.forward = None
    done = []
    assert sample_words(lm, [Gapped(("a lamp",), (), ())] * 3, max_length=32, advance=done.append).tolist() == []
    assert sample_words(lm, [], max_length=32).tolist() == []
    assert done == [3]


def test_all_texts_are_counted_as_done(lm):
    done = []
    texts = texts_of(40, rate=0.1)
    sample_words(lm, texts, max_length=32, advance=done.append)
    assert sum(done) == 40
