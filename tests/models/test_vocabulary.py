"""Which tokens stay, worked out by hand for each kind of tokenizer."""

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from alambique.errors import ModelError
from alambique.models.vocabulary import _Merges, count_tokens, cut_tokenizer, kept_tokens, share_unchanged


def fast(model, **special):
    made = Tokenizer(model)
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, **special)


@pytest.fixture
def wordpiece():
    tokens = ["[PAD]", "[UNK]", "[unused1]", "a", "b", "##a", "##b", "ab", "##ab", "abab", "[CLS]"]
    made = fast(
        models.WordPiece({token: number for number, token in enumerate(tokens)}, unk_token="[UNK]"),  # noqa: S106
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",  # noqa: S106
    )  # fmt: skip
    made.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", pair="[CLS] $A $B", special_tokens=[("[CLS]", 10)]
    )
    return made


def counts(tokenizer, *texts):
    ids = np.concatenate([np.array(tokenizer(text)["input_ids"]) for text in texts])
    return count_tokens([ids], len(tokenizer))


def names(tokenizer, kept):
    return tokenizer.convert_ids_to_tokens(kept.tolist())


def test_counts_in_chunks():
    ids = np.array([0, 2, 2, 1, 2], dtype=np.int32)
    assert count_tokens([ids, ids[:1]], 4, chunk=2).tolist() == [2, 1, 3, 0]


def test_wordpiece_keeps_what_occurs_single_characters_and_special_tokens(wordpiece):
    kept = kept_tokens(wordpiece, counts(wordpiece, "abab"), None)
    assert names(wordpiece, kept) == ["[PAD]", "[UNK]", "a", "b", "##a", "##b", "abab", "[CLS]"]
    smaller = cut_tokenizer(wordpiece, kept)
    assert smaller.get_vocab() == {
        "[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3, "##a": 4, "##b": 5, "abab": 6, "[CLS]": 7,
    }  # fmt: skip
    assert smaller.tokenize("abab ab") == ["abab", "a", "##b"]
    assert smaller("abab")["input_ids"] == [7, 6]
    assert (smaller.pad_token_id, smaller.cls_token_id) == (0, 7)
    assert wordpiece.tokenize("ab") == ["ab"]  # the whole one is as it was


def test_a_number_keeps_the_most_frequent_first(wordpiece):
    seen = counts(wordpiece, "ab", "ab", "abab")
    assert names(wordpiece, kept_tokens(wordpiece, seen, 8)) == [
        "[PAD]", "[UNK]", "a", "b", "##a", "##b", "ab", "[CLS]",
    ]  # fmt: skip
    assert len(kept_tokens(wordpiece, seen, 7)) == 7
    with pytest.raises(ModelError) as refused:
        kept_tokens(wordpiece, seen, 6)
    assert str(refused.value) == (
        "student.vocabulary: 6 tokens are too few: characters and special tokens alone are 7. Set it to more."
    )


def test_the_share_of_rows_that_are_read_as_before(wordpiece):
    kept = kept_tokens(wordpiece, counts(wordpiece, "abab"), None)
    smaller = cut_tokenizer(wordpiece, kept)
    rows = [("abab",), ("ab",), ("a b",), ("abab ab",)]
    assert share_unchanged(wordpiece, smaller, kept, rows) == 0.5
    assert share_unchanged(wordpiece, smaller, kept, [("abab", "a"), ("a", "ab")]) == 0.5
    assert share_unchanged(wordpiece, smaller, kept, []) == 1


@pytest.fixture
def bpe():
    tokens = ["<pad>", "a", "b", "c", "d", "ab", "cd", "abcd", "bc", "abc"]
    merges = [("a", "b"), ("c", "d"), ("ab", "cd"), ("b", "c"), ("ab", "c")]
    model = models.BPE({token: number for number, token in enumerate(tokens)}, merges)
    return fast(model, pad_token="<pad>")  # noqa: S106


def test_bpe_keeps_the_tokens_on_the_way_to_one_and_their_merges_alone(bpe):
    assert bpe.tokenize("abcd bc") == ["abcd", "bc"]
    kept = kept_tokens(bpe, counts(bpe, "abcd"), None)
    assert names(bpe, kept) == ["<pad>", "a", "b", "c", "d", "ab", "cd", "abcd"]
    smaller = cut_tokenizer(bpe, kept)
    assert smaller.tokenize("abcd bc abc") == ["abcd", "b", "c", "ab", "c"]


def test_bpe_within_a_number_takes_a_token_with_all_on_the_way_to_it_or_leaves_it(bpe):
    seen = counts(bpe, "abcd", "abcd", "bc")
    assert names(bpe, kept_tokens(bpe, seen, 7)) == ["<pad>", "a", "b", "c", "d", "bc"]
    assert names(bpe, kept_tokens(bpe, seen, 8)) == ["<pad>", "a", "b", "c", "d", "ab", "cd", "abcd"]


def test_the_way_to_a_token_of_a_model_with_marks():
    ended = _Merges({"merges": ["a b", "ab c</w>"], "end_of_word_suffix": "</w>", "continuing_subword_prefix": None})
    assert ended.path("abc</w>") == [("a", "b"), ("ab", "c</w>")]
    assert ended.between("abc</w>") == {"a", "b", "ab", "c</w>"}
    begun = _Merges({"merges": [["a", "##b"], ["ab", "##c"]], "continuing_subword_prefix": "##"})
    assert begun.path("abc") == [("a", "##b"), ("ab", "##c")]
    assert begun.path("##b") == []
    assert _Merges({"merges": [["x", "y"]]}).path("abc") == []  # nothing leads there


@pytest.fixture
def unigram():
    pieces = [
        ("<unk>", 0.0),
        ("▁", -4.0),
        ("a", -4.0),
        ("b", -4.0),
        ("▁a", -3.5),
        ("ab", -3.0),
        ("▁ab", -2.0),
        ("ba", -3.0),
    ]
    made = Tokenizer(models.Unigram(pieces, unk_id=0, byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=made, unk_token="<unk>", pad_token="<pad>")  # noqa: S106


def test_unigram_keeps_scores_and_the_token_that_was_added(unigram):
    assert unigram.tokenize("ab abba") == ["▁ab", "▁ab", "ba"]
    kept = kept_tokens(unigram, counts(unigram, "ab"), None)
    assert names(unigram, kept) == ["<unk>", "▁", "a", "b", "▁a", "▁ab", "<pad>"]
    smaller = cut_tokenizer(unigram, kept)
    assert smaller.tokenize("ab abba z") == ["▁ab", "▁ab", "b", "a", "▁", "z"]
    assert (smaller.pad_token_id, smaller.unk_token_id) == (6, 0)
