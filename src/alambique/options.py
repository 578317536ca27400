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
    from alambique.recipe.files import shipped_recipes  # noqa: PLC0415 - each command imports what it needs

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


def _check_model(model: str | None) -> str | None:
    if model is not None and model not in _model_names():
        raise typer.BadParameter(f"must be {', '.join(_model_names())}", param_hint="--model")
    return model


Model = Annotated[
    str | None,
    typer.Option("--model", help="numpy (static students), int8, onnx or torch; by default the first that is there.",
                 autocompletion=_model_names, callback=_check_model),
]  # fmt: skip
Texts = Annotated[
    list[str] | None,
    typer.Argument(metavar="[TEXT]...", callback=refuse_bytes,
                   help="Texts; without any, lines of standard input. A tab parts the two texts of a pair."),
]  # fmt: skip
Calibrated = Annotated[bool, typer.Option("--calibrated", help="Scale probabilities as fitted on valid.")]

InputFiles = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="FILES", callback=refuse_bytes,
                 help="Classify files instead: Parquet, JSON Lines, CSV or TSV; a folder, a pattern, s3:// and the like; "
                      "repeats."),
]  # fmt: skip
OutputFolder = Annotated[
    Path | None,
    typer.Option("--output", metavar="DIR", callback=refuse_bytes, help="The folder for what --input gives."),
]
EngineName = Annotated[
    str,
    typer.Option("--engine", help="With --input, who classifies: local (all cores), or ray: the cluster of RAY_ADDRESS, or "
                                  "one of this machine."),
]  # fmt: skip
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", min=1, help="With --engine ray, processes that classify; by default one per GPU or core."
    ),
]
TextColumns = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="COLUMN", callback=refuse_bytes,
                 help="With --input, the column of text, by default as in training; twice for pairs."),
]  # fmt: skip
Scores = Annotated[bool, typer.Option("--scores", help="With --input, add the probability of each label.")]
Prefix = Annotated[
    str,
    typer.Option("--prefix", callback=refuse_bytes, help="With --input, put this before the names of added columns."),
]
ShardRows = Annotated[int, typer.Option("--shard-rows", min=1, help="With --input, rows per file of the output.")]
