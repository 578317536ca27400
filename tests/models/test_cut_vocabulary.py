"""Embeddings of chosen tokens alone, for every architecture: the same logits, or a sentence that says why not."""

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from alambique.artefacts.kept_vocabulary import KeptVocabulary
from alambique.artefacts.tokens import tokenize_rows
from alambique.errors import ModelError
from alambique.inference.torch_model import predict_tokens
from alambique.models.cut_vocabulary import CutVocabulary, cut_embeddings
from alambique.models.pretrained import settle_padding
from alambique.models.student_form import BuildContext, StudentForm
from alambique.models.tokenizer import load_tokenizer, save_tokenizer, tokenizer_key
from alambique.models.vocabulary import count_tokens, cut_tokenizer, kept_tokens, share_unchanged
from architectures import ARCHITECTURES, brought, each_architecture
from conftest import rows

TEXTS = [(row["text"],) for row in rows(40, 5)]
NEW = [("an unheard of, zigzag vexing quiz!",), ("ünïcode ☃ text",), ("",)]
ONLY = "; only those of tokenizers with a tokenizer.json (WordPiece, BPE, Unigram) can."
SHARED = " (its embeddings are not a table of their own)."
WHY_NOT = {
    name: f"student.vocabulary: the vocabulary of a {kind} cannot be cut{why} Set it to null."
    for name, kind, why in (
        ("BERTweet", "BertweetTokenizer", ONLY), ("CANINE", "CanineTokenizer", ONLY),
        ("BART", "BartForSequenceClassification", SHARED), ("T5", "T5ForSequenceClassification", SHARED),
    )
}  # fmt: skip


def cut(tokenizer, model, texts=TEXTS):
    tokens = tokenize_rows(tokenizer, texts, max_length=24)
    size = max(tokenizer.get_vocab().values()) + 1
    kept = kept_tokens(tokenizer, count_tokens([tokens.columns["input_ids"]], size), None)
    return kept, cut_tokenizer(tokenizer, kept), cut_embeddings(model, kept)


@each_architecture
def test_logits_are_those_of_the_whole_model(architecture, tmp_path):
    brought(architecture, tmp_path)
    tokenizer = load_tokenizer(tmp_path, key="student.model")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    settle_padding(model, tokenizer)
    if architecture.name in WHY_NOT:
        with pytest.raises(ModelError) as refused:
            cut(tokenizer, model)
        assert str(refused.value) == WHY_NOT[architecture.name]
        return
    kept, smaller, shrunk = cut(tokenizer, model)
    assert len(kept) < len(tokenizer)
    assert shrunk.config.vocab_size == shrunk.get_input_embeddings().num_embeddings == len(kept) == len(smaller)
    assert share_unchanged(tokenizer, smaller, kept, TEXTS) == 1
    shrunk.save_pretrained(tmp_path / "cut")
    save_tokenizer(smaller, tmp_path / "cut")
    loaded = load_tokenizer(tmp_path / "cut", key="student")
    assert tokenizer_key(loaded) == tokenizer_key(smaller)
    before = predict_tokens(model, tokenize_rows(tokenizer, TEXTS, max_length=24))
    for reader, weights in (
        (smaller, shrunk),
        (loaded, AutoModelForSequenceClassification.from_pretrained(tmp_path / "cut")),
    ):
        after = predict_tokens(weights, tokenize_rows(reader, TEXTS, max_length=24))
        assert np.abs(after - before).max() < 1e-6
    predict_tokens(shrunk, tokenize_rows(smaller, NEW, max_length=24))  # every other text is still read


@pytest.mark.parametrize(
    "architecture", {each.tokenizer: each for each in ARCHITECTURES}.values(), ids=lambda each: each.name
)
def test_other_texts_are_read_without_more_unknown_tokens(architecture, tmp_path):
    if architecture.name in WHY_NOT:
        return
    brought(architecture, tmp_path)
    tokenizer = load_tokenizer(tmp_path, key="student.model")
    tokens = tokenize_rows(tokenizer, TEXTS[:5], max_length=24)
    kept = kept_tokens(tokenizer, count_tokens([tokens.columns["input_ids"]], len(tokenizer)), None)
    smaller = cut_tokenizer(tokenizer, kept)
    for (text,) in (*TEXTS, *NEW):
        before, after = (each(text)["input_ids"] for each in (tokenizer, smaller))
        unknown = [each.count(of.unk_token_id) for each, of in ((before, tokenizer), (after, smaller)) if of.unk_token]
        assert len(set(unknown)) < 2, text
        assert smaller.decode(after, skip_special_tokens=True) == tokenizer.decode(before, skip_special_tokens=True)


class Whole(StudentForm):
    """A form that gives what it is given."""

    def __init__(self, model):
        self.model = model

    def key(self, *, teacher, teacher_tokenizer):
        return {"recipe": {"from_scratch": 1}, "inputs": {"teacher": teacher, "tokenizer": teacher_tokenizer}}

    def build(self, context):
        return self.model, context.teacher_tokenizer


def test_a_form_with_fewer_tokens(tiny_distilbert, tokenizer):
    model = tiny_distilbert()
    kept, smaller, _ = cut(tokenizer, model)
    form = CutVocabulary(Whole(model), "digest", KeptVocabulary(kept, len(tokenizer), 1.0), tokenizer)
    assert form.key(teacher="t", teacher_tokenizer="k") == {
        "recipe": {"from_scratch": 1}, "inputs": {"teacher": "t", "tokenizer": "k", "vocabulary": "digest"},
    }  # fmt: skip
    assert form.tokenizer is form.tokenizer
    assert tokenizer_key(form.tokenizer) == tokenizer_key(smaller)
    built, read_with = form.build(BuildContext(lambda: model, form.tokenizer, ("a", "b", "c"), 0))
    assert built.config.vocab_size == len(kept)
    assert tokenizer_key(read_with) == tokenizer_key(smaller)
    recorded = CutVocabulary(Whole(model), "digest")
    assert recorded.tokenizer is None
    assert recorded.key(teacher="t", teacher_tokenizer="k") == form.key(teacher="t", teacher_tokenizer="k")


def test_the_random_numbers_of_what_follows_do_not_change(tiny_distilbert, tokenizer):
    model = tiny_distilbert()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    cut(tokenizer, model)
    assert torch.rand(1) == expected


def test_a_special_token_without_an_embedding_gets_one_of_zeros(tiny_distilbert):
    model = tiny_distilbert()
    size = model.config.vocab_size
    shrunk = cut_embeddings(model, np.array([0, 3, size + 1]))
    whole = model.get_input_embeddings().weight
    assert torch.equal(
        shrunk.get_input_embeddings().weight, torch.stack([whole[0], whole[3], torch.zeros_like(whole[0])])
    )


def test_a_model_that_counts_positions_from_a_padding_token_that_moves():
    config = RobertaConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, pad_token_id=3,
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    with pytest.raises(ModelError) as refused:
        cut_embeddings(model, np.array([0, 2, 3]))
    assert str(refused.value) == (
        "student.vocabulary: the vocabulary of a RobertaForSequenceClassification cannot be cut (it counts positions from "
        "its padding token, 3, whose number would change). Set it to null."
    )


def test_auto_tokenizer_reads_what_was_saved(tokenizer, tiny_distilbert, tmp_path):
    _, smaller, _ = cut(tokenizer, tiny_distilbert())
    save_tokenizer(smaller, tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(TEXTS[0][0])["input_ids"] == smaller(TEXTS[0][0])["input_ids"]
