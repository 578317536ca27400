"""``--set key=value``: settings that are put over the plain values of a recipe file."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from alambique.errors import RecipeError
from alambique.recipe.static import FORM as STATIC
from alambique.recipe.static import TRAINING
from alambique.recipe.teacher_list import SECTION
from alambique.recipe.yaml_values import read_yaml

Path = tuple[str, ...]


def override(
    raw: dict[str, Any],
    overrides: Sequence[str],
    texts: frozenset[Path],
    alternatives: Mapping[str, Sequence[str]],
) -> None:
    """Apply settings in order; a form that is set displaces the other forms of its section in the file.

    How a static student is trained differs so much from how others are that its form displaces these settings too, and so
    does another form that takes the place of a static one.

    Args:
        raw: the values of the file, which are changed.
        overrides: each ``key=value``, with dots in the key; one of several teachers is named by its number, from 0.
        texts: the paths below which scalars stay text.
        alternatives: by section, the keys of which one is given.

    Raises:
        RecipeError: a setting has another form, goes below a value, or names a teacher that is not in the list.
    """
    settings = [_parsed(text, texts) for text in overrides]
    chosen: dict[Path, set[str]] = defaultdict(set)
    for path, value in settings:
        section = _section(raw, path)
        if len(path) > len(section) and value is not None:
            chosen[section].add(path[len(section)])
    for section, keys in chosen.items():
        forms = set(alternatives.get(section[0], ()))
        values = _values(raw, section)
        if keys & forms and isinstance(values, dict):
            displaced = forms - keys
            if STATIC in forms and (STATIC in keys) != (values.get(STATIC) is not None):
                displaced |= TRAINING.keys() - keys
            for name in displaced & values.keys():
                del values[name]
    for path, value in settings:
        _put(raw, path, value)


def _parsed(text: str, texts: frozenset[Path]) -> tuple[Path, Any]:
    key, equals, value = text.partition("=")
    path = tuple(key.strip().split("."))
    if not equals or not all(path):
        raise RecipeError(f"--set {text} is not of the form key=value, as in --set distillation.temperature=4")
    return path, read_yaml(value, where=f"--set {text}", texts=texts, path=path)


def _section(raw: dict[str, Any], path: Path) -> Path:
    """The section that a path lies in; with the number of one of several teachers."""
    return path[:2] if path[0] == SECTION and isinstance(raw.get(SECTION), list) else path[:1]


def _values(raw: dict[str, Any], section: Path) -> Any:
    if len(section) == 1:
        return raw.get(section[0])
    teachers = raw[section[0]]
    return teachers[int(section[1])] if _is_one_of(teachers, section[1]) else None


def _put(raw: dict[str, Any], path: Path, value: Any) -> None:
    place: Any = raw
    for depth, part in enumerate(path[:-1], start=1):
        if isinstance(place, list):
            place = place[_number(place, path)]
        else:
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
        several = path[:depth] == (SECTION,) and isinstance(place, list)
        if not several and not isinstance(place, dict):
            raise RecipeError(f"--set {'.'.join(path)}: {'.'.join(path[:depth])} holds a value, not further keys.")
    if isinstance(place, list):
        place[_number(place, path)] = value
    else:
        place[path[-1]] = value


def _number(teachers: list[Any], path: Path) -> int:
    if not teachers:
        raise RecipeError(f"--set {'.'.join(path)}: {SECTION} is an empty list.")
    last = len(teachers) - 1
    if not _is_one_of(teachers, path[1]):
        raise RecipeError(
            f"--set {'.'.join(path)}: {SECTION} is a list of {last + 1}; name one by its number, from 0 to {last}, as in "
            f"--set {SECTION}.{last}.epochs=3."
        )
    return int(path[1])


def _is_one_of(teachers: list[Any], number: str) -> bool:
    return number.isdecimal() and number.isascii() and int(number) < len(teachers)
