import math

import pytest
import torch
from torch.nn import functional

from alambique.losses.mixture import cross_entropy, distillation_loss

# two classes: teacher softmax([ln 3, 0]) = (3/4, 1/4), student softmax([0, 0]) = (1/2, 1/2)
TEACHER = torch.tensor([[math.log(3.0), 0.0]])
STUDENT = torch.zeros(1, 2)
KL_AT_1 = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)


def test_mixture_weighs_hard_and_soft():
    labels = torch.tensor([1])
    mixed = distillation_loss(STUDENT, TEACHER, labels, temperature=1.0, hard_label_weight=0.25)
    assert mixed.item() == pytest.approx(0.75 * KL_AT_1 + 0.25 * math.log(2), abs=1e-6)


def test_a_row_without_a_hard_label_has_its_soft_part_alone():
    labels = torch.tensor([1, -100])
    mixed = distillation_loss(
        STUDENT.repeat(2, 1), TEACHER.repeat(2, 1), labels, temperature=1.0, hard_label_weight=0.25
    )
    assert mixed.item() == pytest.approx(0.75 * KL_AT_1 + 0.25 * math.log(2), abs=1e-6)
    alone = distillation_loss(STUDENT, TEACHER, torch.tensor([-100]), temperature=1.0, hard_label_weight=0.25)
    assert alone.item() == pytest.approx(0.75 * KL_AT_1, abs=1e-6)


def test_label_smoothing_is_torchs():
    student, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    expected = functional.cross_entropy(student, labels, label_smoothing=0.1)
    found = distillation_loss(student, None, labels, temperature=1, hard_label_weight=1, label_smoothing=0.1)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(cross_entropy(student, labels, label_smoothing=0.1).mean(), expected)


def test_parts_divided_by_the_rows_of_the_whole_step_add_up():
    student, teacher = torch.randn(7, 3), torch.randn(7, 3)
    labels = torch.tensor([0, 1, -100, 2, 1, -100, 0])
    whole = distillation_loss(student, teacher, labels, temperature=2, hard_label_weight=0.4)
    parts = sum(
        distillation_loss(
            student[p], teacher[p], labels[p], temperature=2, hard_label_weight=0.4, rows=7, labelled_rows=5
        )
        for p in (slice(0, 4), slice(4, 7))
    )
    torch.testing.assert_close(parts, whole)


def test_the_weight_of_a_row_multiplies_its_hard_loss_alone():
    """ln 2 of each row; the divisor stays the number of rows, so that no row counts for another's weight."""
    student, teacher, labels = STUDENT.repeat(2, 1), TEACHER.repeat(2, 1), torch.tensor([1, 0])
    options = {"temperature": 1.0, "hard_label_weight": 0.25}
    mixed = distillation_loss(student, teacher, labels, hard_label_weights=torch.tensor([0.2, 1.0]), **options)
    assert mixed.item() == pytest.approx(0.75 * KL_AT_1 + 0.25 * (0.2 + 1.0) / 2 * math.log(2), abs=1e-6)
    none = distillation_loss(student, teacher, labels, hard_label_weights=torch.zeros(2), **options)
    assert none.item() == pytest.approx(0.75 * KL_AT_1, abs=1e-6)
    unlabelled = distillation_loss(
        student, teacher, torch.tensor([1, -100]), hard_label_weights=torch.tensor([0.2, 1.0]), **options
    )
    assert unlabelled.item() == pytest.approx(0.75 * KL_AT_1 + 0.25 * 0.2 * math.log(2), abs=1e-6)


def test_weights_of_1_change_no_bit():
    student, teacher, labels = torch.randn(7, 3), torch.randn(7, 3), torch.tensor([0, 1, -100, 2, 1, -100, 0])
    options = {"temperature": 2, "hard_label_weight": 0.4}
    plain = distillation_loss(student, teacher, labels, **options)
    assert distillation_loss(student, teacher, labels, hard_label_weights=torch.ones(7), **options) == plain


def test_no_gradient_reaches_the_teacher():
    teacher = TEACHER.clone().requires_grad_()
    student = STUDENT.clone().requires_grad_()
    distillation_loss(student, teacher, None, temperature=2, hard_label_weight=0).backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"temperature": 0}, "temperature must be above 0, not 0"),
        ({"hard_label_weight": 1.5}, "hard_label_weight must be from 0 to 1, not 1.5"),
        (
            {"loss": "kd"},
            "loss must be 'kl', 'mse', 'dkd', 'dist', 'js', 'reverse_kl' or 'emd', not 'kd'. Did you mean dkd?",
        ),
        ({"teacher_logits": None}, "teacher_logits are missing, and hard_label_weight is below 1"),
        ({"labels": None}, "labels are missing, and hard_label_weight is above 0"),
        (
            {"teacher_logits": torch.zeros(1, 3)},
            "teacher_logits have shape (1, 3), student_logits (1, 2): both must be (rows, classes) with the same classes "
            "in the same order",
        ),
        (
            {"hard_label_weights": torch.ones(1, 1)},
            "hard_label_weights have shape (1, 1): there must be one for each of 1 rows",
        ),
    ],
)
def test_errors_say_what_is_wrong(arguments, message):
    good = {
        "student_logits": STUDENT, "teacher_logits": TEACHER, "labels": torch.tensor([0]), "temperature": 2.0,
        "hard_label_weight": 0.5,
    }  # fmt: skip
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        distillation_loss(**(good | arguments))
    assert str(caught.value) == message
