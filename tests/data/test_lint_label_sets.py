"""Findings about labels of which a row has any number."""

import numpy as np

from alambique.artefacts.splits import MULTI_LABEL, Split, Splits
from alambique.data.lint import lint
from alambique.data.lint_label_sets import lint_label_sets


def splits(train, valid, test, names=("a", "b", "c")):
    def split(name, labels):
        ids = tuple(f"{name}-{i}" for i in range(len(labels)))
        return Split(name, ids, ids, None, np.array(labels))

    return Splits(split("train", train), split("valid", valid), split("test", test), names, task=MULTI_LABEL)


EACH = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]


def test_nothing_in_healthy_labels():
    rows = splits(EACH, EACH, EACH)
    assert lint_label_sets(rows) == []
    assert lint(rows, lengths={"train": [], "valid": [], "test": []}, max_length=8, metadata=()) == []


def test_labels_that_are_always_together():
    (finding,) = lint_label_sets(splits([[1, 1, 0], [0, 0, 1], [1, 1, 1]], EACH, EACH))
    assert (finding.code, finding.where, finding.count) == ("labels-always-together", "data.label", 2)
    assert finding.message == "In train some labels stand in the same rows, always together: a and b."


def test_a_label_of_train_alone_is_absent_elsewhere_too():
    rows = splits(EACH, EACH[:2], EACH[:2])
    (finding,) = lint_label_sets(rows)
    assert (finding.code, finding.count) == ("labels-in-one-split", 1)
    assert finding.message == "Rows of train alone have c: neither valid nor test has a row of it."
    codes = [f.code for f in lint(rows, lengths={"train": [], "valid": [], "test": []}, max_length=8, metadata=())]
    assert codes == ["absent-classes", "absent-classes", "labels-in-one-split"]


def test_a_label_of_every_row_says_nothing():
    (finding,) = lint_label_sets(splits([[1, 0, 1], [1, 1, 0]], EACH, EACH))
    assert finding.code == "labels-in-every-row"
    assert finding.message == "Every row of train has a."


def test_a_text_with_two_sets_of_labels_conflicts():
    rows = splits(EACH, EACH, EACH)
    train = Split("train", rows.train.ids, ("same", "same", "other"), None, rows.train.labels)
    rows = Splits(train, rows.valid, rows.test, rows.label_names, task=MULTI_LABEL)
    found = lint(rows, lengths={"train": [], "valid": [], "test": []}, max_length=8, metadata=())
    assert [finding.code for finding in found] == ["duplicate-texts", "conflicting-labels"]
