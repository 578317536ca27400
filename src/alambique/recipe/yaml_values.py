"""Read recipe YAML so that text stays text and numbers are numbers.

YAML 1.1, which PyYAML speaks, turns the label ``true`` into a boolean and ``5e-5`` into a string. Here a scalar under a key
whose type is text keeps its characters, and every other plain scalar follows YAML 1.2's core schema.

PyYAML's ``BaseLoader``, with pydantic to read the numbers, would not do: it cannot tell ``'3'`` from ``3``, and pydantic
also takes ``1_000`` and ``1.0`` for whole numbers and ``yes`` for true.
"""

import re
from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import BaseModel

from alambique.errors import RecipeError
from alambique.recipe.teacher_list import without_number

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DEEPEST = 12
_LONGEST_INT = 25  # digits; a longer number is not a setting, and Python refuses to read very long ones

Path = tuple[str, ...]


def text_paths(section: type[BaseModel], above: Path = ()) -> frozenset[Path]:
    """Find the keys whose values are text, or lists and mappings of text, by the types that a section declares.

    Args:
        section: the recipe, or a part of it.
        above: the keys above it.
    """
    paths: set[Path] = set()
    for name, field in section.model_fields.items():
        for kind in _leaves(field.annotation):
            path = (*above, field.alias or name)
            if kind is str:
                paths.add(path)
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                paths |= text_paths(kind, path)
    return frozenset(paths)


def _leaves(annotation: Any) -> Iterator[Any]:
    """Yield the types that an annotation is built of; a ``Literal`` is one."""
    parts = () if get_origin(annotation) is Literal else get_args(annotation)
    if not parts:
        yield annotation
    for part in parts:
        yield from _leaves(part)


def read_yaml(text: str, *, where: str, texts: frozenset[Path], path: Path = ()) -> Any:
    """Parse YAML ``text`` that stands at ``path`` of a recipe.

    Args:
        text: the YAML document.
        where: how the user knows this text (a file, a ``--set``), for messages.
        texts: the paths below which scalars stay text, from :func:`text_paths`.
        path: the keys above the document, so that ``--set data.label_order=[true]`` stays text.

    Raises:
        RecipeError: the text is not YAML, repeats a key, or uses anchors.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except RecursionError as error:
        raise RecipeError(f"{where} is not valid YAML: it is nested too deeply.") from error
    except yaml.YAMLError as error:
        reason = str(error).replace("<unicode string>", where)
        raise RecipeError(f"{where} is not valid YAML: {reason}") from error
    return None if node is None else _convert(node, path, where, texts, set())


def _convert(node: yaml.Node, path: Path, where: str, texts: frozenset[Path], seen: set[int]) -> Any:
    if id(node) in seen or len(path) > _DEEPEST:
        raise RecipeError(
            f"{where}, line {node.start_mark.line + 1}: anchors and deep nesting are not allowed in a recipe."
        )
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, texts)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*path, str(i)), where, texts, seen) for i, item in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise RecipeError(f"{where}, line {key_node.start_mark.line + 1}: a key must be plain text.")
        key = key_node.value
        if key in mapping:
            raise RecipeError(f"{where}, line {key_node.start_mark.line + 1}: {'.'.join((*path, key))} is given twice.")
        mapping[key] = _convert(value_node, (*path, key), where, texts, seen)
    return mapping


def _scalar(node: yaml.ScalarNode, path: Path, texts: frozenset[Path]) -> Any:
    value, path = node.value, without_number(path)
    if node.style in ("'", '"', "|", ">"):
        return value
    if any(path[:depth] in texts for depth in range(1, len(path) + 1)):
        return None if path in texts and value in _NULL else value
    if value in _NULL:
        return None
    if value in _BOOL:
        return _BOOL[value]
    if _INT.fullmatch(value) and len(value) < _LONGEST_INT:
        return int(value)
    if _FLOAT.fullmatch(value):
        return float(value)
    return value
