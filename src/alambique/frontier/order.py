"""Which student is trained first: estimates from sizes alone, good enough for an order only. Free of torch."""

from collections.abc import Sequence
from dataclasses import dataclass

from alambique.frontier.budget import Budget
from alambique.frontier.forms import TOKENS, Form

_TOKENS = 32  # of a text
_CORE = 30e9  # operations per second of a core, in small matrices
_OVERHEAD_MS = 0.3  # of a text: tokenizer and session
_STATIC_WIDTH, _STATIC_MS = 256, 0.05


@dataclass(frozen=True)
class Shape:
    """A teacher's sizes, or those of a usual one where they are not known.

    Attributes:
        layers: of the Transformer.
        width: of a layer.
        vocabulary: entries.
    """

    layers: int = 12
    width: int = 768
    vocabulary: int = 30_000


@dataclass(frozen=True)
class Estimate:
    """What an int8 student of a form may cost.

    Attributes:
        latency_ms: of a text alone.
        bytes: of model and tokenizer.
        texts_per_s: in batches.
    """

    latency_ms: float
    bytes: int
    texts_per_s: float


def estimate(form: Form, teacher: Shape) -> Estimate:
    """Estimate the costs of a form; the recipe's own student counts as half of the teacher."""
    entries = min(TOKENS, teacher.vocabulary) if form.pruned else teacher.vocabulary
    if form.static:
        return Estimate(_STATIC_MS, round(entries * ((form.width or _STATIC_WIDTH) + 30)), 1000 / _STATIC_MS)
    layers, width = form.layers or max(1, teacher.layers // 2), form.width or teacher.width
    weights = 12 * width**2 * layers
    seconds = 2 * weights * _TOKENS / _CORE
    return Estimate(_OVERHEAD_MS + 1000 * seconds, round(entries * (width + 30) + weights), 1 / (seconds + 1e-5))


def most_promising_first(
    forms: Sequence[Form], own: Form, budgets: Sequence[Budget], teacher: Shape
) -> tuple[Form, ...]:
    """Order forms.

    With a budget: the largest that is expected to meet it, down to the smallest, then those that miss it, the nearest first.
    Without one: the recipe's own, then the others from the cheapest, which give most points per hour.

    Args:
        forms: to order.
        own: the recipe's own student.
        budgets: all of which are to be met.
        teacher: its sizes.

    Example:
        >>> from alambique.frontier.budget import Budget
        >>> from alambique.frontier.forms import Form
        >>> from alambique.frontier.order import Shape, most_promising_first
        >>> forms = [Form(layers=6), Form(layers=1), Form(layers=3, pruned=True), Form(static=True)]
        >>> order = most_promising_first(forms, forms[0], [Budget.parse("10 MB")], Shape(6, 384, 30_000))
        >>> [form.name for form in order]
        ['static', '3 layers, pruned', '1 layer', '6 layers']
    """

    def place(form: Form) -> tuple[float, ...]:
        cost = estimate(form, teacher)
        excess = max((budget.excess(cost) for budget in budgets), default=1.0)
        if not budgets:
            return (form != own, cost.latency_ms, cost.bytes)
        return (excess, -cost.latency_ms, -cost.bytes) if excess > 1 else (0, -cost.latency_ms, -cost.bytes)

    return tuple(sorted(forms, key=place))
