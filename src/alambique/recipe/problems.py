"""Turn pydantic's findings into sentences in the user's own key paths, with a suggestion where one is close."""

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args

from alambique.losses.features import FEATURES
from alambique.losses.prediction import LOSSES
from alambique.recipe.teacher_list import without_number
from alambique.recipe.verdict import METRICS

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

_WANTED = {
    "int_type": "a whole number", "int_parsing": "a whole number", "int_from_float": "a whole number",
    "float_type": "a number", "float_parsing": "a number", "bool_type": "true or false",
    "string_type": "text", "tuple_type": "a list", "dict_type": "a mapping", "model_type": "a mapping of keys",
    "string_too_short": "a name", "model_attributes_type": "a mapping of keys", "finite_number": "a finite number",
}  # fmt: skip
_BOUNDS = {"greater_than": ("gt", "greater than"), "greater_than_equal": ("ge", "at least"),
           "less_than": ("lt", "less than"), "less_than_equal": ("le", "at most")}  # fmt: skip
_LISTED = 40


def problems_of(error: "ValidationError", recipe: "type[BaseModel]", *, one_teacher: bool = True) -> list[str]:
    """One line for each problem: ``key: what is wrong``.

    Args:
        error: of pydantic.
        recipe: the class that was to be made.
        one_teacher: whether the user wrote one teacher, whose key paths have no number, and not a list.
    """
    known = _key_paths(recipe)
    return [_problem(found, known, one_teacher=one_teacher) for found in error.errors()]


def _problem(found: Any, known: set[str], *, one_teacher: bool) -> str:
    path = _path(found)
    if one_teacher:
        path = ".".join(without_number(tuple(path.split("."))))
    return f"{path}: {_sentence(found, path, known)}"


def listed(problems: list[str], where: str) -> str:
    """All problems of the recipe ``where`` in one message."""
    problems = list(dict.fromkeys(problems))
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    more = [f"  and {len(problems) - _LISTED} more"] if len(problems) > _LISTED else []
    return "\n".join([f"{where} has {count}:", *(f"  {problem}" for problem in problems[:_LISTED]), *more])


def _path(found: Any) -> str:
    # pydantic names the branches of a union inside the path; an unknown key that looks like one is the user's
    *above, last = found["loc"] or ("",)
    kept = [str(part) for part in above if not _is_branch(part)]
    if found["type"] == "extra_forbidden" or not _is_branch(last):
        kept.append(str(last))
    return ".".join(kept)


def _is_branch(part: int | str) -> bool:
    return isinstance(part, str) and ("[" in part or part in _BRANCHES)


_BRANCHES = frozenset({"str", "int", "dict", "tuple", *LOSSES, *FEATURES, *METRICS})


def _sentence(found: Any, path: str, known: set[str]) -> str:
    kind, value, context = found["type"], found["input"], found.get("ctx", {})
    if kind == "extra_forbidden":
        return f"unknown key.{_suggestion(path, known)}"
    if kind == "missing":
        return "is missing and has no default."
    if kind == "value_error":
        sentence = str(context["error"])
        return sentence if sentence.endswith("?") else f"{sentence}."
    if kind in _WANTED:
        return f"must be {_WANTED[kind]}, not {shown(value)}."
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"must be {words} {context[name]}, not {shown(value)}."
    if kind == "literal_error":
        close = get_close_matches(str(value), re.findall("'([^']+)'", context["expected"]), n=1)
        meant = f" Did you mean {close[0]}?" if close else ""
        return f"must be {context['expected']}, not {shown(value)}.{meant}"
    if kind in ("too_short", "too_long"):
        limit = context["min_length" if kind == "too_short" else "max_length"]
        bound = f"{'at least' if kind == 'too_short' else 'at most'} {limit} {'item' if limit == 1 else 'items'}"
        return f"must have {bound}, not {context['actual_length']}."
    return f"{found['msg']} (found {shown(value)})."


def shown(value: Any) -> str:
    """Word a value as the user's YAML has it, shortened to 60 characters."""
    words = {True: "true", False: "false", None: "null"}
    text = words[value] if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."  # noqa: PLR2004


def _suggestion(path: str, known: set[str]) -> str:
    section, _, key = path.rpartition(".")
    declared = ".".join(without_number(tuple(section.split("."))))
    here = [k.rpartition(".")[2] for k in known if k.rpartition(".")[0] == declared]
    close = get_close_matches(key, here, n=1)
    if close:
        return f" Did you mean {section + '.' if section else ''}{close[0]}?"
    names = get_close_matches(key, {k.rpartition(".")[2] for k in known}, n=1)
    elsewhere = sorted(k for k in known if k.rpartition(".")[2] in names)
    return f" Did you mean {elsewhere[0]}?" if elsewhere else ""


def _key_paths(section: "type[BaseModel]", prefix: str = "") -> set[str]:
    paths = set()
    for name, field in section.model_fields.items():
        name = field.alias or name  # noqa: PLW2901
        paths.add(prefix + name)
        for candidate in (field.annotation, *get_args(field.annotation)):
            # options of a loss are no suggestion: `alpha` means the mixture to most people
            if isinstance(candidate, type) and hasattr(candidate, "model_fields") and not field.discriminator:
                paths |= _key_paths(candidate, f"{prefix}{name}.")
    return paths
