"""What the names of files and folders say."""

from pathlib import Path

import pytest
from datasets import Dataset, DatasetDict

from alambique.data.entries import Entry, is_table, shared, split_of, walk


def entry(relative):
    return Entry(Path("/nowhere") / relative, relative)


@pytest.mark.parametrize(
    ("relative", "split", "exact", "rest"),
    [
        ("train.csv", "train", True, ""),
        ("TRAIN.csv.gz", "train", True, ""),
        ("train.ft.txt.bz2", "train", True, "ft"),
        ("validation.jsonl", "valid", True, ""),
        ("dev.tsv", "valid", True, ""),
        ("training.csv", "train", False, ""),
        ("train-00000-of-00002.parquet", "train", False, ""),
        ("data/test-00000-of-00001-abc1230f.parquet", "test", False, ""),
        ("dev_matched.tsv", "valid", False, "matched"),
        ("my_test_set.csv", "test", False, "my__set"),
        ("train.part-3.csv", "train", False, ""),
        ("train (1).csv", "train", False, ""),
        ("train/part-0.csv", "train", False, ""),
        ("test/train.csv", "train", True, ""),  # the file's own name first
        ("train/test/rows.csv", "test", False, "rows"),  # then the nearest folder
        ("contest.csv", None, False, "contest"),
        ("latest.csv", None, False, "latest"),
        ("trainer.csv", None, False, "trainer"),
        ("reviews.csv", None, False, "reviews"),
    ],
)
def test_splits(relative, split, exact, rest):
    named = entry(relative)
    assert (named.split, named.exact, named.rest) == (split, exact, rest)


@pytest.mark.parametrize(
    ("name", "split"),
    [("evaluation", "test"), ("train_test", "test"), ("Val", "valid"), ("data", None), ("eval-2", "test")],
)
def test_the_last_word_of_a_split_counts(name, split):
    assert split_of(name) == split


@pytest.mark.parametrize(
    ("relative", "places"),
    [("data/english/train/part-0.csv", ("english",)), ("data/train.csv", ()), ("b/c/x.csv", ("b", "c"))],
)
def test_places_are_the_folders_that_may_name_a_subset(relative, places):
    assert entry(relative).places() == places


@pytest.mark.parametrize(
    ("name", "table", "plain"),
    [
        ("train.csv", True, False), ("a.jsonl.gz", True, False), ("a.parquet", True, False), ("train.zip", True, True),
        ("train.txt", True, True), ("README.md", False, True), ("config.json", False, False), ("notes.docx", False, True),
        ("dataset_infos.json", False, False), ("requirements.txt", False, True), ("SMSSpamCollection", False, True),
    ],
)  # fmt: skip
def test_files_that_may_hold_rows(name, table, plain):
    assert (is_table(entry(name)), entry(name).is_plain_text) == (table, plain)


def test_walking(tmp_path):
    for name in ("b/train.csv", "a.csv", ".git/x.csv", "__pycache__/y.csv", ".hidden.csv", "b/c/z.csv", "run/data.csv"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (tmp_path / "run" / "recipe.yaml").write_text("# written by us\nrun_id: abc\n")
    assert [e.relative for e in walk(tmp_path)] == ["a.csv", "b/train.csv", "b/c/z.csv"]


def test_a_saved_data_set_is_one_entry(tmp_path):
    rows = Dataset.from_dict({"text": ["a"], "label": ["x"]})
    DatasetDict({"train": rows, "test": rows}).save_to_disk(tmp_path / "both")
    entries = list(walk(tmp_path / "both"))
    tables = [e for e in entries if is_table(e)]
    assert [(e.relative, e.split, e.exact) for e in tables] == [("test", "test", True), ("train", "train", True)]
    rows.save_to_disk(tmp_path / "alone")
    assert [(e.path, e.relative) for e in walk(tmp_path / "alone")] == [(tmp_path / "alone", "alone")]


@pytest.mark.parametrize(
    ("places", "depth"),
    [
        ([], 0),
        ([()], 0),
        ([("a", "b")], 2),
        ([("a", "b"), ("a", "c")], 1),
        ([("a",), ("a", "c")], 1),
        ([("a",), ()], 0),
    ],
)
def test_folders_that_all_share(places, depth):
    assert shared(places) == depth
