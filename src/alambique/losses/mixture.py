"""The mixture of soft loss and cross-entropy that a student is trained on."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from alambique.losses.contract import LossInputs, PredictionLoss, to_float32
from alambique.losses.no_label import NO_LABEL
from alambique.losses.prediction import loss_of


class MixtureParts(NamedTuple):
    """The loss of a micro-batch and its parts, scalars; a part that has no weight is None.

    Attributes:
        total: what is trained on.
        soft: the mean soft loss, before its weight.
        hard: the mean cross-entropy, before its weight.
    """

    total: Tensor
    soft: Tensor | None
    hard: Tensor | None


def cross_entropy(logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy with hard labels, (B,) in nats; 0 for a row whose label is ``NO_LABEL`` (−100).

    Args:
        logits: (B, C).
        labels: (B,) class indices, or −100 for a row without a hard label.
        label_smoothing: share of the target spread evenly over all classes, from 0 to 1.
    """
    return functional.cross_entropy(
        to_float32(logits), labels, ignore_index=NO_LABEL, label_smoothing=label_smoothing, reduction="none"
    )


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor | None,
    labels: Tensor | None,
    *,
    temperature: float,
    hard_label_weight: float,
    loss: str | PredictionLoss = "kl",
    label_order: Sequence[int] | None = None,
    label_smoothing: float = 0.0,
    hard_loss: Callable[..., Tensor] = cross_entropy,
    rows: Tensor | float | None = None,
    labelled_rows: Tensor | float | None = None,
    hard_label_weights: Tensor | None = None,
) -> Tensor:
    """Weighted sum of soft loss and cross-entropy: ``(1 − w) · soft + w · hard`` with ``w = hard_label_weight``.

    ``soft`` is the mean over all rows; ``hard`` is the mean over the rows that have a hard label, so that a row without
    one (−100) contributes to the soft part alone. Hinton, Vinyals and Dean 2015, §2.

    With ``hard_label_weights`` v, ``hard`` is the sum of ``v · cross-entropy`` over these rows, divided by their number and
    not by the sum of v: what a row contributes does not depend on the other rows of its batch.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), detached here; may be None when ``hard_label_weight`` is 1.
        labels: (B,) class indices, −100 for none; may be None when ``hard_label_weight`` is 0.
        temperature: temperature of the soft loss, above 0.
        hard_label_weight: w, from 0 (soft labels only) to 1 (hard labels only).
        loss: the soft loss: a name such as ``kl`` or ``mse``, or a :class:`~alambique.losses.contract.PredictionLoss`.
        label_order: (C,) the rank of each class, for a loss that needs it.
        label_smoothing: label smoothing of the hard labels, from 0 to 1.
        hard_loss: function from logits, labels and ``label_smoothing`` to one value per row, 0 for a row without a label.
        rows: divisor of the sum of soft losses; B by default. With gradient accumulation, the number of rows of the whole
            step, so that each row has the same weight in micro-batches of different sizes.
        labelled_rows: divisor of the sum of hard losses; the number of labelled rows by default.
        hard_label_weights: (B,) factor of each row's hard loss, 0 or more; 1 by default. The soft losses stay whole.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes differ, logits or labels that have a weight are missing, or a parameter is out of range.

    Example:
        >>> import math
        >>> import torch
        >>> from alambique import distillation_loss
        >>> student = torch.tensor([[0.0, 0.0]])
        >>> teacher = torch.tensor([[2 * math.log(3), 0.0]])  # 0.75 and 0.25 at T = 2
        >>> distillation_loss(student, teacher, torch.tensor([0]), temperature=2.0, hard_label_weight=0.5)
        tensor(0.6082)
    """
    return mixture_parts(
        student_logits, teacher_logits, labels, temperature=temperature, hard_label_weight=hard_label_weight, loss=loss,
        label_order=label_order, label_smoothing=label_smoothing, hard_loss=hard_loss, rows=rows,
        labelled_rows=labelled_rows, hard_label_weights=hard_label_weights,
    ).total  # fmt: skip


def mixture_parts(
    student_logits: Tensor,
    teacher_logits: Tensor | None,
    labels: Tensor | None,
    *,
    temperature: float,
    hard_label_weight: float,
    loss: str | PredictionLoss = "kl",
    label_order: Sequence[int] | None = None,
    label_smoothing: float = 0.0,
    hard_loss: Callable[..., Tensor] = cross_entropy,
    rows: Tensor | float | None = None,
    labelled_rows: Tensor | float | None = None,
    hard_label_weights: Tensor | None = None,
) -> MixtureParts:
    """The loss of :func:`distillation_loss`, which has the same arguments, and its parts."""
    _check(student_logits, teacher_logits, labels, temperature, hard_label_weight)
    prediction_loss = loss_of(loss)
    total, soft, hard = to_float32(student_logits.new_zeros(())), None, None
    if hard_label_weight < 1 and teacher_logits is not None:
        batch = LossInputs(student_logits, teacher_logits.detach(), labels, temperature, label_order)
        soft_sum, divisor = prediction_loss.rows(batch).sum(), len(student_logits) if rows is None else rows
        total, soft = total + (1 - hard_label_weight) * soft_sum / divisor, soft_sum.detach() / divisor
    if hard_label_weight > 0 and labels is not None:
        hard_rows = hard_loss(student_logits, labels, label_smoothing=label_smoothing)
        hard_sum = weighted(hard_rows, hard_label_weights).sum()
        known = (labels != NO_LABEL).reshape(len(labels), -1).any(-1)  # (B,), of one label per row or several
        count = known.sum() if labelled_rows is None else torch.as_tensor(labelled_rows)
        count = count.clamp(min=1).to(hard_sum.device)
        total, hard = total + hard_label_weight * hard_sum / count, hard_sum.detach() / count
    return MixtureParts(total, soft, hard)


def weighted(rows: Tensor, weights: Tensor | None) -> Tensor:
    """The losses of rows, (B,), each times its weight.

    Raises:
        ValueError: there is not one weight per row.
    """
    if weights is None:
        return rows
    if weights.shape != rows.shape:  # (B, 1) would make (B, B) of them
        raise ValueError(
            f"hard_label_weights have shape {tuple(weights.shape)}: there must be one for each of {len(rows)} rows"
        )
    return rows * weights.to(rows)


def _check(student: Tensor, teacher: Tensor | None, labels: Tensor | None, temperature: float, weight: float) -> None:
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, not {temperature}")
    if not 0 <= weight <= 1:
        raise ValueError(f"hard_label_weight must be from 0 to 1, not {weight}")
    if weight < 1 and teacher is None:
        raise ValueError("teacher_logits are missing, and hard_label_weight is below 1")
    if weight > 0 and labels is None:
        raise ValueError("labels are missing, and hard_label_weight is above 0")
    if weight < 1 and teacher is not None and teacher.shape != student.shape:
        raise ValueError(
            f"teacher_logits have shape {tuple(teacher.shape)}, student_logits {tuple(student.shape)}: "
            "both must be (rows, classes) with the same classes in the same order"
        )
