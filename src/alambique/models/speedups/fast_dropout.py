"""Dropout whose random numbers cost little on a CPU."""

from typing import Any

import torch
from torch import Tensor, nn

_DRAWS = 2**16  # a probability is rounded to this many steps
_LOWEST = -(2**15)


class _Drop(torch.autograd.Function):
    """Keep where a 16-bit random number is not below the bound, and scale."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, bound: int) -> Tensor:
        count = values.numel()
        # four 16-bit draws from each 64-bit number of the generator
        draws = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None).view(torch.int16)[:count]
        factor = (draws >= _LOWEST + bound).to(values.dtype).mul_(_DRAWS / (_DRAWS - bound)).view(values.shape)
        ctx.save_for_backward(factor)
        return values * factor

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.saved_tensors[0], None


class FastDropout(nn.Dropout):
    """``nn.Dropout`` that draws 16 bits per element in training on a CPU, and is the same module elsewhere."""

    def forward(self, values: Tensor) -> Tensor:  # noqa: D102 - of nn.Dropout
        bound = round(self.p * _DRAWS)
        if not self.training or not 0 < bound < _DRAWS or values.device.type != "cpu":
            return super().forward(values)
        return _Drop.apply(values, bound)


def enable_fast_dropout(model: nn.Module) -> None:
    """Let every ``nn.Dropout`` of a model on the CPU draw 16 bits per element instead of a float.

    Its probability becomes a multiple of 1/65536 (0.1 becomes 0.100006), and the scale follows it, so that the
    expected value stays the input (Srivastava et al. 2014, inverted). Draws come from torch's default generator. In eval
    mode, on other devices and at probability 0 or 1 the module does what it did.

    Args:
        model: changed in place; its state dict is not.
    """
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = FastDropout


def disable_fast_dropout(model: nn.Module) -> None:
    """Undo :func:`enable_fast_dropout`."""
    for module in model.modules():
        if type(module) is FastDropout:
            module.__class__ = nn.Dropout  # type: ignore[assignment]
