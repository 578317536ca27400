import numpy as np
import pytest

from alambique.artefacts.tokens import Tokens, fill_empty, read_tokens, tokenize_rows, tokens_of, write_tokens
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
        assert all(np.array_equal(made[name], wanted[name].numpy()) for name in NAMES)
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
        assert np.array_equal(
            part.batch(np.arange(4), NAMES)["input_ids"], whole.batch(np.arange(5, 9), NAMES)["input_ids"]
        )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "input_ids.i32", "starts.npy", "tokens.json", "uncut_lengths.npy",
    ]  # fmt: skip


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
    assert SMALL.batch(np.array([0]), NAMES)["input_ids"].dtype == np.int64


def test_a_batch_has_a_least_width():
    assert SMALL.batch(np.array([1]), NAMES, shortest=2)["input_ids"].tolist() == [[8, 0]]


def test_batches_go_from_the_longest_row_to_the_shortest():
    assert [rows.tolist() for rows in SMALL.batches(2)] == [[0, 2], [1]]


def test_rows_too_long_are_cut_and_counted_whole(tokenizer):
    text = "lamp table door garden"
    tokens = tokenize_rows(tokenizer, [(text,), ("lamp",)], max_length=5)
    assert tokens.lengths.tolist() == [5, 3]
    assert tokens.uncut_lengths.tolist() == [6, 3]
    cut = tokenizer(text, truncation=True, max_length=5)["input_ids"]
    assert tokens.columns["input_ids"][:5].tolist() == cut


def test_the_callers_tokenizer_is_as_it_was(tokenizer):
    tokenizer.backend_tokenizer.enable_truncation(max_length=3)
    tokenizer.backend_tokenizer.no_padding()
    assert tokenize_rows(tokenizer, [("lamp table door garden",)], max_length=None).lengths.tolist() == [6]
    assert tokenizer.backend_tokenizer.truncation["max_length"] == 3
    assert tokenizer.backend_tokenizer.padding is None
    tokenizer.backend_tokenizer.no_truncation()


def test_inputs_that_are_0_throughout_are_named_and_made_where_asked(tokenizer, tmp_path):
    write_tokens(tokenizer, [TEXTS], tmp_path, max_length=12)
    mapped = read_tokens(tmp_path)
    assert (set(mapped.columns), mapped.zeros) == ({"input_ids"}, ("token_type_ids",))
    assert set(mapped.batch(np.array([0, 1]), NAMES)) == {"input_ids", "attention_mask"}
    for rows_ in (np.array([0]), np.array([0, 1])):
        made = mapped.rows(0, 5).batch(rows_, NAMES, zeros=True)
        assert made["token_type_ids"].shape == made["input_ids"].shape
        assert not made["token_type_ids"].any()


def test_padding_of_zeros_is_the_tokenizers():
    tokens = Tokens(SMALL.columns, SMALL.starts, {"input_ids": 0, "token_type_ids": 3}, zeros=("token_type_ids",))
    assert tokens.batch(np.array([1, 0]), NAMES, zeros=True)["token_type_ids"].tolist() == [[0, 3, 3], [0, 0, 0]]


def test_a_batch_has_a_most_number_of_tokens():
    assert [batch.tolist() for batch in SMALL.batches(3, most_tokens=4)] == [[0], [2, 1]]
    assert [batch.tolist() for batch in SMALL.batches(3, most_tokens=4, shortest=4)] == [[0], [2], [1]]
    assert [batch.tolist() for batch in SMALL.batches(2)] == [[0, 2], [1]]


def test_a_row_without_tokens_is_one_padding_token_that_counts_as_text():
    rows_ = {"input_ids": [[], [5, 6]], "token_type_ids": [[], [0, 1]]}
    fill_empty(rows_, {"input_ids": 9, "token_type_ids": 3})
    tokens = tokens_of(rows_, {"input_ids": 9, "token_type_ids": 3}, left=False)
    batch = tokens.batch(np.array([0, 1]), NAMES)
    assert batch["input_ids"].tolist() == [[9, 9], [5, 6]]
    assert batch["attention_mask"].tolist() == [[1, 0], [1, 1]]
    assert batch["token_type_ids"].tolist() == [[0, 3], [0, 1]]
    assert tokens.largest == {"input_ids": 9, "token_type_ids": 1}


def test_one_row_alone_is_what_it_is_in_a_batch():
    pair = SMALL.batch(np.array([0, 0]), NAMES)
    assert {name: values[0].tolist() for name, values in pair.items()} == {
        name: values[0].tolist() for name, values in SMALL.batch(np.array([0]), NAMES).items()
    }
    assert SMALL.batch(np.array([1]), NAMES, shortest=3)["input_ids"].tolist() == [[8, 0, 0]]
