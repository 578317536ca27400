import dataclasses

import numpy as np
import pytest
from setups import Collator, split_of

from alambique.artefacts.splits import Splits
from alambique.doctor.check_rows import check, duplicate_ids
from alambique.findings import Finding
from conftest import LABELS

SWAPPED = "Name the column of texts with data.text and the column of labels with data.label."
RAISE = "Raise data.max_length (the tokenizer's model_max_length, or where the collator cuts)."


def test_ids_that_stand_for_more_than_one_row(healthy):
    case = healthy()
    train = dataclasses.replace(case.splits.train, ids=(case.splits.train.ids[1], *case.splits.train.ids[1:]))
    case.splits, case.soft_labels = dataclasses.replace(case.splits, train=train), None
    assert case.codes() == {"duplicate-ids"}
    assert case.finding("duplicate-ids").row_ids == (train.ids[0],)


def test_duplicate_ids_are_counted_once():
    assert duplicate_ids(["a", "b", "c"], "splits") == []
    assert duplicate_ids(["a", "b", "a", "a", "c"], "splits") == [
        Finding(
            "duplicate-ids", "splits", "1 row ids of splits stand for more than one row, such as a.",
            "Soft labels are found by id, so such rows get each other's; make ids with alambique.artefacts.splits.row_ids.",
            1, 0.2, ("a",),
        )
    ]  # fmt: skip
    ids = [f"row {i}" for i in range(12)]
    assert duplicate_ids(ids * 2, "soft_labels")[0].row_ids == tuple(ids[:10])


def test_labels_that_are_not_an_index(healthy):
    case = healthy()
    case.splits = dataclasses.replace(case.splits, train=split_of("train", ["a", "b", "c", "d"], [3, 0, -1, 2]))
    ids = case.splits.train.ids
    assert case.findings() == [
        Finding(
            "labels-out-of-range", "train", "2 rows of train have a label that is not an index of the 3 label names.",
            "Labels are indices from 0 into splits.label_names; where rows have any number of labels, 0 or 1 for each name.",
            2, 0.5, (ids[0], ids[2]),
        )
    ]  # fmt: skip


def with_rows_of(split, other):
    texts = (*other.texts[:5], *split.texts[5:])
    return split_of(split.name, texts, [*other.labels[:5], *split.labels[5:]])


@pytest.mark.parametrize(
    ("into", "out_of", "code"),
    [
        ("test", "train", "shared-with-train"),
        ("valid", "train", "shared-with-train"),
        ("test", "valid", "shared-with-valid"),
    ],
)
def test_shared_rows(healthy, into, out_of, code):
    case = healthy()
    splits = {split.name: split for split in case.splits}
    case.splits = dataclasses.replace(case.splits, **{into: with_rows_of(splits[into], splits[out_of])})
    assert case.codes() == {code}
    assert (case.finding(code).where, case.finding(code).count) == (into, 5)


def test_a_row_that_differs_in_its_metadata_alone_is_shared(healthy):
    case = healthy()
    valid = dataclasses.replace(split_of("valid", ["red lamp", "red door"], [0, 1]), metadata=("x", "y"))
    test = dataclasses.replace(split_of("test", ["tall door", "red lamp"], [1, 0]), metadata=("x", "y"))
    train = dataclasses.replace(split_of("train", ["a", "b"], [0, 1]), metadata=("x", "y"))
    case.splits = Splits(train, valid, test, LABELS)
    (finding,) = [each for each in check(case.setup()) if each.code == "shared-with-valid"]
    assert finding == Finding(
        "shared-with-valid", "test", "1 of 2 rows of test have a text that is also in valid.",
        "The best epoch is chosen on valid, so their score is too good; remove them from valid.", 1, 0.5, (test.ids[1],),
    )  # fmt: skip


def test_text_column_swapped_with_label(healthy):
    case = healthy()
    made = []
    names = tuple(dict.fromkeys(text for split in case.splits for text in split.texts))
    for split in case.splits:
        texts = [LABELS[label] for label in split.labels]
        made.append(split_of(split.name, texts, [names.index(text) for text in split.texts]))
    case.splits, case.soft_labels = Splits(*made, names), None
    swapped = [finding.where for finding in case.findings() if finding.code == "text-label-swapped"]
    assert swapped == ["train", "valid", "test"]


@pytest.mark.parametrize("metadata", [None, ("x", "y", "z", "w")])
@pytest.mark.parametrize(
    ("texts", "labels", "evidence"),
    [
        (("Bad", "lamp", "fair ", "good"), (0, 1, 1, 2), "3 of 4 texts of train are the name of a label"),
        (("yes", "no", "yes", "no"), (0, 1, 0, 2), "train has 2 different texts for 3 labels in 4 rows"),
        (("bad", "good", "door", "lamp"), (0, 1, 0, 1), None),  # half of them
        (("yes", "no", "yes", "so"), (0, 1, 0, 2), None),  # three texts in four rows
    ],
)
def test_texts_that_are_labels(healthy, texts, labels, evidence, metadata):
    case = healthy()
    train, *others = case.splits
    train = dataclasses.replace(split_of("train", texts, labels), metadata=metadata)
    case.splits = Splits(train, *others, LABELS)
    findings = [each for each in check(case.setup()) if each.code == "text-label-swapped"]
    assert findings == ([] if evidence is None else [
        Finding(
            "text-label-swapped", "train",
            f"{evidence}: the text column and the label column are swapped, or are the same.", SWAPPED,
        )
    ])  # fmt: skip


class Cuts(Collator):
    def __call__(self, rows):
        return self.collator([{n: v if n == "labels" else v[:3] for n, v in row.items()} for row in rows])


def test_everything_cut(healthy):
    case = healthy()
    case.collator.tokenizer.model_max_length = 4
    wheres = [finding.where for finding in case.findings() if finding.code == "everything-cut"]
    assert wheres == ["train", "valid", "test"]
    case = healthy()
    assert "everything-cut" in case.codes(max_length=4)
    case.collator.tokenizer.backend_tokenizer.enable_truncation(4)
    assert "everything-cut" in case.codes()
    case = healthy()
    case.collator = Cuts(case.collator)
    assert "everything-cut" in case.codes()


@pytest.mark.parametrize("cutter", ["tokenizer", "collator"])
def test_the_length_that_is_read(healthy, cutter):
    case = healthy()
    train = split_of("train", ["lamp door", "red lamp door", "table lamp door table"], [0, 1, 2])
    case.splits = Splits(train, *list(case.splits)[1:], LABELS)
    if cutter == "tokenizer":
        case.collator.tokenizer.model_max_length = 3
    else:
        case.collator = Cuts(case.collator)
    tokens = [len(case.collator.tokenizer(text)["input_ids"]) for text in train.texts]
    (finding,) = [each for each in check(case.setup()) if (each.code, each.where) == ("everything-cut", "train")]
    assert finding == Finding(
        "everything-cut", "train",
        f"100% of the texts of train are cut: their median length is {np.median(tokens):.0f} tokens, only 3 are read.",
        RAISE, 3, 1.0, train.ids,
    )  # fmt: skip


def test_the_lint_is_part_of_it(healthy):
    case = healthy()
    train = split_of("train", ["red lamp", "red lamp", ""], [0, 1, 2])
    case.splits = Splits(train, *list(case.splits)[1:], LABELS)
    assert [(f.code, f.where) for f in check(case.setup(metadata=("false_counts",)))] == [
        ("duplicate-texts", "train"), ("conflicting-labels", "train"), ("empty-texts", "train"),
        ("count-columns", "data.metadata"),
    ]  # fmt: skip
