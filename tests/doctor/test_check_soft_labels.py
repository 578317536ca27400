import dataclasses

import numpy as np

from alambique.findings import Finding


def test_soft_labels_of_another_shape(healthy):
    case = healthy()
    rows = len(case.splits.train)
    case.soft_labels = dataclasses.replace(case.soft_labels, logits=case.soft_labels.logits[:, :2])
    assert case.findings() == [
        Finding(
            "soft-labels-shape", "soft_labels",
            f"The soft labels have shape ({rows}, 2), where ({rows}, 3) is expected.", "Make them again from the teacher.",
        )
    ]  # fmt: skip
    case.soft_labels = dataclasses.replace(case.soft_labels, ids=(), logits=np.zeros((0, 3), np.float32))
    assert case.finding("soft-labels-shape").message == "The soft labels have shape (0, 3), where (0, 3) is expected."


def test_soft_labels_of_other_rows(healthy):
    case = healthy()
    rows, soft = len(case.splits.train), case.soft_labels
    case.soft_labels = dataclasses.replace(soft, ids=("x", *soft.ids[1:-1]), logits=soft.logits[:-1])
    absent = tuple(sorted((soft.ids[0], soft.ids[-1])))
    assert case.findings() == [
        Finding(
            "soft-labels-rows", "soft_labels",
            "2 rows of train have no soft label, and 1 soft labels are for no row of train.",
            "They were made for other data: make them again from these rows.", 2, 2 / rows, absent,
        )
    ]  # fmt: skip


def test_ids_that_stand_there_twice(healthy):
    case = healthy()
    case.soft_labels = dataclasses.replace(case.soft_labels, ids=(case.soft_labels.ids[1], *case.soft_labels.ids[1:]))
    assert [(f.code, f.where) for f in case.findings()] == [
        ("duplicate-ids", "soft_labels"),
        ("soft-labels-rows", "soft_labels"),
    ]


def test_logits_that_cannot_be_learnt_from(healthy):
    case = healthy()
    case.soft_labels.logits[3, 1] = np.nan
    assert (case.codes(), case.finding("nan-logits").where) == ({"nan-logits"}, "soft_labels")
    assert case.finding("nan-logits").count == 1
    case = healthy()
    case.soft_labels.logits[:] = case.soft_labels.logits[0]
    assert (case.codes(), case.finding("constant-logits").where) == ({"constant-logits"}, "soft_labels")
