"""What a checkpoint is like, said in one sentence before anything is trained."""

import pytest
import torch
from tokenizers import AddedToken

from alambique.errors import MisfitError
from alambique.models.pretrained import find_pretrained
from alambique.models.trial import Conditions, check_finished, check_vocabulary, check_weights, embedding_rows, try_out
from conftest import LABELS

CONDITIONS = Conditions("teacher.model", LABELS, max_length=24, pairs=False)


@pytest.fixture
def saved(tokenizer, tmp_path):
    def save(model, **changes):
        model.config.update(changes)
        model.save_pretrained(tmp_path / "brought")
        tokenizer.save_pretrained(tmp_path / "brought")
        return find_pretrained(str(tmp_path / "brought"), key="teacher.model")

    return save


@pytest.mark.parametrize("pairs", [False, True])
def test_a_model_that_can_be_used_passes(saved, tiny_bert, tokenizer, pairs):
    checkpoint = saved(tiny_bert())
    conditions = Conditions("teacher.model", LABELS, max_length=64, pairs=pairs)
    state = torch.random.get_rng_state()
    assert check_finished(checkpoint, tokenizer, conditions).config.id2label == {0: "bad", 1: "fair", 2: "good"}
    assert torch.equal(torch.random.get_rng_state(), state)
    trained = check_weights(checkpoint, tokenizer, conditions)
    assert trained.classifier.weight.grad.any()


def test_words_without_an_embedding(saved, tiny_bert, tokenizer):
    checkpoint = saved(tiny_bert())
    size = len(tokenizer)
    grown = type(tokenizer).from_pretrained(checkpoint.folder)
    grown.add_special_tokens({"additional_special_tokens": [AddedToken("<extra>", special=True)]})
    check_finished(checkpoint, grown, CONDITIONS)  # it does not stand in a text
    grown.add_tokens(["lampshade"])
    with pytest.raises(MisfitError) as caught:
        check_weights(checkpoint, grown, CONDITIONS)
    assert str(caught.value) == (
        f"teacher.model: the tokenizer of {checkpoint.name} has {size + 2} tokens, the model embeddings for {size}. Give "
        "the tokenizer that the model was trained with; or, if tokens were added to it, call "
        "model.resize_token_embeddings(len(tokenizer)), train the model, and save both."
    )
    assert caught.value.code == "vocabulary-mismatch"


@pytest.mark.parametrize(
    ("problem", "meaning"),
    [
        ("multi_label_classification", "several labels per text, a sigmoid for each"),
        ("regression", "numbers, not for classes"),
    ],
)
def test_a_finished_head_whose_numbers_are_not_a_softmaxs(saved, tiny_bert, tokenizer, problem, meaning):
    checkpoint = saved(tiny_bert(), problem_type=problem)
    with pytest.raises(MisfitError) as caught:
        check_finished(checkpoint, tokenizer, CONDITIONS)
    assert str(caught.value) == (
        f"teacher.model: {checkpoint.name} was trained for {meaning} (problem_type {problem} in its config.json), so a "
        "softmax over its logits does not give its probabilities. Set teacher.fine_tune to true; or, if each text has one "
        "of its labels, remove problem_type from its config.json."
    )
    check_weights(checkpoint, tokenizer, CONDITIONS)  # which gets another head


def test_the_length_that_a_model_reads_is_found_where_its_config_does_not_say_it(tiny_bert, tokenizer):
    with pytest.raises(MisfitError) as caught:
        try_out(tiny_bert(), tokenizer, "brought", Conditions("student.model", LABELS, max_length=200, pairs=False))
    assert str(caught.value) == (
        "student.model: data.max_length is 200, but brought reads at most 64 tokens. Set data.max_length to 64 or less."
    )


@pytest.mark.parametrize(
    ("fails", "reading"),
    [
        (lambda ids: ids.shape[0] == 1, "a short text"),
        (lambda ids: ids.shape[0] > 1, "texts of several lengths in a batch"),
        (lambda ids: torch.is_grad_enabled(), "a training step"),
    ],
)
def test_whatever_an_architecture_raises_is_one_sentence(saved, tiny_bert, tokenizer, monkeypatch, fails, reading):
    checkpoint, inner = saved(tiny_bert()), type(tiny_bert()).forward

    def forward(self, input_ids=None, attention_mask=None):
        if fails(input_ids):
            raise IndexError("index out of range in self\nmore lines")
        return inner(self, input_ids=input_ids, attention_mask=attention_mask)

    monkeypatch.setattr(type(tiny_bert()), "forward", forward)
    with pytest.raises(MisfitError) as caught:
        check_weights(checkpoint, tokenizer, CONDITIONS)
    assert str(caught.value) == (
        f"teacher.model: {checkpoint.name} cannot be used: a BertForSequenceClassification with this config fails on "
        f"{reading} (index out of range in self). Choose a model of another architecture."
    )


def test_a_model_without_a_table_of_words_has_no_number_of_embeddings(tiny_bert, tokenizer, monkeypatch):
    model = tiny_bert()
    assert embedding_rows(model) == len(tokenizer)

    def absent(self):
        raise NotImplementedError

    monkeypatch.setattr(type(model), "get_input_embeddings", absent)
    assert embedding_rows(model) is None
    check_vocabulary(model, tokenizer, "brought", key="teacher.model")
