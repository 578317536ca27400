"""Read recipe YAML so that text stays text and numbers are numbers.

YAML 1.1, which PyYAML speaks, turns the label ``true`` into a boolean and ``5e-5`` into a string. Here a scalar under
a path in ``TEXT_KEYS`` keeps its characters, and every other plain scalar follows YAML 1.2's core schema.
"""

import re
from typing import Any

import yaml

from alambique.errors import RecipeError

TEXT_KEYS = frozenset(
    {
        ("data", "source"), ("data", "subset"), ("data", "revision"), ("data", "text"), ("data", "label"),
        ("data", "label_groups"), ("data", "label_order"), ("data", "metadata"), ("data", "columns"),
        ("data", "encoding"), ("teacher", "model"), ("student", "model"),
    }
)  # fmt: skip
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_DEEPEST = 12
_LONGEST_INT = 25  # digits; a longer number is not a setting, and Python refuses to read very long ones

Path = tuple[str, ...]


def read_yaml(text: str, *, where: str, path: Path = ()) -> Any:
    """Parse YAML ``text`` that stands at ``path`` of a recipe.

    Args:
        text: the YAML document.
        where: how the user knows this text (a file, a ``--set``), for messages.
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
    return None if node is None else _convert(node, path, where, set())


def _convert(node: yaml.Node, path: Path, where: str, seen: set[int]) -> Any:
    if id(node) in seen or len(path) > _DEEPEST:
        raise RecipeError(
            f"{where}, line {node.start_mark.line + 1}: anchors and deep nesting are not allowed in a recipe."
        )
    seen.add(id(node))
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path)
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*path, str(i)), where, seen) for i, item in enumerate(node.value)]
    mapping: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise RecipeError(f"{where}, line {key_node.start_mark.line + 1}: a key must be plain text.")
        key = key_node.value
        if key in mapping:
            raise RecipeError(f"{where}, line {key_node.start_mark.line + 1}: {'.'.join((*path, key))} is given twice.")
        mapping[key] = _convert(value_node, (*path, key), where, seen)
    return mapping


def _scalar(node: yaml.ScalarNode, path: Path) -> Any:
    value = node.value
    if node.style in ("'", '"', "|", ">"):
        return value
    if path[:2] in TEXT_KEYS:
        return None if path in TEXT_KEYS and value in _NULL else value
    if value in _NULL:
        return None
    if value in _BOOL:
        return _BOOL[value]
    if _INT.fullmatch(value) and len(value) < _LONGEST_INT:
        return int(value)
    if _FLOAT.fullmatch(value):
        return float(value)
    return value
