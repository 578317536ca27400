"""Masked language models: found and refused, the words they can give, their logits at the masked places."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    AddedToken,
    AutoModelForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    ElectraConfig,
    ElectraForMaskedLM,
    ModernBertConfig,
    ModernBertForMaskedLM,
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaForMaskedLM,
)

from alambique.artefacts.tokens import tokenize_rows
from alambique.errors import MisfitError, ModelError
from alambique.models.inputs import ModelInputs
from alambique.models.masked_lm import find_masked_lm, load_masked_lm, whole_words
from conftest import rows

ADVICE = " Give a checkpoint that was trained to fill in masked words, such as google-bert/bert-base-uncased."
SIZE = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
    "max_position_embeddings": 32,
}  # fmt: skip


def refused(folder, error=ModelError):
    with pytest.raises(error) as found:
        find_masked_lm(str(folder), 24)
    return str(found.value)


def test_a_checkpoint_is_found_and_loaded_as_it_is(mlm_folder):
    checkpoint = find_masked_lm(str(mlm_folder), 24)
    assert (checkpoint.name, checkpoint.folder) == (str(mlm_folder), mlm_folder)
    lm = load_masked_lm(checkpoint)
    assert not lm.model.training
    assert (lm.longest(24), lm.longest(512)) == (24, 32)
    assert lm.mask_id == lm.tokenizer.mask_token_id
    held = load_file(mlm_folder / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    assert torch.equal(lm.model.get_input_embeddings().weight, held)


def test_words_are_tokens_that_stand_alone(mlm_folder, tokenizer):
    lm = load_masked_lm(find_masked_lm(str(mlm_folder), 24))
    assert {"lamp", "superb", "window"} <= set(lm.words)
    assert list(lm.words) == tokenizer.convert_ids_to_tokens(lm.word_ids.tolist())
    assert not any(word.startswith("##") or word in tokenizer.all_special_tokens for word in lm.words)
    assert sorted(set(lm.word_ids.tolist())) == lm.word_ids.tolist()
    assert list(whole_words(tokenizer, int(lm.word_ids[9]))) == lm.word_ids[:9].tolist()  # the model knows no more


def bytes_tokenizer():
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer, learner.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    learner.train_from_iterator([row["text"] for row in rows(300, 5)], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=learner, mask_token=AddedToken("<mask>", lstrip=True),
        pad_token="<pad>", unk_token="<unk>", cls_token="<s>", sep_token="</s>",  # noqa: S106 - no secret
    )  # fmt: skip


def test_words_of_byte_pairs_are_those_behind_a_blank():
    tokenizer = bytes_tokenizer()
    words = whole_words(tokenizer, len(tokenizer))
    assert {"lamp", "superb", "window"} <= set(words.values())
    assert all(tokenizer.convert_ids_to_tokens(i) == f"Ġ{word}" for i, word in words.items())


ARCHITECTURES = {
    "distilbert": lambda size: DistilBertForMaskedLM(
        DistilBertConfig(dim=16, n_layers=1, n_heads=2, hidden_dim=32, max_position_embeddings=32, vocab_size=size)
    ),
    "electra": lambda size: ElectraForMaskedLM(ElectraConfig(embedding_size=16, vocab_size=size, **SIZE)),
    "roberta": lambda size: RobertaForMaskedLM(RobertaConfig(vocab_size=size, **SIZE)),
    "modernbert": lambda size: ModernBertForMaskedLM(
        ModernBertConfig(
            vocab_size=size, pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3, **SIZE
        )
    ),
}


@pytest.mark.parametrize("name", ["bert", *ARCHITECTURES])
def test_logits_at_the_masks_are_those_of_the_whole_model(mlm_folder, tokenizer, name):
    if name != "bert":
        ARCHITECTURES[name](len(tokenizer)).save_pretrained(mlm_folder)
    lm = load_masked_lm(find_masked_lm(str(mlm_folder), 24))
    texts = [("a [MASK] lamp [MASK] [MASK]",), ("superb",), ("[MASK]",)]
    tokens = tokenize_rows(lm.tokenizer, texts, max_length=24)
    batch = ModelInputs.of(lm.model).tensors(tokens, np.arange(3))
    with torch.inference_mode():
        whole = AutoModelForMaskedLM.from_pretrained(mlm_folder)(**batch).logits
    expected = whole[batch["input_ids"] == lm.mask_id]
    assert lm.logits(batch).shape == (4, len(tokenizer))
    torch.testing.assert_close(lm.logits(batch), expected, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(lm.model(**batch).logits, whole, rtol=1e-4, atol=1e-5)  # nothing is left behind


def test_a_tokenizer_without_words(mlm_folder, monkeypatch):
    monkeypatch.setattr("alambique.models.masked_lm.whole_words", lambda tokenizer, size: {})
    assert refused(mlm_folder) == (
        f"soft_labels.views.model: the tokenizer of {mlm_folder} has no token that is a whole word.{ADVICE}"
    )


def test_weights_that_are_no_numbers(mlm_folder):
    weights = load_file(mlm_folder / "model.safetensors")
    weights["cls.predictions.transform.dense.bias"] *= float("nan")
    save_file(weights, mlm_folder / "model.safetensors", {"format": "pt"})
    assert refused(mlm_folder) == (
        f"soft_labels.views.model: {mlm_folder} contains NaN or infinite values in cls.predictions.transform.dense.bias."
    )


def test_a_model_that_fails_on_masked_words(mlm_folder, monkeypatch):
    def fail(*_, **__):
        raise ValueError("no such thing")

    monkeypatch.setattr("alambique.models.masked_lm.MaskedLM.logits", fail)
    assert refused(mlm_folder, MisfitError) == (
        f"soft_labels.views.model: {mlm_folder} cannot be used: a BertForMaskedLM with this config fails on masked words "
        "(no such thing). Choose a model of another architecture."
    )


def test_a_head_that_reads_more_than_the_place_itself(mlm_folder, monkeypatch):
    monkeypatch.setattr("alambique.models.masked_lm.MaskedLM.logits", lambda self, batch: torch.zeros(3, 1))
    assert "fails on masked words (its head is not one of single words)." in refused(mlm_folder, MisfitError)
