"""Where labels are sets: found in data that nobody has described, with a recipe that then loads."""

import json

import pytest
import yaml
from loading import write_csv

from alambique.data.inspect import inspect
from alambique.data.load import load_splits, locate
from alambique.data.new_recipe import recipe_text, summary
from alambique.recipe.recipe import Recipe
from conftest import write_jsonl

TAGS = [[name for name, every in (("joy", 2), ("fear", 3), ("deep love", 7)) if i % every == 0] for i in range(90)]
TEXTS = [f"they saw the old lamp in house number {i} again" for i in range(90)]


def found(path):
    """The inspection of a file, and the splits that its recipe reads."""
    inspection = inspect(str(path))
    assert inspection.fault is None
    text = recipe_text(inspection, str(path))
    recipe = Recipe.from_dict(yaml.safe_load(text))
    return inspection, text, load_splits(recipe.data, locate(recipe.data))


def check(splits):
    assert splits.task == "multi_label"
    assert sorted(splits.label_names) == ["deep love", "fear", "joy"]
    assert sum(counts["joy"] for counts in splits.counts().values()) == 45


def test_lists(tmp_path):
    rows = [
        {"id": i, "text": text, "tags": tags, "links": ["http://a.b"]}
        for i, (text, tags) in enumerate(zip(TEXTS, TAGS, strict=True))
    ]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    inspection, text, splits = found(tmp_path / "rows.jsonl")
    check(splits)
    assert inspection.data.label == "tags"
    assert inspection.labels == {"joy": 45, "fear": 30, "deep love": 13}
    assert "label_separator" not in text


@pytest.mark.parametrize("separator", ["|", ";", ", "])
def test_parted_text(tmp_path, separator):
    write_csv(
        tmp_path / "rows.csv",
        [(text, separator.join(tags)) for text, tags in zip(TEXTS, TAGS, strict=True)],
        ("text", "emotions"),
    )
    inspection, text, splits = found(tmp_path / "rows.csv")
    check(splits)
    assert inspection.data.label_separator == separator.strip()
    assert "stands between the labels of a row" in text
    assert any(
        line.startswith("label ") and "any number of them per row" in line for line in summary(inspection, "rows.csv")
    )


def test_columns_of_zero_and_one(tmp_path):
    names = ("joy", "fear", "deep love")
    cells = [
        (i, text, *(int(name in tags) for name in names))
        for i, (text, tags) in enumerate(zip(TEXTS, TAGS, strict=True))
    ]
    write_csv(tmp_path / "rows.csv", cells, ("id", "comment_text", *names))
    inspection, text, splits = found(tmp_path / "rows.csv")
    check(splits)
    assert inspection.data.label == names
    assert "label: [joy, fear, deep love]" in text


def test_lists_in_the_cells_of_a_text_file(tmp_path):
    write_csv(tmp_path / "rows.csv", [(text, json.dumps(tags)) for text, tags in zip(TEXTS, TAGS, strict=True)])
    _, text, splits = found(tmp_path / "rows.csv")
    check(splits)
    assert "task: multi_label" in text


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        (
            ("text", "label", "has_link"),
            [(i % 2, int(i % 5 == 0)) for i in range(90)],
        ),  # one label, and a flag beside it
        (("text", "topic", "old", "read"), [(("sport", "art")[i % 2], i % 2, int(i % 5 == 0)) for i in range(90)]),
        (("text", "label"), [(("yes", "no, never", "no")[i % 3],) for i in range(90)]),  # a comma within a label
    ],
)
def test_one_label_per_row_stays_so(tmp_path, names, cells):
    write_csv(tmp_path / "rows.csv", [(text, *row) for text, row in zip(TEXTS, cells, strict=True)], names)
    _, _, splits = found(tmp_path / "rows.csv")
    assert splits.task == "single_label"
