"""Contradicted rows on disk: by row id for training, as a table for people."""

import csv
import json

import numpy as np
import pytest

from alambique.artefacts.contradicted import Contradicted, Doubt, Trust, read_contradicted, write_contradicted
from alambique.artefacts.splits import Split

TRAIN = Split("train", ("t-1", "t-22", "t-3"), ('a "fine"\nlamp', "=1+1, poor", "Lamp"), None, np.array([0, 1, 1]))
NAMES = ("good, or so", "bad")


def test_what_is_written_is_read_and_the_table_has_the_most_doubtful_first(tmp_path):
    write_contradicted([Doubt(0, 1, 0.25, 0.5), Doubt(1, 0, 0.03125, 0.96875)], TRAIN, NAMES, tmp_path)
    assert read_contradicted(tmp_path, "d") == Contradicted(("t-1", "t-22"), 3, "d")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["contradicted.json", "rows.csv"]
    with (tmp_path / "rows.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.reader(file)) == [
            ["id", "label", "teacher", "label_probability", "teacher_probability", "text"],
            ["t-22", "bad", "good, or so", "0.0312", "0.9688", "=1+1, poor"],
            ["t-1", "good, or so", "bad", "0.2500", "0.5000", 'a "fine"\nlamp'],
        ]


def test_the_files_do_not_depend_on_the_order_of_rows(tmp_path):
    for name, order in (("one", [0, 1, 2]), ("other", [2, 1, 0])):
        (tmp_path / name).mkdir()
        train = TRAIN.take(order)
        doubts = [Doubt(row, 0, 0.25, 0.5) for row in range(3)]
        write_contradicted(doubts, train, ("a", "b"), tmp_path / name)
    for file in ("contradicted.json", "rows.csv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "other" / file).read_bytes()


def test_both_texts_of_a_pair_are_in_the_table(tmp_path):
    pairs = Split("train", ("t",), ("one",), ("two",), np.array([0]), ("party: x",))
    write_contradicted([Doubt(0, 1, 0.1, 0.9)], pairs, NAMES, tmp_path)
    header, row = (tmp_path / "rows.csv").read_text("utf-8").splitlines()
    assert header.endswith(",text,second_text")
    assert row.endswith(",one,two; party: x")


def test_no_row_is_contradicted(tmp_path):
    write_contradicted([], TRAIN, NAMES, tmp_path)
    assert json.loads((tmp_path / "contradicted.json").read_text()) == {"ids": [], "of": 3}
    assert len((tmp_path / "rows.csv").read_text().splitlines()) == 1
    assert read_contradicted(tmp_path).hard_label_weights(TRAIN.ids, 0.5).tolist() == [1, 1, 1]


@pytest.mark.parametrize("ids", [("a", "bb", "c"), ("c", "a", "bb"), ("bb",), ("bb", "bb", "a"), ("b", "bbb")])
def test_weights_follow_the_ids(ids):
    weights = Trust(0.25, Contradicted(("bb",), 9)).weights(ids)
    assert weights.dtype == np.float32
    assert weights.tolist() == [0.25 if row_id == "bb" else 1.0 for row_id in ids]


def test_the_key_has_the_weight_and_the_rows():
    assert Trust(0.5, Contradicted((), 2, "abc")).key() == {"trust": 0.5, "inputs": {"contradicted": "abc"}}
