import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from alambique.losses.mixture import cross_entropy, distillation_loss
from alambique.losses.prediction import SOFT_LOSSES, kl_divergence, mean_squared_error

# two classes: teacher softmax([ln 3, 0]) = (3/4, 1/4), student softmax([0, 0]) = (1/2, 1/2)
TEACHER = torch.tensor([[math.log(3.0), 0.0]])
STUDENT = torch.zeros(1, 2)
KL_AT_1 = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
logits = st.lists(st.floats(-8, 8), min_size=3, max_size=3)


def test_kl_is_the_closed_form():
    assert kl_divergence(STUDENT, TEACHER, temperature=1.0).item() == pytest.approx(KL_AT_1, abs=1e-6)


def test_kl_carries_the_square_of_the_temperature():
    # logits doubled and T = 2 soften to the same distributions, so only T² = 4 is left
    assert kl_divergence(STUDENT, 2 * TEACHER, temperature=2.0).item() == pytest.approx(4 * KL_AT_1, abs=1e-6)


def test_kl_gradient_is_t_times_the_difference_of_softened_probabilities():
    student = torch.tensor([[0.3, -0.2, 0.9]], requires_grad=True)
    teacher = torch.tensor([[1.0, 0.0, -1.0]])
    kl_divergence(student, teacher, temperature=3.0).sum().backward()
    expected = 3.0 * (torch.softmax(student / 3, -1) - torch.softmax(teacher / 3, -1))
    torch.testing.assert_close(student.grad, expected.detach())


def test_mean_over_rows_is_batchmean_times_t_squared():
    student, teacher = torch.randn(5, 6), torch.randn(5, 6)
    reference = functional.kl_div(
        functional.log_softmax(student / 2, -1), functional.softmax(teacher / 2, -1), reduction="batchmean"
    )
    torch.testing.assert_close(kl_divergence(student, teacher, temperature=2.0).mean(), reference * 4)


def test_mse_by_hand():
    # differences (1, 2, 6) have mean 3: centred (-2, -1, 3), squares 4 + 1 + 9, over 3 classes
    found = mean_squared_error(torch.tensor([[1.0, 2.0, 6.0]]), torch.zeros(1, 3), temperature=5.0)
    assert found.item() == pytest.approx(14 / 3)


def test_mse_is_twice_the_limit_of_kl_at_high_temperature():
    student, teacher = torch.randn(4, 6).double(), torch.randn(4, 6).double()
    hot = kl_divergence(student, teacher, temperature=1000.0)
    torch.testing.assert_close(2 * hot, mean_squared_error(student, teacher, temperature=1.0), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("name", SOFT_LOSSES)
@given(row=logits, shift=st.floats(-20, 20))
@settings(deadline=None, max_examples=50)
def test_soft_losses_are_zero_at_equality_and_blind_to_a_shift(name, row, shift):
    teacher = torch.tensor([row])
    assert SOFT_LOSSES[name](teacher + shift, teacher, temperature=2.0).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", SOFT_LOSSES)
@given(student=logits, teacher=logits, shift=st.floats(-20, 20))
@settings(deadline=None, max_examples=50)
def test_soft_losses_are_not_negative_and_ignore_a_shift_of_either_side(name, student, teacher, shift):
    student, teacher = torch.tensor([student]), torch.tensor([teacher])
    loss = SOFT_LOSSES[name](student, teacher, temperature=2.0).item()
    assert loss >= -1e-5
    assert SOFT_LOSSES[name](student, teacher + shift, temperature=2.0).item() == pytest.approx(
        loss, rel=1e-3, abs=1e-3
    )


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


def test_half_precision_logits_are_raised_first():
    student, teacher = torch.randn(4, 6), torch.randn(4, 6)
    half = kl_divergence(student.bfloat16(), teacher.bfloat16(), temperature=2.0)
    assert half.dtype == torch.float32
    torch.testing.assert_close(
        half, kl_divergence(student.bfloat16().float(), teacher.bfloat16().float(), temperature=2.0)
    )


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
        ({"loss": "kd"}, "loss must be one of kl, mse, not 'kd'"),
        ({"teacher_logits": None}, "teacher_logits are missing, and hard_label_weight is below 1"),
        ({"labels": None}, "labels are missing, and hard_label_weight is above 0"),
        (
            {"teacher_logits": torch.zeros(1, 3)},
            "teacher_logits have shape (1, 3), student_logits (1, 2): both must be (rows, classes) with the same classes "
            "in the same order",
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
