"""The losses for labels that do not exclude each other: a sigmoid for each in the place of one softmax.

All are means over labels, as ``BCEWithLogitsLoss`` is, so that soft and hard part keep their proportion whatever the number
of labels. Shapes: ``B`` rows, ``L`` labels. Importing this module does not import torch.
"""

from typing import TYPE_CHECKING, Literal

from alambique.losses.contract import LossInputs, PredictionLoss, to_float32
from alambique.losses.no_label import NO_LABEL

if TYPE_CHECKING:
    from torch import Tensor


class BinaryKL(PredictionLoss):
    """KL divergence of the softened probabilities of each label, the mean over labels, times T².

    Example:
        >>> import math
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.multi_label import BinaryKL
        >>> teacher = torch.tensor([[2 * math.log(3), 0.0]])  # 0.75 and 0.5 at T = 2
        >>> BinaryKL().rows(LossInputs(torch.zeros(1, 2), teacher, labels=None, temperature=2.0))  # half of KL's 0.5232
        tensor([0.2616])
    """

    name: Literal["kl"] = "kl"

    def rows(self, batch: LossInputs) -> "Tensor":
        """See :func:`binary_kl_divergence`."""
        return binary_kl_divergence(batch.student_logits, batch.teacher_logits, temperature=batch.temperature)


class LogitMSE(PredictionLoss):
    """Squared difference of the logits, the mean over labels; they are not centred, since a shift changes a sigmoid.

    Example:
        >>> import torch
        >>> from alambique.losses.contract import LossInputs
        >>> from alambique.losses.multi_label import LogitMSE
        >>> LogitMSE().rows(LossInputs(torch.zeros(1, 2), torch.tensor([[2.0, 0.0]]), labels=None, temperature=1.0))
        tensor([2.])
    """

    name: Literal["mse"] = "mse"

    def rows(self, batch: LossInputs) -> "Tensor":
        """Loss of each row, (B,), in squared logits."""
        difference = to_float32(batch.student_logits) - to_float32(batch.teacher_logits)
        return difference.square().mean(-1)


_OF: dict[str, type[BinaryKL | LogitMSE]] = {"kl": BinaryKL, "mse": LogitMSE}


def multi_label_loss(loss: PredictionLoss) -> PredictionLoss:
    """The loss of the same name with a sigmoid for each label.

    Raises:
        ValueError: it compares the classes of a row with each other, which labels that do not exclude each other are not.
    """
    if loss.name not in _OF:
        raise ValueError(
            f"loss: {loss.name} compares the classes of a row with each other, and rows have any number of labels; use "
            f"{' or '.join(_OF)}"
        )
    return _OF[loss.name]()


def binary_kl_divergence(student_logits: "Tensor", teacher_logits: "Tensor", *, temperature: float) -> "Tensor":
    """Mean over labels of T² · (p log(p / q) + (1 − p) log((1 − p) / (1 − q))), p = σ(z/T) of the teacher, q of the student.

    A label is a class against its absence, and its two probabilities are a distribution: this is the loss of Hinton, Vinyals
    and Dean 2015, §2, of logits (z, 0). Yang et al. 2023, "Multi-Label Knowledge Distillation" (ICCV), equation 2, takes the
    same at T = 1.

    Args:
        student_logits: (B, L).
        teacher_logits: (B, L), without gradient.
        temperature: above 0.

    Returns:
        (B,) in nats; 0 where all probabilities are equal.
    """
    from torch.nn import functional  # noqa: PLC0415 - the recipe reads names of losses without torch

    student, teacher = (to_float32(logits) / temperature for logits in (student_logits, teacher_logits))
    share = teacher.sigmoid()
    given = share * (functional.logsigmoid(teacher) - functional.logsigmoid(student))
    others = (1 - share) * (functional.logsigmoid(-teacher) - functional.logsigmoid(-student))
    return (given + others).mean(-1) * temperature**2


def binary_cross_entropy(logits: "Tensor", labels: "Tensor", *, label_smoothing: float = 0.0) -> "Tensor":
    """Binary cross-entropy of each row in nats, the mean over labels, at least in float32.

    Args:
        logits: (B, L).
        labels: (B, L) 0 or 1; −100 in a row without labels, whose loss is 0.
        label_smoothing: moves each label so far towards one half, from 0 to 1.

    Returns:
        (B,).

    Example:
        >>> import torch
        >>> from alambique.losses.multi_label import binary_cross_entropy
        >>> binary_cross_entropy(torch.zeros(2, 3), torch.tensor([[0, 1, 1], [-100, -100, -100]]))  # log 2, and none
        tensor([0.6931, 0.0000])
    """
    from torch.nn import functional  # noqa: PLC0415

    logits, known = to_float32(logits), labels != NO_LABEL
    targets = labels.where(known, 0).to(logits) * (1 - label_smoothing) + label_smoothing / 2
    losses = functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    return (losses * known).mean(-1)
