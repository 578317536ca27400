"""The losses between the student's logits and the teacher's: one class each, listed once, in :data:`Loss`.

To add a loss, write its class here and its test beside the others; recipe, trainer and documentation follow. A class holds
the loss's own options, which the recipe validates, and computes one value per row. Shapes: ``B`` rows, ``C`` classes. Logits
are raised to float32 first, so that half precision costs nothing here. Importing this module does not import torch.
"""

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field

from alambique.losses.contract import LossInputs, PredictionLoss, named, to_float32

if TYPE_CHECKING:
    from torch import Tensor

_EQUAL = 1e-6  # probabilities that differ less are equal: float32 rounds them by up to 6e-8
Weight = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]


class KL(PredictionLoss):
    """KL divergence of softened distributions, times T² (Hinton et al. 2015)."""

    name: Literal["kl"] = "kl"

    def rows(self, batch: LossInputs) -> "Tensor":
        """See :func:`kl_divergence`."""
        return kl_divergence(batch.student_logits, batch.teacher_logits, temperature=batch.temperature)


class MSE(PredictionLoss):
    """Squared difference of centred logits; the temperature has no effect (Kim et al. 2021)."""

    name: Literal["mse"] = "mse"

    def rows(self, batch: LossInputs) -> "Tensor":
        """See :func:`mean_squared_error`."""
        return mean_squared_error(batch.student_logits, batch.teacher_logits)


class DKD(PredictionLoss):
    """KL divergence split into target and other classes, weighed apart (Zhao et al. 2022); needs 3 classes.

    T² · (α · KL(b_t ‖ b_s) + β · KL(p̂_t ‖ p̂_s)): b are the probabilities of the target class and of all others
    together, p̂ the distribution over the other classes (Zhao et al. 2022, "Decoupled Knowledge Distillation", equation
    7). With α = 1 and β = 1 − b_t it would be :class:`KL` (equation 6). The target is the row's hard label; without one
    it is the teacher's most probable class. With two classes the second term is 0 for every student.

    Example:
        >>> import math
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.prediction import DKD
        >>> teacher = torch.tensor([[0.0, math.log(3), 0.0]])  # the classes that are not the target: 3/4 and 1/4
        >>> DKD(alpha=0, beta=1).rows(LossInputs(torch.zeros(1, 3), teacher, torch.tensor([0]), temperature=1.0))
        tensor([0.1308])
    """

    name: Literal["dkd"] = "dkd"
    alpha: Weight = 1.0
    """Weight of the target class against all others."""
    beta: Weight = 8.0
    """Weight of the distribution over the other classes."""
    least_classes: ClassVar[int] = 3

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row, (B,) in nats; 0 where both distributions are equal."""
        student, teacher = _scaled(batch)
        target = teacher.argmax(-1)
        if batch.labels is not None:
            target = batch.labels.where(batch.labels >= 0, target)
        divergences = [
            _kl(_target_against_others(teacher, target), _target_against_others(student, target)),
            _kl(_others(teacher, target).log_softmax(-1), _others(student, target).log_softmax(-1)),
        ]
        return (self.alpha * divergences[0] + self.beta * divergences[1]) * batch.temperature**2


class DIST(PredictionLoss):
    """One minus Pearson correlation of probabilities, per row and per class over the batch (Huang et al. 2022).

    T² · (β · (1 − ρ(p_i, q_i)) + γ · mean over classes of (1 − ρ(p_·c, q_·c))): ρ within row i over the classes, and within
    class c over the rows of the batch (Huang et al. 2022, "Knowledge Distillation from A Stronger Teacher", equations 8 to
    10). Each process compares the rows that it has. Where the teacher's probabilities are all equal there is nothing to
    correlate, and the term is 0.

    Example:
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.prediction import DIST
        >>> teacher = torch.tensor([[2.0, 0.0, -2.0], [0.0, 2.0, -2.0]])
        >>> DIST(gamma=0).rows(LossInputs(-teacher, teacher, labels=None, temperature=1.0)) > 1  # correlated negatively
        tensor([True, True])
    """

    name: Literal["dist"] = "dist"
    beta: Weight = 1.0
    """Weight of the correlation within a row."""
    gamma: Weight = 1.0
    """Weight of the correlation within a class."""
    needs_batch: ClassVar[bool] = True

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row, (B,) from 0 to 2 (β + γ) T²; the part over the batch is the same for all rows."""
        student, teacher = (logits.softmax(-1) for logits in _scaled(batch))
        within_rows, within_classes = _decorrelation(student, teacher), _decorrelation(student.T, teacher.T).mean()
        return (self.beta * within_rows + self.gamma * within_classes) * batch.temperature**2


class JS(PredictionLoss):
    """Jensen–Shannon divergence of softened distributions, times T² (Agarwal et al. 2024); it is bounded.

    T² · (β · KL(p ‖ m) + (1 − β) · KL(q ‖ m)) with m = β p + (1 − β) q, p of the teacher and q of the student (Lin 1991;
    Agarwal et al. 2024, "On-Policy Distillation of Language Models", equation 1). A row on which the teacher is wrong costs
    at most T² · log 2 at β = 0.5, where :class:`KL` has no bound.

    Example:
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.prediction import JS
        >>> teacher = torch.tensor([[100.0, 0.0]])
        >>> JS().rows(LossInputs(-teacher, teacher, labels=None, temperature=1.0))  # log 2
        tensor([0.6931])
    """

    name: Literal["js"] = "js"
    beta: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Weight of the teacher in the mixture m, between 0 and 1."""

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row, (B,) in nats; 0 where both distributions are equal."""
        import math  # noqa: PLC0415

        student, teacher = (logits.log_softmax(-1) for logits in _scaled(batch))
        middle = (teacher + math.log(self.beta)).logaddexp(student + math.log(1 - self.beta))
        divergence = self.beta * _kl(teacher, middle) + (1 - self.beta) * _kl(student, middle)
        return divergence * batch.temperature**2


class ReverseKL(PredictionLoss):
    """KL divergence of the teacher's distribution from the student's, times T² (Gu et al. 2024).

    T² · Σ_c q_c (log q_c − log p_c) with p of the teacher and q of the student. It is small where the student keeps to
    classes that the teacher finds probable, and lets it leave others out (Gu et al. 2024, "MiniLLM: Knowledge Distillation
    of Large Language Models", §2.1).

    Example:
        >>> import math
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.prediction import ReverseKL
        >>> teacher = torch.tensor([[math.log(3), 0.0]])  # 0.75 and 0.25; 0.5 log(0.5 / 0.75) + 0.5 log(0.5 / 0.25)
        >>> ReverseKL().rows(LossInputs(torch.zeros(1, 2), teacher, labels=None, temperature=1.0))
        tensor([0.1438])
    """

    name: Literal["reverse_kl"] = "reverse_kl"

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row, (B,) in nats; 0 where both distributions are equal."""
        student, teacher = (logits.log_softmax(-1) for logits in _scaled(batch))
        return _kl(student, teacher) * batch.temperature**2


class EMD(PredictionLoss):
    """Squared earth mover's distance along the label order, times T² (Hou et al. 2016); needs `data.label_order`.

    T² · Σ_c (P_c − Q_c)² with the cumulated probabilities P of the teacher and Q of the student up to the class of rank c
    (Hou, Yu and Samaras 2016, "Squared Earth Mover's Distance-based Loss for Training Deep Neural Networks", equation 8).
    A probability that moves by two ranks costs more than one that moves by one.

    Example:
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.prediction import EMD
        >>> sure = 50 * torch.eye(3)
        >>> EMD().rows(LossInputs(sure, sure[[0, 0, 0]], None, 1.0, label_order=(0, 1, 2)))  # 0, 1 and 2 ranks away
        tensor([0., 1., 2.])
    """

    name: Literal["emd"] = "emd"
    needs_label_order: ClassVar[bool] = True

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row, (B,) from 0 to (C − 1) T²; 0 where both distributions are equal."""
        ranks = batch.label_order or ()
        by_rank = sorted(range(len(ranks)), key=ranks.__getitem__)
        student, teacher = (logits.softmax(-1)[:, by_rank].cumsum(-1) for logits in _scaled(batch))
        return (student - teacher).square().sum(-1) * batch.temperature**2


Loss = KL | MSE | DKD | DIST | JS | ReverseKL | EMD
LOSSES: dict[str, type[PredictionLoss]] = {kind.model_fields["name"].default: kind for kind in get_args(Loss)}


def kl_divergence(student_logits: "Tensor", teacher_logits: "Tensor", *, temperature: float) -> "Tensor":
    """KL divergence of teacher and student distributions softened by the temperature T, times T².

    T² · Σ_c p_c (log p_c − log q_c) with p = softmax(z/T) of the teacher and q of the student. T² makes the size of
    the gradient independent of T (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network", §2).

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), without gradient.
        temperature: above 0.

    Returns:
        (B,) in nats; 0 where both distributions are equal. The mean over rows is ``batchmean`` × T².

    Example:
        >>> import math
        >>> import torch
        >>> from alambique.losses.prediction import kl_divergence
        >>> teacher = torch.tensor([[2 * math.log(3), 0.0]])  # 0.75 and 0.25 at T = 2
        >>> kl_divergence(torch.zeros(1, 2), teacher, temperature=2.0)  # 4 · (0.75 log 1.5 + 0.25 log 0.5)
        tensor([0.5232])
    """
    from torch.nn import functional  # noqa: PLC0415 - the recipe reads the options above without torch

    student = functional.log_softmax(to_float32(student_logits) / temperature, dim=-1)
    teacher = functional.log_softmax(to_float32(teacher_logits) / temperature, dim=-1)
    return functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1) * temperature**2


def mean_squared_error(student_logits: "Tensor", teacher_logits: "Tensor") -> "Tensor":
    """Mean over classes of the squared difference of centred logits.

    Centring makes the loss invariant to a shift of the logits, which changes no probability. It is the limit of
    :func:`kl_divergence` at high temperature, times 2 (Hinton et al. 2015, §2.1, equation 4; Kim et al. 2021, "Comparing
    Kullback-Leibler Divergence and Mean Squared Error Loss in Knowledge Distillation").

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), without gradient.

    Returns:
        (B,), in squared logits.

    Example:
        >>> import torch
        >>> from alambique.losses.prediction import mean_squared_error
        >>> mean_squared_error(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]]))  # centred: 1 and -1
        tensor([1.])
    """
    difference = to_float32(student_logits) - to_float32(teacher_logits)
    return (difference - difference.mean(-1, keepdim=True)).square().mean(-1)


def _scaled(batch: LossInputs) -> "tuple[Tensor, Tensor]":
    """Logits of student and teacher divided by the temperature, in float32 or double."""
    return to_float32(batch.student_logits) / batch.temperature, to_float32(batch.teacher_logits) / batch.temperature


def _kl(first: "Tensor", second: "Tensor") -> "Tensor":
    """KL(first ‖ second) of log-probabilities (B, C), (B,)."""
    return (first.exp() * (first - second)).sum(-1)


def _others(logits: "Tensor", target: "Tensor") -> "Tensor":
    """Logits of the classes that are not the target, (B, C − 1)."""
    import torch  # noqa: PLC0415

    classes = torch.arange(logits.shape[-1] - 1, device=logits.device)
    return logits.gather(-1, classes + (classes >= target.unsqueeze(-1)))


def _target_against_others(logits: "Tensor", target: "Tensor") -> "Tensor":
    """Log-probabilities of the target class, and of all others together, (B, 2)."""
    import torch  # noqa: PLC0415

    own = logits.gather(-1, target.unsqueeze(-1))
    return torch.cat([own, _others(logits, target).logsumexp(-1, keepdim=True)], dim=-1).log_softmax(-1)


def _decorrelation(student: "Tensor", teacher: "Tensor") -> "Tensor":
    """1 − Pearson correlation along the last axis; 0 where the teacher does not vary."""
    student, teacher = (values - values.mean(-1, keepdim=True) for values in (student, teacher))
    size = teacher.norm(dim=-1)
    # a student that hardly varies counts as one that varies 1,000 times less than the teacher: its gradient stays finite
    scale = student.norm(dim=-1).maximum(1e-3 * size).clamp(min=_EQUAL) * size.clamp(min=_EQUAL)
    return (1 - (student * teacher).sum(-1) / scale) * (size > _EQUAL)


def with_name(value: Any) -> Any:
    """A loss as the recipe may write it, a name alone or a mapping, as a mapping with its name.

    Raises:
        ValueError: there is no loss of that name.
    """
    return named(value, LOSSES)


def loss_of(value: "str | PredictionLoss") -> PredictionLoss:
    """A loss by its name, with its default options; one that is built already is returned as it is.

    Raises:
        ValueError: there is no loss of that name.
    """
    if isinstance(value, PredictionLoss):
        return value
    try:
        return LOSSES[with_name(value)["name"]]()  # type: ignore[call-arg]
    except ValueError as error:
        raise ValueError(f"loss {error}") from error
