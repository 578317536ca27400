"""Losses of distillation: pure functions of tensors, one value a row.

Shapes: ``B`` rows, ``C`` classes. Logits are raised to float32 first, so that half precision costs nothing here.
"""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

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
    student = functional.log_softmax(to_float32(student_logits) / temperature, dim=-1)
    teacher = functional.log_softmax(to_float32(teacher_logits) / temperature, dim=-1)
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
    difference = to_float32(student_logits) - to_float32(teacher_logits)
    return (difference - difference.mean(-1, keepdim=True)).square().mean(-1)


SOFT_LOSSES: dict[str, Callable[..., Tensor]] = {"kl": kl_divergence, "mse": mean_squared_error}


def to_float32(logits: Tensor) -> Tensor:
    """Half precision to float32; double stays."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
