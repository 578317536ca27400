"""Weights of classes, as a recipe may write them. Free of torch."""

import math
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

BALANCED = "balanced"


def _class_weights(value: Any) -> Any:
    """``balanced``, or a mapping from label to a weight above 0; its numbers may be text, as a recipe's labels are.

    Raises:
        ValueError: it is neither.
    """
    if value is None or value == BALANCED:
        return value
    if not isinstance(value, dict) or not value:
        raise ValueError("must be balanced, a mapping {label: weight}, or null")
    return {label: _weight(label, weight) for label, weight in value.items()}


def _weight(label: str, value: Any) -> float:
    try:
        weight = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        weight = math.nan
    if not (math.isfinite(weight) and weight > 0):
        raise ValueError(f"gives label {label!r} the weight {value}; a weight is a number above 0")
    return weight


ClassWeights = Annotated[Literal["balanced"] | dict[str, float] | None, BeforeValidator(_class_weights)]
