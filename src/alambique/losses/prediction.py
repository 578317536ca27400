"""Losses between the student's logits and the teacher's: one class each, listed once, in :data:`Loss`.

To add a loss, write its class here and its test beside the others; recipe, trainer and documentation follow. A class holds
the loss's own options, which the recipe validates, and computes one value per row. Shapes: ``B`` rows, ``C`` classes. Logits
are raised to float32 first, so that half precision costs nothing here. Importing this module does not import torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict

from alambique.errors import closest

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LossInputs:
    """Inputs of a loss, for the rows of a micro-batch.

    Attributes:
        student_logits: (B, C).
        teacher_logits: (B, C), without gradient.
        labels: (B,) class indices, −100 for a row without a hard label; None if no row has one.
        temperature: temperature of the softmax, above 0.
        label_order: (C,) the rank of each class; None if the labels have no order.

    Example:
        >>> import torch
        >>> from alambique.losses.prediction import KL, LossInputs
        >>> logits = torch.tensor([[0.2, 1.5, -0.3]])
        >>> KL().rows(LossInputs(student_logits=logits, teacher_logits=logits + 1, labels=None, temperature=2.0))
        tensor([0.])
    """

    student_logits: "Tensor"
    teacher_logits: "Tensor"
    labels: "Tensor | None"
    temperature: float
    label_order: Sequence[int] | None = None


class PredictionLoss(BaseModel):
    """Base class of losses on logits, with frozen options and one value per row.

    Attributes:
        name: the name in the recipe and for :class:`~alambique.DistillationTrainer`.
        needs_batch: the value of a row depends on the other rows of its micro-batch; the loss is then refused with
            gradient accumulation, where micro-batches are smaller than a step.
        needs_label_order: the loss is refused for labels that have no order.
        least_classes: the loss is refused for fewer classes.

    Example:
        >>> import math
        >>> from typing import Literal
        >>> import torch
        >>> from alambique.losses.prediction import LossInputs, PredictionLoss
        >>> class TotalVariation(PredictionLoss):  # half the summed difference of the probabilities
        ...     name: Literal["total_variation"] = "total_variation"
        ...
        ...     def rows(self, batch):
        ...         student, teacher = batch.student_logits.softmax(-1), batch.teacher_logits.softmax(-1)
        ...         return (student - teacher).abs().sum(-1) / 2
        >>> teacher = torch.tensor([[math.log(3), 0.0]])  # probabilities 0.75 and 0.25
        >>> TotalVariation().rows(LossInputs(torch.zeros(1, 2), teacher, labels=None, temperature=1.0))
        tensor([0.2500])
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True)
    needs_batch: ClassVar[bool] = False
    needs_label_order: ClassVar[bool] = False
    least_classes: ClassVar[int] = 2
    name: str

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row of a micro-batch, (B,)."""
        raise NotImplementedError

    def check(self, *, classes: int, ordered: bool, accumulation: int) -> None:
        """Raise an error if the loss is not defined for the data or the training.

        Args:
            classes: number of classes.
            ordered: whether the labels have an order.
            accumulation: micro-batches per step.

        Raises:
            ValueError: says why.
        """
        if classes < self.least_classes:
            raise ValueError(f"loss {self.name} needs {self.least_classes} classes or more; there are {classes}")
        if self.needs_label_order and not ordered:
            raise ValueError(f"loss {self.name} needs labels that have an order")
        if self.needs_batch and accumulation > 1:
            raise ValueError(
                f"loss {self.name} compares the rows of a batch with each other, so gradient_accumulation must be 1, "
                f"not {accumulation}"
            )


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


Loss = KL | MSE
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


def to_float32(logits: "Tensor") -> "Tensor":
    """Half precision raised to float32; double stays."""
    import torch  # noqa: PLC0415

    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def with_name(value: Any) -> Any:
    """A loss as the recipe may write it, a name alone or a mapping, as a mapping with its name.

    Raises:
        ValueError: there is no loss of that name.
    """
    given = {"name": value} if isinstance(value, str) else value
    if isinstance(given, PredictionLoss):
        return given
    names = " or ".join(map(repr, LOSSES))
    if not isinstance(given, dict) or "name" not in given:
        raise ValueError(f"must be {names}, or a mapping of that name and the loss's options")
    if given["name"] not in LOSSES:
        raise ValueError(f"must be {names}, not {given['name']!r}{closest(str(given['name']), LOSSES)}")
    return given


def name_or_mapping(loss: PredictionLoss, serialize: Callable[[PredictionLoss], Any]) -> Any:
    """A loss as plain values: its name alone where all options are the defaults."""
    return loss.name if loss == type(loss)() else serialize(loss)  # type: ignore[call-arg]


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
