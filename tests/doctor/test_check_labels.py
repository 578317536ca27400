import dataclasses

import numpy as np
import pytest
from setups import reverse_head

from alambique.doctor.check_labels import check_behaviour, check_names
from alambique.findings import Finding
from alambique.models.labels import label_config
from conftest import LABELS

REORDER = (
    "Put its classes into the data's order by name (alambique.models.labels.reorder_labels), or mend its id2label."
)


def reverse_names(config):
    config.update(label_config(LABELS[::-1]))


def test_reversed_label_map(healthy):
    case = healthy()
    reverse_names(case.teacher.config)
    assert case.findings() == [
        Finding(
            "reversed-label-map", "teacher",
            "The label map of the teacher is reversed: its labels are good, fair, bad; the data's are bad, fair, good. "
            "Class i of the data is its class [2, 1, 0][i].",
            REORDER,
        )
    ]  # fmt: skip
    reverse_head(case.teacher)  # names and head agree now, and both differ from the data's
    assert case.codes() == {"reversed-label-map"}


def test_a_reversed_head_under_the_right_names(healthy):
    case = healthy()
    reverse_head(case.teacher)  # only what it answers tells
    finding = case.finding("reversed-label-map")
    assert (case.codes(), finding.where) == ({"reversed-label-map"}, "teacher")
    assert finding.message == (
        "The label map of the teacher is reversed: its logits fit the labels only when read in reverse order. Class i of "
        "the data is its class [2, 1, 0][i]."
    )


def test_a_reversed_label2id(healthy):
    case = healthy()
    case.teacher.config.label2id = {name: 2 - i for i, name in enumerate(LABELS)}
    assert case.codes() == {"reversed-label-map"}


def test_a_student_with_reversed_names(healthy):
    case = healthy()
    reverse_names(case.student.config)
    assert (case.codes(), case.finding("reversed-label-map").where) == ({"reversed-label-map"}, "student")


def test_reversed_soft_labels(healthy):
    case = healthy()
    case.soft_labels = dataclasses.replace(case.soft_labels, label_names=LABELS[::-1])
    assert (case.codes(), case.finding("reversed-label-map").where) == ({"reversed-label-map"}, "soft_labels")
    case = healthy()
    case.soft_labels = dataclasses.replace(case.soft_labels, logits=case.soft_labels.logits[:, ::-1].copy())
    assert (case.codes(), case.finding("reversed-label-map").where) == ({"reversed-label-map"}, "soft_labels")


def test_a_student_without_names_and_a_teacher_of_other_labels(healthy):
    case = healthy()
    case.student.config.update(label_config(("LABEL_0", "LABEL_1", "LABEL_2")))
    assert case.codes() == {"labels-unnamed"}
    case = healthy()
    case.teacher.config.update(label_config(("x", "y", "z")))
    assert case.codes() == {"label-mismatch"}


@pytest.mark.parametrize(
    ("own", "code", "message"),
    [
        (("Bad", "FAIR", "good"), None, None),
        (
            ("good", "bad", "fair"), "label-order",
            "The label map of the student is in another order: its labels are good, bad, fair; the data's are bad, fair, "
            "good. Class i of the data is its class [1, 2, 0][i].",
        ),
        (
            ("LABEL_0", "LABEL_1", "LABEL_2"), "labels-unnamed",
            "The student names its classes LABEL_0 … LABEL_2, so their order cannot be checked.",
        ),
        (
            ("LABEL_0", "LABEL_1"), "label-mismatch",
            "The labels of the student are LABEL_0, LABEL_1; the data's are bad, fair, good.",
        ),
        (
            tuple("abcdefghi"), "label-mismatch",
            "The labels of the student are a, b, c, d, e, f, g, h, … (9 in all); the data's are bad, fair, good.",
        ),
    ],
)  # fmt: skip
def test_names(own, code, message):
    assert [(f.code, f.where, f.message) for f in check_names(own, LABELS, "student")] == (
        [] if code is None else [(code, "student", message)]
    )


def test_answers_in_another_order():
    labels = np.arange(60) % 3
    (finding,) = check_behaviour((labels + 1) % 3, labels, 3, "soft_labels")
    assert finding.code == "label-order"
    assert finding.message == (
        "The label map of the soft_labels is in another order: its logits fit the labels only when read in another order. "
        "Class i of the data is its class [1, 2, 0][i]."
    )


@pytest.mark.parametrize(("rows", "swapped", "codes"), [
    (20, 9, []),  # 9 rows gained, none lost: 9 is not more than 3 √9
    (20, 10, ["reversed-label-map"]),  # 10 > 3 √10
    (19, 19, []),  # too few rows to tell
])  # fmt: skip
def test_answers_must_be_reversed_beyond_chance(rows, swapped, codes):
    labels = np.array([0, 2] * swapped + [1] * rows)[np.r_[:swapped, 2 * swapped : 2 * swapped + rows - swapped]]
    assert len(labels) == rows
    assert [f.code for f in check_behaviour(2 - labels, labels, 3, "teacher")] == codes
