"""Data files of a few rows, loaded through a recipe."""

import csv
from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from alambique.data.load import load_splits, locate
from alambique.errors import DataError
from alambique.recipe.recipe import Recipe


def recipe_data(source, **keys):
    return Recipe.from_dict({"data": {"source": source, "text": "text", "label": "label", **keys}}).data


def load(source, **keys):
    data = recipe_data(str(source) if not isinstance(source, dict) else source, **keys)
    return load_splits(data, locate(data))


def message(source, **keys):
    with pytest.raises(DataError) as caught:
        load(source, **keys)
    return str(caught.value)


def write_csv(path, rows, names=("text", "label")):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([names, *rows])
    return path


def rows_of(split, names):
    return [(text, names[label]) for text, label in zip(split.texts, split.labels.tolist(), strict=True)]


def counts(split, names):
    return dict(Counter(names[label] for label in split.labels.tolist()))


def three_splits(folder, train, test=None):
    write_csv(folder / "train.csv", train)
    write_csv(folder / "valid.csv", train[:2])
    write_csv(folder / "test.csv", test or train[:2])
    return folder


def texts_with(labels):
    return [(f"text {i}", label) for i, label in enumerate(labels)]


def parquet(folder, splits, names):
    features = Features({"text": Value("string"), "label": ClassLabel(names=names)})
    for split, labels in splits.items():
        columns = {"text": [f"{split} {i}" for i in range(len(labels))], "label": labels}
        Dataset.from_dict(columns, features=features).to_parquet(folder / f"{split}.parquet")
    return folder
