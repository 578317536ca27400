import numpy as np
import pytest
import torch

from alambique.artefacts.tokens import Tokens, read_tokens, tokenize_rows, write_tokens
from alambique.errors import CorruptArtefactError
from alambique.models.tokenizer import save_tokenizer, tokenizer_key
from conftest import rows

TEXTS = [(row["text"],) for row in rows(30, 7)]
NAMES = {"input_ids", "token_type_ids", "attention_mask"}
SMALL = Tokens({"input_ids": np.array([5, 6, 7, 8, 9, 1], np.int32)}, np.array([0, 3, 4, 6]), {"input_ids": 0})


def test_a_batch_is_padded_to_its_longest_row_by_hand():
    batch = SMALL.batch(np.array([2, 0]), NAMES)
    assert batch["input_ids"].tolist() == [[9, 1, 0], [5, 6, 7]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert set(batch) == {"input_ids", "attention_mask"}


def test_rows_may_be_filled_up_at_their_left():
    left = Tokens(SMALL.columns, SMALL.starts, {"input_ids": 4}, left=True)
    batch = left.batch(np.array([1, 0]), NAMES)
    assert batch["input_ids"].tolist() == [[4, 4, 8], [5, 6, 7]]
    assert batch["attention_mask"].tolist() == [[0, 0, 1], [1, 1, 1]]


def test_a_batch_is_what_the_tokenizer_pads(tokenizer):
    pairs = [(text, "a lamp") for (text,) in TEXTS]
    for segments in (TEXTS, pairs):
        tokens = tokenize_rows(tokenizer, segments, max_length=9)
        wanted = tokenizer(*[list(part) for part in zip(*segments, strict=True)], truncation=True, max_length=9,
                           padding=True, return_tensors="pt")  # fmt: skip
        made = tokens.batch(np.arange(30), NAMES)
        assert all(made[name].equal(wanted[name]) for name in NAMES)
        assert tokens.lengths.tolist() == wanted["attention_mask"].sum(1).tolist()


def test_only_what_the_model_names(tokenizer):
    tokens = tokenize_rows(tokenizer, TEXTS, max_length=9)
    assert set(tokens.batch(np.array([0]), {"input_ids", "labels"})) == {"input_ids"}


def test_written_in_chunks_and_mapped_equals_in_memory(tokenizer, tmp_path):
    whole = tokenize_rows(tokenizer, TEXTS, max_length=12)
    write_tokens(tokenizer, (TEXTS[i : i + 7] for i in range(0, 30, 7)), tmp_path, max_length=12)
    mapped = read_tokens(tmp_path)
    assert isinstance(mapped.columns["input_ids"], np.memmap)
    assert mapped.starts.tolist() == whole.starts.tolist()
    assert mapped.padding == whole.padding
    assert mapped.columns["input_ids"].tolist() == whole.columns["input_ids"].tolist()
    for _ in range(2):  # the pages are let go after the first time, and read again
        part = mapped.rows(5, 9)
        assert part.batch(np.arange(4), NAMES)["input_ids"].equal(whole.batch(np.arange(5, 9), NAMES)["input_ids"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["input_ids.i32", "starts.npy", "tokens.json"]


def test_token_types_are_kept_where_they_are_not_all_zero(tokenizer, tmp_path):
    pairs = [(text, "a lamp") for (text,) in TEXTS]
    write_tokens(tokenizer, [pairs], tmp_path, max_length=12)
    whole, mapped = tokenize_rows(tokenizer, pairs, max_length=12), read_tokens(tmp_path)
    assert mapped.columns["token_type_ids"].tolist() == whole.columns["token_type_ids"].tolist()


def test_no_rows(tokenizer, tmp_path):
    assert len(tokenize_rows(tokenizer, [], max_length=9)) == 0
    write_tokens(tokenizer, iter(()), tmp_path, max_length=9)
    assert len(read_tokens(tmp_path)) == 0


def test_a_cut_file_is_refused(tokenizer, tmp_path):
    write_tokens(tokenizer, [TEXTS], tmp_path, max_length=9)
    file = tmp_path / "input_ids.i32"
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(CorruptArtefactError, match=r"input_ids\.i32 holds 2\d\d tokens, starts\.npy beside it 2\d\d\."):
        read_tokens(tmp_path)


def test_the_key_of_a_tokenizer_is_what_it_does_not_how_it_was_last_used(tokenizer):
    before = tokenizer_key(tokenizer)
    tokenizer(["some words"], truncation=True, max_length=4, padding=True)
    assert tokenizer_key(tokenizer) == before


def test_a_saved_tokenizer_is_the_same_however_it_was_last_used(tokenizer, tmp_path):
    save_tokenizer(tokenizer, tmp_path / "before")
    tokenizer(["some words"], truncation=True, max_length=4, padding=True)
    save_tokenizer(tokenizer, tmp_path / "after")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "before" / name).read_bytes() == (tmp_path / "after" / name).read_bytes()


def test_ids_are_whole_numbers_of_torchs_kind():
    assert SMALL.batch(np.array([0]), NAMES)["input_ids"].dtype == torch.int64
