from itertools import pairwise

import pytest
import torch

from alambique.distributed.group import Group
from alambique.distributed.launch import Launch
from alambique.losses.contract import LossInputs
from alambique.losses.prediction import DIST
from alambique.training.shared_loss import SharedLoss


class Together(Group):
    """A group whose other processes have these rows."""

    def __init__(self, rank, others):
        super().__init__(Launch(rank=rank, processes=len(others)), None)
        self.others = others

    def gather(self, value):
        return [value if rank == self.rank else other for rank, other in enumerate(self.others)]


@pytest.mark.parametrize("bounds", [[0, 4, 7], [0, 7, 7], [0, 2, 4, 7]])  # the second process of one case has no rows
def test_the_shares_are_the_loss_of_the_whole_batch(bounds):
    torch.manual_seed(0)
    student, teacher = torch.randn(7, 3), torch.randn(7, 3)
    whole = student.clone().requires_grad_()
    expected = DIST().rows(LossInputs(whole, teacher, None, 2.0)).sum()
    expected.backward()
    parts = [slice(*pair) for pair in pairwise(bounds)]
    others = [(student[part], teacher[part], None) for part in parts]
    values, gradients = [], []
    for rank, part in enumerate(parts):
        mine = student[part].clone().requires_grad_()
        loss = SharedLoss(name="dist", whole=DIST(), group=Together(rank, others))
        value = loss.rows(LossInputs(mine, teacher[part], None, 2.0)).sum()
        value.backward()
        values.append(value.detach())
        gradients.append(mine.grad)
    torch.testing.assert_close(sum(values), expected.detach())
    torch.testing.assert_close(torch.cat(gradients), whole.grad)
