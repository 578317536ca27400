"""A list under ``teacher`` of a recipe: the key paths of several teachers, such as ``teacher.1.epochs``, from 0."""

from collections.abc import Iterator
from typing import Any

from alambique.recipe.answering import ANSWERING, beyond_answers

SECTION = "teacher"
MOST = 20


def section_of(number: int, count: int) -> str:
    """The key path of one of several teachers; that of a single one has no number.

    Example:
        >>> from alambique.recipe.teacher_list import section_of
        >>> section_of(1, 2), section_of(0, 1)
        ('teacher.1', 'teacher')
    """
    return f"{SECTION}.{number}" if count > 1 else SECTION


def without_number(path: tuple[str, ...]) -> tuple[str, ...]:
    """A key path as it is declared: ``teacher.1.model`` is ``teacher.model``.

    Example:
        >>> from alambique.recipe.teacher_list import without_number
        >>> without_number(("teacher", "1", "model"))
        ('teacher', 'model')
    """
    numbered = path[:1] == (SECTION,) and len(path) > 1 and path[1].isdigit()
    return (SECTION, *path[2:]) if numbered else path


def as_list(value: Any) -> tuple[Any, ...]:
    """The value of ``teacher``: one teacher, as most recipes have, is a list of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def several(raw: dict[str, Any]) -> bool:
    """Whether a recipe, as plain values, has a list of teachers."""
    return isinstance(raw.get(SECTION), (list, tuple))


def each_alone(raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each teacher of a recipe that may have a list: its key path, and the recipe with it alone, as plain values."""
    if not several(raw):
        yield SECTION, raw
        return
    for number, teacher in enumerate(raw[SECTION]):
        yield f"{SECTION}.{number}", {**raw, SECTION: teacher}


def beyond_any_answers(raw: dict[str, Any]) -> list[str]:
    """What a recipe asks of teachers that have no weights, of all that it has.

    The student takes layers, features and tokenizer of the first teacher alone; all of them label.

    Args:
        raw: the recipe as plain values, which may have other problems.
    """
    problems = []
    for number, (section, alone) in enumerate(each_alone(raw)):
        of_this = alone if number == 0 else {**alone, "student": None, "distillation": None}
        problems += [_placed(problem, section) for problem in beyond_answers(of_this)]
    return problems


def _placed(problem: str, section: str) -> str:
    for form in ANSWERING:
        problem = problem.replace(f" {SECTION}.{form} ", f" {section}.{form} ")
    return problem
