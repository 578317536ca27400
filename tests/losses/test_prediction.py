import math
import subprocess
import sys
from math import log
from typing import Annotated, ClassVar, Literal

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import Field, ValidationError
from torch.nn import functional

from alambique.losses.contract import LossInputs, PredictionLoss, name_or_mapping
from alambique.losses.prediction import (
    DIST,
    DKD,
    EMD,
    JS,
    KL,
    LOSSES,
    kl_divergence,
    loss_of,
    mean_squared_error,
    with_name,
)
from alambique.recipe.distillation import Distillation

# two classes: teacher softmax([ln 3, 0]) = (3/4, 1/4), student softmax([0, 0]) = (1/2, 1/2)
TEACHER = torch.tensor([[math.log(3.0), 0.0]])
STUDENT = torch.zeros(1, 2)
LABEL = torch.tensor([1])  # of one row
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


def rows(loss, student, teacher, labels=None, **options):
    settings = {"temperature": 2.0, "label_order": range(student.shape[-1]), **options}
    return loss_of(loss).rows(LossInputs(student, teacher, labels, **settings))


# probabilities of two rows, and the loss of each by hand at T = 1; the first row's label is 0, the second's 1
TEACHER_ROWS = torch.tensor([[1 / 2, 1 / 4, 1 / 4], [1 / 5, 1 / 5, 3 / 5]], dtype=torch.float64).log()
STUDENT_ROWS = torch.tensor([[1 / 3, 1 / 3, 1 / 3], [1 / 4, 1 / 4, 1 / 2]], dtype=torch.float64).log()
BY_HAND = {
    "kl": [0.5 * log(1.5) + 0.5 * log(0.75), 0.4 * log(0.8) + 0.6 * log(1.2)],
    "reverse_kl": [log(2 / 3) / 3 + 2 * log(4 / 3) / 3, 0.5 * log(1.25) + 0.5 * log(5 / 6)],
    # the mixtures are (5/12, 7/24, 7/24) and (9/40, 9/40, 11/20)
    "js": [
        0.5 * (0.5 * log(6 / 5) + 0.5 * log(6 / 7)) + 0.5 * (log(4 / 5) / 3 + 2 * log(8 / 7) / 3),
        0.5 * (0.4 * log(8 / 9) + 0.6 * log(12 / 11)) + 0.5 * (0.5 * log(10 / 9) + 0.5 * log(10 / 11)),
    ],
    # target against others: 1/2, 1/2 to 1/3, 2/3 and 1/5, 4/5 to 1/4, 3/4; the others: equal, and 1/4, 3/4 to 1/3, 2/3
    "dkd": [
        0.5 * log(1.5) + 0.5 * log(0.75),
        0.2 * log(0.8) + 0.8 * log(16 / 15) + 8 * (0.25 * log(0.75) + 0.75 * log(9 / 8)),
    ],
    # the first student does not vary, so correlates 0; the second correlates 1, as each class does over the two rows
    "dist": [1.0, 0.0],
    # cumulated: 1/2, 3/4 against 1/3, 2/3, and 1/5, 2/5 against 1/4, 1/2
    "emd": [1 / 36 + 1 / 144, 1 / 400 + 1 / 100],
    # logits differ by log 2, and by log 3/2, in one class of three
    "mse": [2 / 9 * log(2) ** 2, 2 / 9 * log(1.5) ** 2],
}


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_by_hand(name):
    values = rows(name, STUDENT_ROWS, TEACHER_ROWS, torch.tensor([0, 1]), temperature=1.0)
    assert values.tolist() == pytest.approx(BY_HAND[name], abs=1e-12)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "mse"])
def test_every_loss_but_mse_carries_the_square_of_the_temperature(name):
    values = rows(name, 3 * STUDENT_ROWS, 3 * TEACHER_ROWS, torch.tensor([0, 1]), temperature=3.0)
    assert values.tolist() == pytest.approx([9 * value for value in BY_HAND[name]], abs=1e-12)


def test_dkd_takes_the_teachers_answer_where_there_is_no_hard_label():
    labels = torch.tensor([-100, 1])
    values = rows("dkd", STUDENT_ROWS, TEACHER_ROWS, labels, temperature=1.0)
    assert values.tolist() == pytest.approx(BY_HAND["dkd"])  # the first row's largest probability is class 0, its label
    assert rows("dkd", STUDENT_ROWS, TEACHER_ROWS, temperature=1.0)[1].item() == pytest.approx(
        0.6 * log(1.2) + 0.4 * log(0.8)  # target 2: 3/5 and 2/5 to 1/2 and 1/2; the others are equal
    )


def test_dkd_is_kl_where_its_second_weight_is_the_probability_of_the_others():
    # equation 6 of the paper: KL = KL of target against others + (1 - p_target) KL of the others
    expected = rows(KL(), STUDENT_ROWS[1:], TEACHER_ROWS[1:], temperature=1.0)
    values = rows(DKD(alpha=1, beta=0.8), STUDENT_ROWS[1:], TEACHER_ROWS[1:], torch.tensor([1]), temperature=1.0)
    torch.testing.assert_close(values, expected)


def test_dist_compares_rows_with_each_other():
    # exchanged students: each class correlates -1 over the two rows, which costs 2
    values = rows(DIST(beta=0), STUDENT_ROWS.flip(0), TEACHER_ROWS, temperature=1.0)
    assert values.tolist() == pytest.approx([2.0, 2.0])
    # within the first row, centred twelfths (2, -1, -1) and (-1, -1, 2) correlate -1/2, which costs 3/2
    values = rows(DIST(gamma=3), STUDENT_ROWS.flip(0), TEACHER_ROWS, temperature=1.0)
    assert values.tolist() == pytest.approx([3 / 2 + 3 * 2, 1 + 3 * 2])


def test_dist_has_nothing_to_say_of_a_teacher_that_does_not_vary():
    student = torch.randn(4, 3, requires_grad=True)
    rows("dist", student, torch.ones(4, 3)).sum().backward()
    assert rows("dist", student, torch.ones(4, 3)).tolist() == [0.0] * 4
    assert student.grad.tolist() == [[0.0] * 3] * 4


def test_js_is_bounded_and_its_weight_moves_the_mixture():
    sure, wrong = torch.tensor([[1e4, 0.0]]), torch.tensor([[0.0, 1e4]])
    assert rows("js", sure, wrong, temperature=1.0).item() == pytest.approx(log(2))
    # beta log(1/beta) + (1 - beta) log(1/(1 - beta))
    expected = 0.25 * log(4) + 0.75 * log(4 / 3)
    assert rows(JS(beta=0.25), sure, wrong, temperature=1.0).item() == pytest.approx(expected)


def test_emd_follows_the_label_order():
    sure = 50 * torch.eye(3)
    # ranks 2, 0, 1: class 1 comes first, then 2, then 0
    values = rows(EMD(), sure, sure[[1, 1, 1]], temperature=1.0, label_order=(2, 0, 1))
    assert values.tolist() == pytest.approx([2.0, 0.0, 1.0])


@pytest.mark.parametrize("name", LOSSES)
@given(row=logits, shift=st.floats(-20, 20))
@settings(deadline=None, max_examples=50)
def test_soft_losses_are_zero_at_equality_and_blind_to_a_shift(name, row, shift):
    teacher = torch.tensor([row])
    assume(name != "dist" or teacher.std() > 0.01)  # a correlation of rounding errors is anything
    assert rows(name, teacher + shift, teacher, LABEL).item() == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@given(student=logits, teacher=logits, shift=st.floats(-20, 20))
@settings(deadline=None, max_examples=50)
def test_soft_losses_are_not_negative_and_ignore_a_shift_of_either_side(name, student, teacher, shift):
    student, teacher = torch.tensor([student]), torch.tensor([teacher])
    assume(name != "dist" or min(student.std(), teacher.std()) > 0.01)
    loss = rows(name, student, teacher, LABEL).item()
    assert loss >= -1e-5
    assert rows(name, student, teacher + shift, LABEL).item() == pytest.approx(loss, rel=1e-3, abs=1e-3)
    assert rows(name, student + shift, teacher, LABEL).item() == pytest.approx(loss, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_that_of_differences_in_float64(name):
    generator = torch.Generator().manual_seed(1)
    student, teacher = (torch.randn(4, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    student.requires_grad_()
    labels = torch.tensor([0, 4, -100, 2])
    assert torch.autograd.gradcheck(lambda values: rows(name, values, teacher, labels), (student,))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", LOSSES)
def test_extreme_logits_give_finite_losses_and_gradients(name, dtype):
    teacher = torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [0.0, 0.0, 0.0]], dtype=dtype)
    for student in (teacher.flip(0), -teacher, teacher, torch.zeros_like(teacher)):
        student = student.clone().requires_grad_()  # noqa: PLW2901
        values = rows(name, student, teacher, torch.tensor([1, 0, 2]))
        values.sum().backward()
        assert values.dtype == torch.float32
        assert values.isfinite().all()
        assert student.grad.isfinite().all()


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
    dumped = section.model_dump(mode="json")
    assert {key: dumped[key] for key in ("loss", "temperature")} == {"loss": "mse", "temperature": 3.0}
    assert loss_of("mse") is not None
    assert loss_of(section.loss) is section.loss


NAMES = "'kl', 'mse', 'dkd', 'dist', 'js', 'reverse_kl' or 'emd'"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("klt", f"must be {NAMES}, not 'klt'. Did you mean kl?"),
        (
            {"temperature": 2},
            f"must be {NAMES}, or a mapping of that name and the loss's options",
        ),
        (
            3,
            f"must be {NAMES}, or a mapping of that name and the loss's options",
        ),
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
        ({"classes": 2}, "loss: skewed needs 3 classes or more; there are 2"),
        ({"ordered": False}, "loss: skewed needs labels that have an order: give label_order"),
        (
            {"accumulation": 4},
            "loss: skewed compares the rows of a batch with each other, so gradient_accumulation must be 1, not 4",
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
