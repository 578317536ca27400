"""Arguments and options that several commands have."""

from pathlib import Path
from typing import Annotated, Any

import typer

from alambique.errors import UserInputError
from alambique.streams import is_utf8


def refuse_bytes(parameter: typer.CallbackParam, value: Any) -> Any:
    """Values that are not UTF-8 text: they could be neither stored nor shown."""
    values = value if isinstance(value, list | tuple) else [value]
    for number, text in enumerate(values, 1):
        if not is_utf8(str(text)):
            name = parameter.metavar if parameter.param_type_name == "argument" else parameter.opts[0]
            raise UserInputError(
                f"{f'argument {number}' if parameter.name == 'texts' else f'{name} {text}'}: not UTF-8 text."
            )
    return value


Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; repeats.", callback=refuse_bytes),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", callback=refuse_bytes)]


def _shipped_names() -> list[str]:
    from alambique.recipe.recipe import shipped_recipes  # noqa: PLC0415 - each command imports what it needs

    return list(shipped_recipes())


RecipeName = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE", help="A shipped recipe or a YAML file.", autocompletion=_shipped_names, callback=refuse_bytes
    ),
]


Out = Annotated[
    Path | None, typer.Option("--out", help="The run folder; runs/RECIPE by default.", callback=refuse_bytes)
]


def _model_names() -> list[str]:
    from alambique.inference.classifier import MODELS  # noqa: PLC0415

    return list(MODELS)


Model = Annotated[
    str | None,
    typer.Option("--model", help="int8, onnx or torch; the first of these that is there by default.",
                 autocompletion=_model_names),
]  # fmt: skip
