import math
import subprocess
import sys
from typing import Annotated, ClassVar, Literal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError
from torch.nn import functional

from alambique.losses.prediction import (
    LOSSES,
    LossInputs,
    PredictionLoss,
    kl_divergence,
    loss_of,
    mean_squared_error,
    name_or_mapping,
    with_name,
)
from alambique.recipe.sections import Distillation

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
    found = mean_squared_error(torch.tensor([[1.0, 2.0, 6.0]]), torch.zeros(1, 3))
    assert found.item() == pytest.approx(14 / 3)


def test_mse_is_twice_the_limit_of_kl_at_high_temperature():
    student, teacher = torch.randn(4, 6).double(), torch.randn(4, 6).double()
    hot = kl_divergence(student, teacher, temperature=1000.0)
    torch.testing.assert_close(2 * hot, mean_squared_error(student, teacher), rtol=2e-2, atol=2e-2)


def rows(loss, student, teacher, **options):
    return loss_of(loss).rows(LossInputs(student, teacher, None, **{"temperature": 2.0, **options}))


@pytest.mark.parametrize("name", LOSSES)
@given(row=logits, shift=st.floats(-20, 20))
@settings(deadline=None, max_examples=50)
def test_soft_losses_are_zero_at_equality_and_blind_to_a_shift(name, row, shift):
    teacher = torch.tensor([row])
    assert rows(name, teacher + shift, teacher).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@given(student=logits, teacher=logits, shift=st.floats(-20, 20))
@settings(deadline=None, max_examples=50)
def test_soft_losses_are_not_negative_and_ignore_a_shift_of_either_side(name, student, teacher, shift):
    student, teacher = torch.tensor([student]), torch.tensor([teacher])
    loss = rows(name, student, teacher).item()
    assert loss >= -1e-5
    assert rows(name, student, teacher + shift).item() == pytest.approx(loss, rel=1e-3, abs=1e-3)


def test_half_precision_logits_are_raised_first():
    student, teacher = torch.randn(4, 6), torch.randn(4, 6)
    half = kl_divergence(student.bfloat16(), teacher.bfloat16(), temperature=2.0)
    assert half.dtype == torch.float32
    torch.testing.assert_close(
        half, kl_divergence(student.bfloat16().float(), teacher.bfloat16().float(), temperature=2.0)
    )


def test_a_loss_is_a_name_or_a_mapping_and_written_back_as_the_name():
    section = Distillation.model_validate({"loss": {"name": "mse"}, "temperature": 3.0})
    assert section == Distillation.model_validate({"loss": "mse", "temperature": 3.0})
    assert section.model_dump(mode="json") == {"loss": "mse", "temperature": 3.0, "hard_label_weight": 0.5}
    assert loss_of("mse") is not None
    assert loss_of(section.loss) is section.loss


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("klt", "must be 'kl' or 'mse', not 'klt'. Did you mean kl?"),
        ({"temperature": 2}, "must be 'kl' or 'mse', or a mapping of that name and the loss's options"),
        (3, "must be 'kl' or 'mse', or a mapping of that name and the loss's options"),
    ],
)
def test_what_is_not_a_loss(value, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        with_name(value)
    assert str(caught.value) == message


class Skewed(PredictionLoss):
    """A loss of the test's own, with an option, which needs ordered labels and the batch."""

    name: Literal["skewed"] = "skewed"
    power: Annotated[float, Field(gt=0)] = 2.0
    needs_batch: ClassVar[bool] = True
    needs_label_order: ClassVar[bool] = True
    least_classes: ClassVar[int] = 3

    def rows(self, batch):
        ranks = torch.tensor(batch.label_order, dtype=torch.float32)
        means = [(logits.softmax(-1) * ranks).sum(-1) for logits in (batch.student_logits, batch.teacher_logits)]
        return ((means[0] - means[0].mean()) - (means[1] - means[1].mean())).abs() ** self.power


def test_a_new_loss_with_options_is_validated_and_computes_a_value_per_row():
    loss = Skewed(power=1.0)
    student, teacher = torch.tensor([[9.0, 0, 0], [0, 0, 9.0]]), torch.zeros(2, 3)
    values = rows(loss, student, teacher, label_order=(0, 1, 2))
    assert values.tolist() == pytest.approx(
        [1.0, 1.0], abs=1e-3
    )  # ranks 0 and 2 lie 1 from their mean; the teacher's do not
    with pytest.raises(ValidationError, match="greater than 0"):
        Skewed(power=0)
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Skewed(strength=1)
    assert name_or_mapping(Skewed(), lambda _: None) == "skewed"
    assert name_or_mapping(loss, lambda each: each.model_dump()) == {"name": "skewed", "power": 1.0}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"classes": 2}, "loss skewed needs 3 classes or more; there are 2"),
        ({"ordered": False}, "loss skewed needs labels that have an order"),
        (
            {"accumulation": 4},
            "loss skewed compares the rows of a batch with each other, so gradient_accumulation must be 1, not 4",
        ),
    ],
)
def test_a_loss_refuses_what_it_is_not_defined_for(setting, message):
    Skewed().check(classes=3, ordered=True, accumulation=1)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Skewed().check(**{"classes": 3, "ordered": True, "accumulation": 1, **setting})
    assert str(caught.value) == message


def test_the_recipe_is_read_without_torch():
    code = "import sys, alambique.recipe.recipe; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
