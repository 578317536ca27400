"""Splits: what a row is, how it is known, and that the disk keeps it."""

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from alambique.artefacts.splits import Split, Splits, read_splits, row_ids, write_splits

TEXTS = ("plain", 'with "quotes"\ttab', "line\u2028end\x85\n", "", "🙂 true")


def split_of(name, pairs=None, labels=(0, 1, 2, 1, 0)):
    return Split(name, tuple(f"{name}-{i}" for i in range(5)), TEXTS, pairs, np.array(labels, dtype=np.int64))


def splits_of(pairs=None, **keys):
    return Splits(*(split_of(name, pairs) for name in ("train", "valid", "test")), ("true", "no", "œuf"), **keys)


@pytest.mark.parametrize("pairs", [None, ("a", "", "c: d", "\u2028", "e")])
def test_round_trip(tmp_path, pairs):
    splits = splits_of(pairs, ordinal=True, notes=("first “note”", "second"))
    write_splits(splits, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "splits.json", "test.parquet", "train.parquet", "valid.parquet",
    ]  # fmt: skip
    again = read_splits(tmp_path)
    assert again.label_names == ("true", "no", "œuf")
    assert again.ordinal is True
    assert again.notes == ("first “note”", "second")
    for old, new in zip(splits, again, strict=True):
        assert (new.name, new.ids, new.texts, new.pairs) == (old.name, old.ids, old.texts, old.pairs)
        assert new.labels.tolist() == old.labels.tolist()
        assert new.labels.dtype == np.int64
        assert new.digest == old.digest


def test_round_trip_of_what_is_off_by_default(tmp_path):
    write_splits(splits_of(), tmp_path)
    again = read_splits(tmp_path)
    assert again.ordinal is False
    assert again.notes == ()


def test_the_columns_on_disk(tmp_path):
    write_splits(splits_of(), tmp_path)
    assert pq.read_table(tmp_path / "train.parquet").column_names == ["id", "text", "label"]
    write_splits(splits_of(("",) * 5), tmp_path)
    assert pq.read_table(tmp_path / "train.parquet").column_names == ["id", "text", "pair", "label"]


def test_the_digest_changes_with_ids_texts_pairs_labels_and_order():
    split = split_of("train", ("a", "b", "c", "d", "e"))
    others = [
        replace(split, ids=("train-9", *split.ids[1:])),
        replace(split, texts=("plain ", *split.texts[1:])),
        replace(split, pairs=("a", "b", "c", "d", "E")),
        replace(split, pairs=None),
        replace(split, labels=np.array([0, 1, 2, 1, 1])),
        split.take([1, 0, 2, 3, 4]),
        split.take([0, 1, 2, 3]),
    ]
    assert len({split.digest, *(other.digest for other in others)}) == 8
    assert split_of("train", ("a", "b", "c", "d", "e")).digest == split.digest


def test_the_digest_does_not_confuse_text_and_pair():
    first = Split("train", ("i",), ("a",), ("bc",), np.array([0]))
    assert first.digest != Split("train", ("i",), ("ab",), ("c",), np.array([0])).digest


def test_take():
    taken = split_of("test", ("a", "b", "c", "d", "e")).take([3, 0])
    assert (taken.name, taken.ids, taken.texts, taken.pairs) == (
        "test",
        ("test-3", "test-0"),
        ("", "plain"),
        ("d", "a"),
    )
    assert taken.labels.tolist() == [1, 0]
    assert len(taken) == 2
    assert split_of("test").take(np.array([4])).pairs is None
    assert len(split_of("test").take([])) == 0


def test_segments():
    assert split_of("train").segments()[:1] == [("plain",)]
    assert split_of("train", ("a", "b", "c", "d", "e")).segments()[4] == ("🙂 true", "e")


def test_counts():
    splits = Splits(split_of("train"), split_of("valid", labels=(1,) * 5), split_of("test"), ("a", "b", "c", "d"))
    assert splits.counts() == {
        "train": {"a": 2, "b": 2, "c": 1, "d": 0},
        "valid": {"a": 0, "b": 5, "c": 0, "d": 0},
        "test": {"a": 2, "b": 2, "c": 1, "d": 0},
    }
    assert [split.name for split in splits] == ["train", "valid", "test"]


def test_row_ids():
    ids = row_ids("valid", [("a",), ("b",), ("a",), ("a", ""), ("a",)])
    assert ids[2] == f"{ids[0]}-2"
    assert ids[4] == f"{ids[0]}-3"
    assert len({ids[0], ids[1], ids[3]}) == 3
    assert all(len(ids[i]) == len("valid-") + 16 for i in (0, 1, 3))
    # pinned: stored logits are found again by these ids
    assert row_ids("train", [("the lamp is bright",)]) == ("train-32ae31cd384bd804",)
