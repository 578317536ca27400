"""The page ``docs/recipe.md``, made from the recipe's own declarations: ``python -m alambique.recipe.reference``."""

import inspect
import sys
from typing import Any, get_args

from pydantic import BaseModel

from alambique.recipe.files import shipped_recipes
from alambique.recipe.recipe import Recipe

HEAD = """\
# The recipe

<!-- Made from the code by: python -m alambique.recipe.reference > docs/recipe.md
     To change a key's line, change the text below its declaration in src/alambique/recipe/sections.py. -->

A recipe is a YAML file. `alambique init DATA` looks at a file or a folder and writes one. Every key has a default except
{required}.
`--set key=value` changes a key for one run and can be repeated; values are parsed as YAML. Shipped recipes (as listed by
`alambique recipes`):

{shipped}

All problems of a recipe are reported at once. Names of labels and columns are always text: `true` is a label here, not a
boolean. A path is relative to the current folder or, if it does not exist there, to the folder of the recipe."""
REQUIRED = "(required)"
_KINDS = {
    "string": "text", "integer": "a whole number", "number": "a number", "boolean": "`true` or `false`",
    "array": "a list", "object": "a mapping",
}  # fmt: skip
_BOUNDS = {
    "exclusiveMinimum": "above", "minimum": "of at least", "exclusiveMaximum": "below", "maximum": "at most",
}  # fmt: skip


def page() -> str:
    """The whole page, with a table for each section of the recipe."""
    kinds: dict[str, Any] = {
        field.alias or name: _kind(field.annotation) for name, field in Recipe.model_fields.items()
    }
    tables = {name: kind for name, kind in kinds.items() if _is_section(kind)}
    required = [f"`{name}.{key}`" for name, section in tables.items() for key in _required(section)]
    shipped = "\n".join(f"- `{name}`: {line}" for name, line in shipped_recipes().items())
    parts = [HEAD.format(required=_enumerated(required, "and"), shipped=shipped)]
    for name, section in tables.items():
        parts += [f"## {name}", inspect.getdoc(section) or "", _table(_rows(section, f"{name}."))]
        chosen: dict[tuple[Any, ...], str] = {}  # by what may be chosen, which two keys may have in common
        for key, field in section.model_fields.items():
            if field.discriminator:
                chosen.setdefault(_kinds(section, key), key)
        parts += [_choices(kinds, f"{name}.{key}") for kinds, key in chosen.items()]
    for key in [name for name in kinds if name not in tables]:
        parts += [f"## {key}", _table([_row(Recipe, key, key)])]
    return "\n\n".join(parts) + "\n"


def _kind(annotation: Any) -> Any:
    """The type of a key, of the parts where it is a list of sections: a single one is written without a list."""
    sections = [part for part in get_args(annotation) if _is_section(part)]
    return sections[0] if sections else annotation


def meaning(section: type[BaseModel], key: str) -> str:
    """The text below a key's declaration, on one line; empty if it has none."""
    return " ".join((section.model_fields[key].description or "").split())


def _table(rows: list[tuple[str, ...]], head: tuple[str, ...] = ("key", "default", "values", "meaning")) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _kinds(section: type[BaseModel], key: str) -> tuple[Any, ...]:
    """The types that a key chooses among by their names."""
    return tuple(kind for kind in get_args(section.model_fields[key].annotation) if _is_section(kind))


def _choices(kinds: tuple[Any, ...], path: str) -> str:
    """A line for each type that a key chooses by its name: the name, its options, its docstring's first line."""
    return _table([_choice(kind) for kind in kinds], (f"`{path}`", "options", "meaning"))


def _choice(kind: type[BaseModel]) -> tuple[str, ...]:
    options = [_row(kind, key, field.alias or key) for key, field in kind.model_fields.items() if key != "name"]
    listed = "; ".join(
        f"{key} {default if default == REQUIRED else f'(default {default})'}, {values}"
        + (f": {text.removesuffix('.')}" if text else "")
        for key, default, values, text in options
    )
    return f"`{kind.model_fields['name'].default}`", listed or "none", (inspect.getdoc(kind) or "").splitlines()[0]


def _rows(section: type[BaseModel], prefix: str) -> list[tuple[str, ...]]:
    """A line for each key, its own before those it inherits; those of a mapping follow it."""
    own = [key for key in section.__annotations__ if key in section.model_fields]
    rows: list[tuple[str, ...]] = []
    for key in [*own, *(key for key in section.model_fields if key not in own)]:
        path = prefix + (section.model_fields[key].alias or key)
        rows.append(_row(section, key, path))
        annotation = section.model_fields[key].annotation
        for part in (annotation, *get_args(annotation)):
            if _is_section(part) and not section.model_fields[key].discriminator:
                rows += _rows(part, f"{path}.")
    return rows


def _row(section: type[BaseModel], key: str, path: str) -> tuple[str, ...]:
    values = _values(section.model_json_schema()["properties"][section.model_fields[key].alias or key])
    return f"`{path}`", _default(section, key), values, meaning(section, key).replace("|", "\\|")


def _default(section: type[BaseModel], key: str) -> str:
    field = section.model_fields[key]
    if field.is_required():
        return REQUIRED
    # a section that needs nothing may choose for itself, as the models of teacher and student
    value = field.default if _required(section) else getattr(section(), key)
    if field.discriminator and value is not None:
        value = value.name
    elif isinstance(value, BaseModel):
        value = section().model_dump(mode="json")[key]
    if isinstance(value, float):
        return f"{value:g}".replace("e-0", "e-") if value < 1e-3 else str(value)  # noqa: PLR2004
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return str(list(value)) if isinstance(value, tuple) else str(value)


def _values(schema: dict[str, Any]) -> str:
    """What a key takes, in words, from its JSON schema."""
    if "discriminator" in schema:
        names = [f"`{name}`" for name in schema["discriminator"]["mapping"]]
        return f"{_enumerated(names, 'or')}, or a mapping of `name` and options"
    if "anyOf" in schema:
        return _enumerated([_values(part) for part in schema["anyOf"] if part.get("type") != "null"], "or")
    if "enum" in schema:
        return _enumerated([f"`{choice}`" for choice in schema["enum"]], "or")
    bounds = " and ".join(f"{words} {schema[name]}" for name, words in _BOUNDS.items() if name in schema)
    return _KINDS[schema.get("type", "object")] + (f" {bounds}" if bounds else "")


def _required(section: type[BaseModel]) -> list[str]:
    return [key for key, field in section.model_fields.items() if field.is_required()]


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _enumerated(words: list[str], last: str) -> str:
    return f"{', '.join(words[:-1])} {last} {words[-1]}" if len(words) > 1 else words[0]


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())  # UTF-8, wherever it is written
