import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertweetTokenizer, GPT2Config, PreTrainedTokenizerFast, XLNetConfig

from alambique.errors import ModelError
from alambique.models.tokenizer import agreeing, load_tokenizer, no_tokenizer_json, tokenizer_key, train_wordpiece

TEXTS = ["low lower lowest", "new newer newest", "Wide WIDER widest", "slow slower", "ábaco número"] * 3


def test_no_two_trainings_differ():
    made = {train_wordpiece(TEXTS, vocabulary=90).backend_tokenizer.to_str() for _ in range(8)}
    assert len(made) == 1


def test_it_reads_as_bert_does():
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    encoded = tokenizer("LOW", "newer")
    assert tokenizer.convert_ids_to_tokens(encoded["input_ids"]) == ["[CLS]", "low", "[SEP]", "newer", "[SEP]"]
    assert encoded["token_type_ids"] == [0, 0, 0, 1, 1]
    assert tokenizer.convert_ids_to_tokens(tokenizer("ÁBACO")["input_ids"])[1:-1] == ["abaco"]


def test_unseen_words_fall_apart_into_pieces_and_unseen_letters_are_unknown():
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("slowest")["input_ids"])[1:-1]
    assert len(pieces) > 1
    assert "".join(piece.removeprefix("##") for piece in pieces) == "slowest"
    assert tokenizer.convert_ids_to_tokens(tokenizer("9")["input_ids"])[1:-1] == ["[UNK]"]


def test_the_pieces_of_one_letter_are_ordinary_text():
    """Named beforehand in training, they must not be split off as special tokens."""
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    assert tokenizer.convert_ids_to_tokens(tokenizer("##w")["input_ids"])[1:-1] == ["[UNK]", "[UNK]", "w"]
    assert set(tokenizer.all_special_tokens) == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}


def gpt2(**tokens):
    words = {word: i for i, word in enumerate(["<|end|>", "a", "b", "[PAD]"])}
    backend = Tokenizer(WordLevel(words, unk_token="<|end|>"))  # noqa: S106
    backend.pre_tokenizer = Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>", **tokens)  # noqa: S106


def test_the_end_of_a_text_stands_for_a_padding_token_that_is_missing_or_has_no_embedding():
    config = GPT2Config(vocab_size=3)
    for tokens in ({}, {"pad_token": "[PAD]"}):
        tokenizer = gpt2(**tokens)
        before = tokenizer.pad_token
        agreed = agreeing(tokenizer, config, None)
        assert (agreed.pad_token, agreed.pad_token_id) == ("<|end|>", 0)
        assert tokenizer.pad_token == before  # the caller's
    assert agreeing(gpt2(pad_token="[PAD]"), GPT2Config(vocab_size=4), None).pad_token == "[PAD]"  # noqa: S105, S106


def test_padding_is_put_where_the_model_needs_it():
    assert agreeing(gpt2(padding_side="left"), GPT2Config(vocab_size=4), None).padding_side == "right"
    assert agreeing(gpt2(), XLNetConfig(vocab_size=4), None).padding_side == "left"


def test_token_types_are_named_where_the_model_reads_them():
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    named = lambda config, names=None: "token_type_ids" in agreeing(tokenizer, config, names).model_input_names  # noqa: E731
    assert named(BertConfig(type_vocab_size=2))
    assert not named(BertConfig(type_vocab_size=1))
    assert not named(BertConfig(type_vocab_size=2), frozenset(["input_ids"]))
    assert "token_type_ids" in tokenizer.model_input_names


def test_the_key_follows_what_changes_the_token_ids():
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    first = tokenizer_key(tokenizer)
    tokenizer("low new", truncation=True, max_length=3, padding="max_length")
    assert tokenizer_key(tokenizer) == first
    tokenizer.truncation_side = "left"
    assert tokenizer_key(tokenizer) != first


def test_a_tokenizer_without_padding_says_how_to_give_it_one(tiny_bert, tmp_path):
    tiny_bert().save_pretrained(tmp_path)
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(ModelError) as caught:
        load_tokenizer(tmp_path, key="teacher.model")
    assert str(caught.value) == (
        f"teacher.model: the tokenizer of {tmp_path} has no padding token, so rows cannot be batched, and no end-of-text "
        "token that could stand for it. Choose one: tokenizer.pad_token = TOKEN, model.config.pad_token_id = "
        "tokenizer.pad_token_id, and save both there with save_pretrained."
    )


def test_a_tokenizer_written_in_python_is_known_before_training(tmp_path):
    (tmp_path / "vocab.txt").write_text("a 1\nb 1\n")
    (tmp_path / "bpe.codes").write_text("#version: 0.2\n")
    slow = BertweetTokenizer(str(tmp_path / "vocab.txt"), str(tmp_path / "bpe.codes"))
    finding = no_tokenizer_json(slow, where="student")
    assert (finding.code, finding.where) == ("no-tokenizer-json", "student")
    assert finding.message == (
        "The tokenizer, a BertweetTokenizer, is written in Python and has no tokenizer.json, which an exported model needs: "
        "the student is trained, and no ONNX file is made."
    )
    assert no_tokenizer_json(train_wordpiece(TEXTS, vocabulary=200), where="student") is None
