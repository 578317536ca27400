"""Losses of distillation: pure functions of tensors, one value a row.

Shapes: ``B`` rows, ``C`` classes. Logits are raised to float32 first, so that half precision costs nothing here.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

NO_LABEL = -100
SoftLoss = Literal["kl", "mse"]


def kl_divergence(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """KL(teacher ‖ student) of the distributions softened by ``temperature``, times its square.

    T² · Σ_c p_c (log p_c − log q_c) with p = softmax(z/T) of the teacher and q of the student. T² keeps the size of the
    gradient independent of T (Hinton, Vinyals and Dean 2015, "Distilling the Knowledge in a Neural Network", §2).

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), without gradient.
        temperature: above 0.

    Returns:
        (B,) in nats; 0 where both distributions are equal. The mean over rows is ``batchmean`` × T².
    """
    student = functional.log_softmax(_raised(student_logits) / temperature, dim=-1)
    teacher = functional.log_softmax(_raised(teacher_logits) / temperature, dim=-1)
    return functional.kl_div(student, teacher, reduction="none", log_target=True).sum(-1) * temperature**2


def mean_squared_error(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """Mean over classes of the squared difference of centred logits; ``temperature`` has no effect.

    Centring makes it blind to a shift of the logits, which changes no probability. It is the limit of
    :func:`kl_divergence` at high temperature, times 2 (Hinton et al. 2015, §2.1, equation 4; Kim et al. 2021, "Comparing
    Kullback-Leibler Divergence and Mean Squared Error Loss in Knowledge Distillation").

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), without gradient.
        temperature: accepted so that every soft loss is called alike.

    Returns:
        (B,), in squared logits.
    """
    del temperature
    difference = _raised(student_logits) - _raised(teacher_logits)
    return (difference - difference.mean(-1, keepdim=True)).square().mean(-1)


SOFT_LOSSES: dict[str, Callable[..., Tensor]] = {"kl": kl_divergence, "mse": mean_squared_error}


def cross_entropy(logits: Tensor, labels: Tensor, *, label_smoothing: float = 0.0) -> Tensor:
    """Cross-entropy with hard labels, (B,) in nats; 0 for a row whose label is ``NO_LABEL`` (−100).

    Args:
        logits: (B, C).
        labels: (B,) class indices, or −100 for a row without a hard label.
        label_smoothing: share of the target spread evenly over all classes, from 0 to 1.
    """
    return functional.cross_entropy(
        _raised(logits), labels, ignore_index=NO_LABEL, label_smoothing=label_smoothing, reduction="none"
    )


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor | None,
    labels: Tensor | None,
    *,
    temperature: float,
    hard_label_weight: float,
    loss: SoftLoss = "kl",
    label_smoothing: float = 0.0,
    rows: Tensor | float | None = None,
    labelled_rows: Tensor | float | None = None,
) -> Tensor:
    """Soft loss and cross-entropy, mixed: ``(1 − w) · soft + w · hard`` with ``w = hard_label_weight``.

    ``soft`` is the mean over all rows; ``hard`` is the mean over the rows that have a hard label, so that a row without
    one (−100) trains on the soft part alone. Hinton et al. 2015, §2.

    Args:
        student_logits: (B, C).
        teacher_logits: (B, C), detached here; may be None when ``hard_label_weight`` is 1.
        labels: (B,) class indices, −100 for none; may be None when ``hard_label_weight`` is 0.
        temperature: of the soft loss, above 0.
        hard_label_weight: from 0 (soft labels only) to 1 (hard labels only).
        loss: ``kl`` (:func:`kl_divergence`) or ``mse`` (:func:`mean_squared_error`).
        label_smoothing: of the hard labels, from 0 to 1.
        rows: what the sum of soft losses is divided by; B by default. Under gradient accumulation, the rows of the
            whole step, so that unequal micro-batches weigh each row alike.
        labelled_rows: the same for the hard losses; the number of labelled rows by default.

    Returns:
        A scalar.

    Raises:
        ValueError: shapes differ, a part that has weight is missing, or a parameter is out of range.
    """
    _check(student_logits, teacher_logits, labels, temperature, hard_label_weight, loss)
    total = _raised(student_logits.new_zeros(()))
    if hard_label_weight < 1 and teacher_logits is not None:
        soft = SOFT_LOSSES[loss](student_logits, teacher_logits.detach(), temperature=temperature).sum()
        total = total + (1 - hard_label_weight) * soft / (len(student_logits) if rows is None else rows)
    if hard_label_weight > 0 and labels is not None:
        hard = cross_entropy(student_logits, labels, label_smoothing=label_smoothing).sum()
        count = (labels != NO_LABEL).sum() if labelled_rows is None else torch.as_tensor(labelled_rows)
        total = total + hard_label_weight * hard / count.clamp(min=1).to(hard.device)
    return total


def _raised(logits: Tensor) -> Tensor:
    """Half precision to float32; double stays."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))


def _check(
    student: Tensor, teacher: Tensor | None, labels: Tensor | None, temperature: float, weight: float, loss: str
) -> None:
    if loss not in SOFT_LOSSES:
        raise ValueError(f"loss must be one of {', '.join(SOFT_LOSSES)}, not {loss!r}")
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
