"""A loss that compares the rows of a batch with each other, where they are in several processes."""

from typing import ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor

from alambique.distributed.group import Group
from alambique.losses.contract import LossInputs, PredictionLoss


class SharedLoss(PredictionLoss):
    """This process's share of a loss that has ``needs_batch``; all shares together are the loss of the whole batch.

    Attributes:
        whole: the loss.
        group: of the processes that have the rows.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    needs_batch: ClassVar[bool] = True
    whole: PredictionLoss
    group: Group

    def rows(self, batch: LossInputs) -> Tensor:
        """The sum of the losses of all rows over the number of processes, (1,).

        Its gradient is that of the whole sum, by the logits of this process: the sum over processes is then what a single
        one has.
        """
        device = batch.student_logits.device
        mine = (batch.student_logits.detach().cpu(), batch.teacher_logits.cpu(), _on_cpu(batch.labels))
        everywhere = [list(each) for each in self.group.gather(mine)]
        everywhere[self.group.rank][0] = batch.student_logits
        student, teacher = (torch.cat([each[part].to(device) for each in everywhere]) for part in range(2))
        labels = None
        if batch.labels is not None:
            labels = torch.cat([each[2].to(device) for each in everywhere])
        total = self.whole.rows(LossInputs(student, teacher, labels, batch.temperature, batch.label_order)).sum()
        return (total.detach() / self.group.processes + (total - total.detach())).reshape(1)


def _on_cpu(labels: Tensor | None) -> Tensor | None:
    return None if labels is None else labels.cpu()
