"""The embedded set: the same everywhere, learnable, and with nothing in two splits."""

import hashlib
import json
from collections import Counter

import pytest

from alambique.data import quickstart
from alambique.data.load import load_splits, locate
from alambique.recipe.recipe import Recipe

LABELS = {"true", "mostly-true", "half-true", "barely-true", "false", "pants-fire"}


@pytest.fixture(scope="module")
def tables():
    return quickstart.tables()


def test_rows(tables):
    assert {split: len(table) for split, table in tables.items()} == {"train": 900, "valid": 900, "test": 900}
    for table in tables.values():
        assert set(table.columns) == {"claim", "label"}
        assert table.lines == list(range(1, len(table) + 1))


def test_no_claim_stands_twice(tables):
    claims = [claim for table in tables.values() for claim in table.columns["claim"]]
    assert len(set(claims)) == len(claims) == 2700


def test_what_the_encoder_was_trained_on_stands_in_no_split_that_is_scored(tables):
    more = quickstart.pretraining_table(2000).columns
    scored = {claim for split in ("valid", "test") for claim in tables[split].columns["claim"]}
    assert len(set(more["claim"])) == len(more["label"]) == 2000
    assert not scored & set(more["claim"])
    assert set(more["label"]) == LABELS


def test_every_label_stands_in_every_split(tables):
    for table in tables.values():
        found = Counter(table.columns["label"])
        assert set(found) == LABELS
        assert max(found.values()) / len(table) < 0.35  # the majority class does not decide the set
        assert min(found.values()) / len(table) > 0.02


def test_it_is_the_same_each_time_and_everywhere(tables):
    again = quickstart.tables()
    assert {name: table.columns for name, table in again.items()} == {name: t.columns for name, t in tables.items()}
    digest = hashlib.sha256(json.dumps([tables[name].columns for name in ("train", "valid", "test")]).encode())
    # a change here changes the numbers of every quickstart run
    assert digest.hexdigest()[:16] == "d5c83bd0e4ad0f44"


def test_the_label_follows_from_the_fact_but_for_one_claim_in_six(tables):
    """Works each claim's label out again from the table of facts."""
    order = ("true", "mostly-true", "half-true", "barely-true", "false", "pants-fire")
    facts = {(kind, do): level for kind, do, level in quickstart.FACTS}
    off = Counter()
    for table in tables.values():
        for claim, label in zip(table.columns["claim"], table.columns["label"], strict=True):
            padded = f" {claim} "
            (fact,) = {level for (kind, do), level in facts.items() if f" {kind} " in padded and f" {do} " in padded}
            said = [
                i for i, word in enumerate(quickstart.SCALE)
                if any(f" {word} {kind} {do} " in padded or f" {kind} , {word} of them {do} " in padded
                       for kind, do in facts)
            ]  # fmt: skip
            assert len(said) == 1
            off[abs(order.index(label) - abs(said[0] - fact))] += 1
    assert set(off) == {0, 1}
    assert 0.12 < off[1] / 2700 < 1 / 6  # one in six, less those that the end of the scale holds back


def test_the_facts_stand_once():
    assert len({(kind, do) for kind, do, _ in quickstart.FACTS}) == len(quickstart.FACTS)
    assert {level for _, _, level in quickstart.FACTS} == set(range(6))


def test_the_shipped_recipe_reads_it(tables):
    data = Recipe.load("quickstart").data
    splits = load_splits(data, locate(data))
    assert [len(split) for split in splits] == [900, 900, 900]
    assert splits.label_names == ("pants-fire", "false", "barely-true", "half-true", "mostly-true", "true")
    assert splits.ordinal
    assert splits.notes == ()
    assert list(splits.test.texts) == tables["test"].columns["claim"]
    assert [splits.label_names[i] for i in splits.test.labels] == tables["test"].columns["label"]
