"""The real files, where they are at hand: LIAR's traps, and two other sets with a few keys each."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest

from alambique.data.lint import lint
from alambique.data.load import load_splits, locate
from alambique.recipe.recipe import Recipe

SHARED = Path(__file__).parents[3] / "shared" / "data"
SPLITS = ("train", "valid", "test")
ORDER = ("pants-fire", "false", "barely-true", "half-true", "mostly-true", "true")

pytestmark = pytest.mark.skipif(not (SHARED / "liar").is_dir(), reason="no copy of the data here")


def load(**data):
    data = Recipe.from_dict({"data": data}).data
    return load_splits(data, locate(data))


@pytest.fixture(scope="module")
def raw():
    """Split → rows of 14 cells, read with nothing but str.split."""
    read = {}
    for split in SPLITS:
        lines = (SHARED / "liar" / f"{split}.tsv").read_bytes().decode("utf-8").split("\n")
        read[split] = [line.rstrip("\r").split("\t") for line in lines if line]
    return read


@pytest.fixture(scope="module")
def splits():
    return load(source=str(SHARED / "liar"), text="statement", label="label")


@pytest.fixture(scope="module")
def found(splits):
    lengths = {split.name: [1] * len(split) for split in splits}
    return {(f.code, f.where): f for f in lint(splits, lengths=lengths, max_length=128, metadata=())}


def test_every_row_is_there_once(splits, raw):
    assert [len(split) for split in splits] == [10269, 1284, 1283]
    assert splits.label_names == ORDER
    assert splits.ordinal
    assert splits.notes == ()
    for split in splits:
        assert [(ORDER[i], text) for i, text in zip(split.labels, split.texts, strict=True)] == [
            (row[1], row[2]) for row in raw[split.name]
        ]
        assert len(set(split.ids)) == len(split)


def test_the_majority_class_of_test(splits, raw):
    counted = Counter(row[1] for row in raw["test"])
    assert splits.counts()["test"] == {name: counted[name] for name in ORDER}
    assert round(100 * max(counted.values()) / 1283, 1) == 20.8


def test_lint_finds_the_duplicates(found, raw):
    for split in SPLITS:
        texts = [row[2] for row in raw[split]]
        repeats = len(texts) - len(set(texts))
        labels = defaultdict(set)
        for row in raw[split]:
            labels[row[2]].add(row[1])
        clashing = sum(len(labels[text]) > 1 for text in texts)
        for code, count in (("duplicate-texts", repeats), ("conflicting-labels", clashing)):
            finding = found.get((code, split))
            assert (finding.count if finding else 0) == count
            if finding:
                assert finding.share == count / len(texts)
    assert found["duplicate-texts", "train"].count == 17


def test_lint_finds_the_rows_that_train_has_too(found, raw):
    train = {row[2] for row in raw["train"]}
    for split, count in (("valid", 5), ("test", 4)):
        assert sum(row[2] in train for row in raw[split]) == count
        assert found["shared-with-train", split].count == count


def test_three_and_two_groups(raw):
    three = {"pants-fire": 0, "false": 0, "barely-true": 1, "half-true": 1, "mostly-true": 2, "true": 2}
    two = {"pants-fire": 0, "false": 0, "barely-true": 0, "half-true": 1, "mostly-true": 1, "true": 1}
    for groups, index in (("three", three), ("two", two)):
        splits = load(source=str(SHARED / "liar"), text="statement", label="label", label_groups=groups)
        assert splits.test.labels.tolist() == [index[row[1]] for row in raw["test"]]


def test_metadata(raw):
    columns = {"subject": 3, "speaker": 4, "job": 5, "state": 6, "party": 7, "context": 13}
    splits = load(source=str(SHARED / "liar"), text="statement", label="label", metadata=list(columns))
    assert list(splits.test.second_segments()) == [
        "; ".join(f"{name}: {row[i]}" for name, i in columns.items() if row[i]) for row in raw["test"]
    ]


def test_subj():
    splits = load(source=str(SHARED / "subj"), text="sentence", label="label")
    assert [len(split) for split in splits] == [8000, 1000, 1000]
    assert splits.label_names == ("objective", "subjective")
    assert not splits.ordinal
    assert not any(text.startswith('"') and text.endswith('"') for text in splits.test.texts)


def test_mr():
    splits = load(source=str(SHARED / "mr"), text="text", label="sentiment", label_order=["negative", "positive"])
    assert [len(split) for split in splits] == [8530, 1066, 1066]
    assert splits.label_names == ("negative", "positive")
    lines = (SHARED / "mr" / "test.jsonl").read_text("utf-8")
    assert splits.counts()["test"] == {name: lines.count(f'"sentiment": "{name}"') for name in ("negative", "positive")}
