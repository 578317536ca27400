"""Write the reference of the public names from their docstrings: ``python docs/make_api.py > docs/api.md``."""

import ast
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from alambique import errors

# What scripts may rely on. Each name has a runnable example in its docstring (tests/test_api_docs.py runs them).
PUBLIC: dict[str, tuple[str, ...]] = {
    "Run a recipe": ("alambique.distill", "alambique.Recipe"),
    "Train in your own script": (
        "alambique.DistillationTrainer",
        "alambique.distillation_loss",
        "alambique.losses.prediction.kl_divergence",
        "alambique.losses.prediction.mean_squared_error",
        "alambique.losses.contract.PredictionLoss",
        "alambique.losses.contract.LossInputs",
        "alambique.losses.features.HiddenStates",
        "alambique.losses.features.Relations",
    ),
    "Use a trained student": (
        "alambique.inference.classifier.open_classifier",
        "alambique.inference.classifier.Classifier",
    ),
    "Read what a run stores": (
        "alambique.artefacts.splits.Split",
        "alambique.artefacts.splits.Splits",
        "alambique.artefacts.splits.read_splits",
        "alambique.artefacts.soft_labels.SoftLabels",
        "alambique.artefacts.soft_labels.read_soft_labels",
    ),
    "Measure": (
        "alambique.evaluation.metrics.accuracy",
        "alambique.evaluation.metrics.macro_f1",
        "alambique.evaluation.metrics.expected_calibration_error",
        "alambique.evaluation.intervals.interval",
        "alambique.evaluation.intervals.interval_over",
        "alambique.evaluation.contributions.Contributions",
        "alambique.evaluation.contributions.of_share",
        "alambique.evaluation.contributions.of_macro_f1",
        "alambique.evaluation.contributions.of_macro_f1_gain",
        "alambique.evaluation.contributions.of_macro_f1_ratio",
        "alambique.evaluation.intervals.macro_f1_contributions",
        "alambique.evaluation.intervals.mcnemar",
    ),
    "Check a set-up before training": ("alambique.doctor.examine.examine", "alambique.findings.Finding"),
    "Errors": ("alambique.errors.AlambiqueError",),
}
HEAD = """\
# API reference

<!-- Made from the docstrings by: python docs/make_api.py > docs/api.md
     To change an entry, change its docstring; to add a name, add it to PUBLIC in docs/make_api.py. -->

These names are the public API: a change to one of them is listed in the [changelog](../CHANGELOG.md). Everything else in
the package may change in any release. `alambique.__version__` is the version as text.

Importing `alambique` is fast: torch is loaded when a name that needs it is first used. In shapes, `N` and `B` stand for
rows, `C` for classes."""
_SECTION = re.compile(r"^(Args|Attributes|Returns|Raises|Example):$")
_ROLE = re.compile(r":(?:attr|class|data|func|meth|mod):`~?([\w.]+)`")
_WIDTH = 100


def page() -> str:
    """The whole page: a list of the names, then an entry for each."""
    contents, entries = [], []
    for title, names in PUBLIC.items():
        contents.append(f"- {title}: {', '.join(f'[`{_last(name)}`](#{_anchor(name)})' for name in names)}")
        entries.append(f"## {title}")
        entries += [entry(name) for name in names]
    return "\n\n".join([HEAD, "\n".join(contents), *entries, error_table()]) + "\n"


def resolve(name: str) -> Any:
    """The object of a dotted name."""
    module, _, attribute = name.rpartition(".")
    return getattr(import_module(module), attribute)


def entry(name: str) -> str:
    """Heading, import line, signature and docstring of a class or function, then a class's own public methods."""
    thing = resolve(name)
    imported = f"from {name.rpartition('.')[0]} import {_last(name)}"
    parts = [f"### `{_last(name)}`", _code(f"{imported}\n\n{signature(thing)}"), describe(thing)]
    if inspect.isclass(thing):
        for method, function in _methods(thing):
            parts += [f"#### `{_last(name)}.{method}`", _code(signature(function, method)), describe(function)]
    return "\n\n".join(parts)


def _methods(thing: type) -> Iterator[tuple[str, Any]]:
    """Documented public methods and properties that a class adds to its bases, in the order of its source."""
    inherited = {name for base in thing.__mro__[1:] for name in vars(base)}
    for name, value in vars(thing).items():
        inner = (
            getattr(value, "__func__", None) or getattr(value, "fget", None) or getattr(value, "func", None) or value
        )
        if not name.startswith("_") and name not in inherited and inspect.isfunction(inner) and inner.__doc__:
            yield name, inner


def signature(thing: Any, name: str | None = None) -> str:
    """A signature with annotations as they stand in the source; of a dataclass, its fields.

    The source is read, and not ``inspect.signature``, whose text for a type differs between versions of Python.
    """
    node = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    name = name or thing.__name__
    if isinstance(node, ast.FunctionDef):
        decorators = {ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list}
        if decorators & {"property", "cached_property"}:
            return f"{name}: {_annotation(node.returns)}"
        result = f" -> {_annotation(node.returns)}" if node.returns else ""
        return _call(name, list(_parameters(node.args)), result)
    return f"class {_call(name, list(_fields(node)))}" if list(_fields(node)) else f"class {name}"


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults = [None] * (len(plain) - len(arguments.defaults)) + arguments.defaults
    for argument, default in zip(plain, defaults, strict=True):
        if argument.arg not in ("self", "cls"):
            yield _declared(argument, default)
    if arguments.vararg:
        yield f"*{arguments.vararg.arg}"
    elif arguments.kwonlyargs:
        yield "*"
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield _declared(argument, default)
    if arguments.kwarg:
        yield f"**{arguments.kwarg.arg}"


def _fields(node: Any) -> Iterator[str]:
    """Arguments of a class's constructor: those of its ``__init__``, or the fields of a dataclass."""
    for member in node.body:
        if isinstance(member, ast.FunctionDef) and member.name == "__init__":
            yield from _parameters(member.args)
        elif isinstance(member, ast.AnnAssign) and any("dataclass" in ast.unparse(d) for d in node.decorator_list):
            yield f"{ast.unparse(member.target)}: {_annotation(member.annotation)}" + (
                f" = {ast.unparse(member.value)}" if member.value else ""
            )


def _declared(argument: ast.arg, default: ast.expr | None) -> str:
    annotation = f": {_annotation(argument.annotation)}" if argument.annotation else ""
    if default is None:
        return argument.arg + annotation
    return f"{argument.arg}{annotation}{' = ' if annotation else '='}{ast.unparse(default)}"


def _annotation(node: ast.expr | None) -> str:
    """An annotation as it is written, without the quotes of a forward reference."""
    return str(node.value) if isinstance(node, ast.Constant) and node.value else ast.unparse(node) if node else "None"


def _call(name: str, parameters: list[str], result: str = "") -> str:
    line = f"{name}({', '.join(parameters)}){result}"
    if len(line) <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {parameter},\n" for parameter in parameters) + f"){result}"


def describe(thing: Any) -> str:
    """A docstring in Google style as Markdown."""
    parts, title = [], ""
    for block in _blocks(inspect.getdoc(thing) or ""):
        first, _, rest = block.partition("\n")
        text = block
        if _SECTION.match(first):
            title, text = first[:-1], textwrap.dedent(rest)
            parts.append(f"**{title.replace('Args', 'Arguments')}**")
        if title == "Example":
            parts.append(_code(text))
        elif title in ("Args", "Attributes", "Raises"):
            parts.append(_items(text))
        else:
            parts.append(_prose(text))
    return "\n\n".join(parts)


def _blocks(text: str) -> Iterator[str]:
    """A docstring's paragraphs; an example is one, with its blank lines."""
    head, example, rest = text.partition("\nExample:\n")
    yield from (block.strip("\n") for block in re.split(r"\n\s*\n", head) if block.strip())
    if example:
        yield f"Example:\n{rest}"


def _items(block: str) -> str:
    """``name: text`` lines as a list; a text goes on in deeper lines."""
    joined = re.sub(r"\n\s+", " ", block)
    return "\n".join(re.sub(r"^(\S+): ", r"- `\1`: ", _prose(line)) for line in joined.splitlines())


def _prose(text: str) -> str:
    return _ROLE.sub(_link, text).replace("``", "`")


def _link(found: re.Match[str]) -> str:
    known = {name for names in PUBLIC.values() for name in names}
    target = next((name for name in known if name == found[1] or _last(name) == found[1]), None)
    return f"[`{_last(target)}`](#{_anchor(target)})" if target else f"`{found[1]}`"


def error_table() -> str:
    """Every error of the package with its exit status and the first line of its docstring."""
    lines = ["| error | exit status | raised when |", "| --- | --- | --- |"]
    for name, kind in vars(errors).items():
        if inspect.isclass(kind) and issubclass(kind, errors.AlambiqueError) and kind is not errors.AlambiqueError:
            first = (inspect.getdoc(kind) or "").splitlines()[0]
            lines.append(f"| `alambique.errors.{name}` | {kind.exit_status} | {_prose(first)} |")
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _last(name: str) -> str:
    return name.rpartition(".")[2]


def _anchor(name: str) -> str:
    return _last(name).lower()


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())  # UTF-8, wherever it is written
