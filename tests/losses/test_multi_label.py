"""Losses with a sigmoid for each label."""

import math

import pytest
import torch
from scipy.special import expit, rel_entr

from alambique.losses.contract import LossInputs
from alambique.losses.mixture import distillation_loss
from alambique.losses.multi_label import BinaryKL, LogitMSE, binary_cross_entropy, multi_label_loss
from alambique.losses.prediction import KL, LOSSES, MSE

torch.manual_seed(0)
STUDENT, TEACHER = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 3, dtype=torch.float64)


def inputs(student, teacher, temperature=1.0):
    return LossInputs(student, teacher, None, temperature)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_binary_kl_is_the_closed_form_times_t_squared(temperature):
    p, q = (expit(logits.numpy() / temperature) for logits in (TEACHER, STUDENT))
    expected = temperature**2 * (rel_entr(p, q) + rel_entr(1 - p, 1 - q)).mean(-1)
    torch.testing.assert_close(BinaryKL().rows(inputs(STUDENT, TEACHER, temperature)), torch.tensor(expected))


def test_binary_kl_of_one_label_is_kl_of_two_classes():
    pairs = [torch.stack([torch.zeros(4), logits[:, 0]], -1) for logits in (STUDENT, TEACHER)]
    ours = BinaryKL().rows(inputs(STUDENT[:, :1], TEACHER[:, :1], 2.0))
    torch.testing.assert_close(ours, KL().rows(inputs(*pairs, 2.0)))


@pytest.mark.parametrize("loss", [BinaryKL(), LogitMSE()], ids=lambda loss: loss.name)
def test_zero_at_equality_positive_elsewhere_and_not_blind_to_a_shift(loss):
    assert (loss.rows(inputs(TEACHER, TEACHER, 2.0)).abs() < 1e-12).all()
    assert (loss.rows(inputs(STUDENT, TEACHER, 2.0)) > 0).all()
    assert (loss.rows(inputs(TEACHER + 1, TEACHER, 2.0)) > 0).all()  # a shift changes every probability


def test_the_gradient_pulls_each_probability_to_the_teachers():
    student = STUDENT.clone().requires_grad_()
    BinaryKL().rows(inputs(student, TEACHER)).sum().backward()
    torch.testing.assert_close(student.grad, (STUDENT.sigmoid() - TEACHER.sigmoid()) / 3)


def test_large_logits_stay_finite():
    student, teacher = torch.tensor([[200.0, -200.0]], requires_grad=True), torch.tensor([[-200.0, 200.0]])
    value = BinaryKL().rows(inputs(student, teacher))
    value.sum().backward()
    assert value.item() == pytest.approx(200)
    assert bool(torch.isfinite(student.grad).all())


def test_every_loss_has_a_counterpart_or_is_refused_by_name():
    assert multi_label_loss(KL()) == BinaryKL()
    assert multi_label_loss(MSE()) == LogitMSE()
    for name, kind in LOSSES.items():
        if name not in ("kl", "mse"):
            with pytest.raises(ValueError, match="^loss: ") as refused:
                multi_label_loss(kind())
            assert str(refused.value) == (
                f"loss: {name} compares the classes of a row with each other, and rows have any number of labels; use kl or "
                "mse"
            )


def test_label_smoothing_moves_labels_to_a_half():
    logits, labels = torch.tensor([[math.log(3)]]), torch.tensor([[1]])
    expected = 0.9 * math.log(4 / 3) + 0.1 * math.log(4)  # the label counts as 0.9
    assert binary_cross_entropy(logits, labels, label_smoothing=0.2).item() == pytest.approx(expected)


def test_rows_without_labels_count_in_the_soft_part_alone():
    labels = torch.tensor([[1, 0, 0], [-100, -100, -100], [0, 1, 1], [0, 0, 0]])
    total = distillation_loss(
        STUDENT,
        TEACHER,
        labels,
        temperature=2.0,
        hard_label_weight=0.5,
        loss=BinaryKL(),
        hard_loss=binary_cross_entropy,
    )
    hard = binary_cross_entropy(STUDENT, labels).sum() / 3
    soft = BinaryKL().rows(inputs(STUDENT, TEACHER, 2.0)).mean()
    torch.testing.assert_close(total, (hard + soft) / 2)
