import pytest
import torch
from torch import nn

from alambique.models.speedups.fast_dropout import enable_fast_dropout


@pytest.fixture
def module():
    def build(p):
        layer = nn.Sequential(nn.Dropout(p))
        enable_fast_dropout(layer)
        return layer

    return build


def test_it_drops_a_tenth_scales_the_rest_and_gives_the_same_gradient(module):
    values = torch.ones(1000, 333, requires_grad=True)
    dropped = module(0.1)(values)
    dropped.sum().backward()
    bound = round(0.1 * 65536)
    assert dropped.unique().tolist() == pytest.approx([0, 65536 / (65536 - bound)])
    assert (dropped == 0).float().mean().item() == pytest.approx(0.1, abs=0.002)
    assert dropped.mean().item() == pytest.approx(1, abs=0.003)
    assert values.grad.equal(dropped.detach())


def test_draws_are_independent_of_their_neighbours(module):
    kept = (module(0.5)(torch.ones(400_000)) != 0).float()
    for apart in (1, 2, 3, 4):
        assert torch.corrcoef(torch.stack([kept[:-apart], kept[apart:]]))[0, 1].abs() < 0.01


def test_the_seed_decides(module):
    layer, values = module(0.3), torch.randn(77)
    torch.manual_seed(3)
    first = layer(values)
    torch.manual_seed(3)
    assert layer(values).equal(first)
    assert not layer(values).equal(first)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_nothing_and_everything(module, p):
    assert module(p)(torch.ones(9)).equal(torch.full((9,), 1 - p))


def test_eval_mode_changes_nothing(module):
    values = torch.randn(5)
    assert module(0.4).eval()(values).equal(values)


def test_half_precision_stays_half(module):
    assert module(0.2)(torch.ones(8, dtype=torch.bfloat16)).dtype == torch.bfloat16
