"""Values that stay or move over a training: one number, or a first and a last with a straight line between them."""

from typing import Annotated, Any

from pydantic import Field, TypeAdapter, WrapValidator

Schedule = float | tuple[float, float]  # a value for all steps, or at the first step and at the last

_Temperature = Annotated[float, Field(ge=0.01, le=1000, allow_inf_nan=False)]
_Weight = Annotated[float, Field(ge=0, le=1)]
_FORMS = "must be a number, or a list of two: at the first step and at the last"


def _number_or_ends(kind: Any) -> WrapValidator:
    """Validate a number, or a list of two; what is wrong is said of the form that was meant."""
    alone = TypeAdapter(kind)

    def validate(value: Any, handler: Any) -> Schedule:
        del handler  # it would tell of both forms
        if isinstance(value, dict):
            raise ValueError(_FORMS)  # noqa: TRY004 - pydantic takes no TypeError
        several = isinstance(value, (list, tuple))
        for number in value if several else [value]:
            alone.validate_python(number, strict=True)
        return as_schedule(value)

    return WrapValidator(validate)


Temperature = Annotated[_Temperature | tuple[_Temperature, _Temperature], _number_or_ends(_Temperature)]
HardLabelWeight = Annotated[_Weight | tuple[_Weight, _Weight], _number_or_ends(_Weight)]


def as_schedule(value: Any) -> Schedule:
    """A number, or a list or tuple of two, as a schedule.

    Raises:
        ValueError: it has another length.
    """
    if not isinstance(value, (list, tuple)):
        return float(value)
    ends = 2
    if len(value) != ends:
        raise ValueError(_FORMS)
    return float(value[0]), float(value[1])


def ends_of(schedule: Schedule) -> tuple[float, float]:
    """Value at the first step and at the last."""
    return schedule if isinstance(schedule, tuple) else (schedule, schedule)


def value_at(schedule: Schedule, step: int, steps: int) -> float:
    """Value at an optimiser step.

    Args:
        schedule: a number, or the values at the first and the last step, linear between them.
        step: number of the step, from 0; after the last one the value stays.
        steps: planned steps of the whole training.

    Example:
        >>> from alambique.recipe.schedules import value_at
        >>> [value_at((4.0, 1.0), step, steps=4) for step in range(4)]
        [4.0, 3.0, 2.0, 1.0]
    """
    if not isinstance(schedule, tuple):
        return schedule
    first, last = schedule
    done = min(max(step, 0) / (steps - 1), 1.0) if steps > 1 else 0.0
    return first + (last - first) * done
