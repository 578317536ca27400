"""The contract of a loss between the student's logits and the teacher's: its inputs, its options, one value per row.

Importing this module does not import torch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

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
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.prediction import KL
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
        >>> from alambique.losses.contract import LossInputs, PredictionLoss
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
            raise ValueError(f"loss: {self.name} needs {self.least_classes} classes or more; there are {classes}")
        if self.needs_label_order and not ordered:
            raise ValueError(f"loss: {self.name} needs labels that have an order: give label_order")
        if self.needs_batch and accumulation > 1:
            raise ValueError(
                f"loss: {self.name} compares the rows of a batch with each other, so gradient_accumulation must be 1, "
                f"not {accumulation}"
            )


def named(value: Any, kinds: Mapping[str, type[BaseModel]], *, options: str = "the loss's options") -> Any:
    """A loss as the recipe may write it, a name alone or a mapping, as a mapping with its name.

    Args:
        value: from the recipe; a loss that is built already is returned as it is.
        kinds: the losses that may be chosen, by name.
        options: what a mapping holds beside the name, for messages.

    Raises:
        ValueError: there is no loss of that name.
    """
    given = {"name": value} if isinstance(value, str) else value
    if isinstance(given, tuple(kinds.values())):
        return given
    *names, last = map(repr, kinds)
    allowed = f"{', '.join(names)} or {last}"
    if not isinstance(given, dict) or "name" not in given:
        raise ValueError(f"must be {allowed}, or a mapping of that name and {options}")
    if given["name"] not in kinds:
        raise ValueError(f"must be {allowed}, not {given['name']!r}{closest(str(given['name']), kinds)}")
    return given


def name_or_mapping(loss: Any, serialize: Callable[[Any], Any]) -> Any:
    """A loss as plain values: its name alone where all options are the defaults."""
    return loss.name if loss is not None and loss == type(loss)() else serialize(loss)


def to_float32(logits: "Tensor") -> "Tensor":
    """Half precision raised to float32; double stays."""
    import torch  # noqa: PLC0415

    return logits.to(torch.promote_types(logits.dtype, torch.float32))
