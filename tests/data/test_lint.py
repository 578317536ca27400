"""Findings about rows, each by its exact numbers."""

import dataclasses

import numpy as np
import pytest
import yaml

from alambique.artefacts.splits import Split, Splits
from alambique.data.lint import lint, look_alike_labels
from alambique.findings import Finding

NAMES = ("bad", "fair", "good")
CLEAN = {"train": [("a lamp", 0), ("a door", 1), ("a cup", 2)], "valid": [("b lamp", 0), ("b door", 1), ("b cup", 2)],
         "test": [("c lamp", 0), ("c door", 1), ("c cup", 2)]}  # fmt: skip


def split_of(name, rows, pairs=None):
    ids = tuple(f"{name}-{i}" for i in range(len(rows)))
    return Split(name, ids, tuple(text for text, _ in rows), pairs, np.array([label for _, label in rows]))


def findings(*, lengths=None, max_length=10, metadata=(), pairs=None, **rows):
    rows = {**CLEAN, **rows}
    splits = Splits(
        *(split_of(name, rows[name], (pairs or {}).get(name)) for name in ("train", "valid", "test")), NAMES
    )
    lengths = {split.name: [5] * len(split) for split in splits} | (lengths or {})
    return lint(splits, lengths=lengths, max_length=max_length, metadata=metadata)


def test_clean_rows_have_no_findings():
    assert findings() == []


def test_duplicates_and_contradictions():
    train = [("same", 0), ("twice", 1), ("same", 2), ("twice", 1), ("same", 0), ("other", 2)]
    assert findings(train=train) == [
        Finding(
            "duplicate-texts", "train", "3 of 6 rows of train repeat a text of the same split.",
            "They count twice in training or in the score; remove them at the source if that is not meant.",
            3, 0.5, ("train-2", "train-3", "train-4"),
        ),
        Finding(
            "conflicting-labels", "train", "3 of 6 rows of train have a text that also stands there with another label.",
            "No model can get all of them right; decide on one label.", 3, 0.5, ("train-0", "train-2", "train-4"),
        ),
    ]  # fmt: skip


def test_rows_of_test_that_train_has_too():
    test = [("c lamp", 0), ("a door", 2), ("c door", 1), ("a door", 1)]
    found = {finding.code: finding for finding in findings(test=test, valid=[*CLEAN["valid"], ("a cup", 2)])}
    assert {(f.code, f.where) for f in findings(test=test)} == {
        ("duplicate-texts", "test"), ("conflicting-labels", "test"), ("shared-with-train", "test"),
    }  # fmt: skip
    assert found["shared-with-train"] == Finding(
        "shared-with-train", "test", "2 of 4 rows of test have a text that is also in train.",
        "Their score measures memory; remove them from train.", 2, 0.5, ("test-1", "test-3"),
    )  # fmt: skip


def test_copies_that_differ_by_form_alone():
    train = [*CLEAN["train"], ("caf\u00e9 x", 1), ("a  lamp ", 0)]
    test = [*CLEAN["test"], ("A lamp", 1), ("cafe\u0301 x", 1), ("a door", 2)]
    assert [(f.code, f.message) for f in findings(train=train, test=test)] == [
        ("duplicate-texts",
         "1 of 5 rows of train repeat a text of the same split (1 of them but for case, blanks or Unicode form)."),
        ("shared-with-train",
         "3 of 6 rows of test have a text that is also in train (2 of them but for case, blanks or Unicode form)."),
    ]  # fmt: skip


def test_rows_that_a_model_tells_apart_by_form_or_metadata_do_not_conflict():
    train = [("same", 0), ("Same", 1), ("other", 2)]
    assert [f.code for f in findings(train=train)] == ["duplicate-texts"]
    rows = split_of("train", [("same", 0), ("same", 1), ("same", 1)])
    parties = dataclasses.replace(rows, metadata=("party: red", "party: blue", "party: blue"))
    clean = [split_of(name, CLEAN[name]) for name in ("valid", "test")]
    lengths = dict.fromkeys(("train", "valid", "test"), ())
    seen = [
        {
            f.code
            for f in lint(Splits(split, *clean, NAMES), lengths=lengths, max_length=9, metadata=())
            if f.where == "train"
        }
        for split in (rows, parties)
    ]
    assert seen == [
        {"duplicate-texts", "conflicting-labels", "absent-classes"}, {"duplicate-texts", "absent-classes"},
    ]  # fmt: skip


def labelled(names, labels):
    split = split_of("train", [(f"text {i}", label) for i, label in enumerate(labels)])
    return Splits(split, dataclasses.replace(split, name="valid"), dataclasses.replace(split, name="test"), names)


def test_labels_that_look_alike():
    names = ("good", "good\u200b", "cafe\u0301", "caf\u00e9", "Bad", "bad", "fair")
    (found,) = look_alike_labels(labelled(names, [0, 0, 1, 2, 3, 4, 5, 5, 6]))
    assert found == Finding(
        "look-alike-labels", "data.label",
        "Labels that look alike are different classes. They differ: 'good' (6 rows) and 'good\\u200b' (3 rows) by invisible "
        "characters; 'cafe\\u0301' (3 rows) and 'caf\u00e9' (3 rows) by Unicode form; 'Bad' (3 rows) and 'bad' (6 rows) by "
        "case.",
        'If they mean the same, merge them, as in data.label_groups: {"good": "good", "good\\u200b": "good", '
        '"cafe\\u0301": "caf\u00e9", "caf\u00e9": "caf\u00e9", "Bad": "bad", "bad": "bad", "fair": "fair"}, which names '
        "every label.",
        6,
    )  # fmt: skip
    merged = yaml.safe_load(found.advice[found.advice.index("{") : found.advice.index("}") + 1])
    assert merged == dict(zip(names, ("good", "good", "caf\u00e9", "caf\u00e9", "bad", "bad", "fair"), strict=True))
    assert look_alike_labels(labelled(tuple(set(merged.values())), [0, 1, 2, 3])) == []


def test_a_mapping_of_many_labels_is_not_written_out():
    names = (*(f"intent {letter}" for letter in "abcdefghijkl"), "Intent a")
    (found,) = look_alike_labels(labelled(names, list(range(13))))
    assert found.advice.endswith(
        'label_groups: {"intent a": "intent a", "Intent a": "intent a", …}, which names every label.'
    )


def test_a_quote_in_a_label_is_escaped():
    names = ('a "b"\\', 'A "b"\\')
    (found,) = look_alike_labels(labelled(names, [0, 0, 1]))
    assert yaml.safe_load(found.advice[found.advice.index("{") : found.advice.rindex("}") + 1]) == dict.fromkeys(
        names, names[0]
    )


def test_valid_is_compared_with_train_too():
    (found,) = findings(valid=[*CLEAN["valid"], ("a cup", 2)])
    assert (found.code, found.where, found.count, found.share) == ("shared-with-train", "valid", 1, 0.25)


def test_rows_are_compared_by_both_segments():
    same = [("same", 0), ("same", 1), ("same", 2)]
    parted = {name: tuple(f"{name} {i}" for i in range(3)) for name in CLEAN}
    assert findings(train=same, valid=same, test=same, pairs=parted) == []
    joined = dict.fromkeys(CLEAN, ("x", "x", "y"))
    assert [(f.code, f.where, f.count) for f in findings(train=same, valid=same, test=same, pairs=joined)] == [
        ("duplicate-texts", "train", 1), ("conflicting-labels", "train", 2),
        ("duplicate-texts", "valid", 1), ("conflicting-labels", "valid", 2), ("shared-with-train", "valid", 3),
        ("duplicate-texts", "test", 1), ("conflicting-labels", "test", 2), ("shared-with-train", "test", 3),
    ]  # fmt: skip


def test_empty_texts():
    (found,) = findings(train=[*CLEAN["train"], (" \t", 1)])
    assert found == Finding(
        "empty-texts", "train", "1 of 4 rows of train have no text.", "Only the class balance can decide them.",
        1, 0.25, ("train-3",),
    )  # fmt: skip


def test_a_row_with_a_second_segment_is_not_empty():
    pairs = {"train": ("x", "y", "z", "party: red"), "valid": ("", "", ""), "test": ("", "", "")}
    assert findings(train=[*CLEAN["train"], ("", 1)], pairs=pairs) == []


def test_texts_that_are_cut():
    (found,) = findings(lengths={"test": [10, 11, 40]})
    assert found == Finding(
        "cut-texts", "test", "2 of 3 rows of test are longer than 10 tokens and lose their end.",
        "Raise data.max_length if the end matters; time grows with it.", 2, 2 / 3, ("test-1", "test-2"),
    )  # fmt: skip


def test_absent_classes():
    (found,) = findings(valid=[("b door", 1)])
    assert found == Finding(
        "absent-classes", "valid", "valid has no row of bad, good.", "Macro-F1 counts these classes as 0 there.", 2
    )


@pytest.mark.parametrize(("metadata", "named"), [
    (("speaker", "false_counts"), "false_counts"),
    (("pants_on_fire_counts", "job", "half_true_counts"), "pants_on_fire_counts, half_true_counts"),
])  # fmt: skip
def test_count_columns(metadata, named):
    (found,) = findings(metadata=metadata)
    assert found == Finding(
        "count-columns", "data.metadata", f"The model reads {named}, which count this very statement.",
        "These columns leak the label (Wang 2017 counts include the current statement); leave them out.",
    )  # fmt: skip


def test_other_metadata_is_no_finding():
    assert findings(metadata=("speaker", "party")) == []


def test_ten_rows_are_shown():
    found = findings(train=[("same", 1)] * 13, valid=[("x", 0), ("y", 1), ("z", 2)])
    assert found[0].count == 12
    assert found[0].row_ids == tuple(f"train-{i}" for i in range(1, 11))


def test_as_dict():
    assert findings(valid=[("b door", 1)])[0].as_dict() == {
        "code": "absent-classes",
        "where": "valid",
        "message": "valid has no row of bad, good.",
        "advice": "Macro-F1 counts these classes as 0 there.",
        "count": 2,
        "share": None,
        "row_ids": (),
    }
