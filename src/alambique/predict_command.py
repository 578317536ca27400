"""``alambique predict``: texts that are arguments or lines of standard input, or files into a folder."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from alambique.errors import UserInputError
from alambique.inference.predict import CHUNK, chunked, predict, waiting_lines
from alambique.progress import make_reporter

if TYPE_CHECKING:
    from alambique.batch_prediction.predict_files import Job


def print_predictions(run: Path, texts: list[str], *, model: str | None, calibrated: bool, as_json: bool) -> None:
    """Classify texts, or lines of standard input where there are none, and print a line for each.

    Raises:
        UserInputError: there is nothing to read.
    """
    if not texts and sys.stdin is None:
        raise UserInputError("Standard input is closed. Give texts as arguments, or lines from a file or a pipe.")
    chunks = chunked(texts) if texts else waiting_lines(sys.stdin.buffer, CHUNK)
    for answer in predict(run, chunks, model=model, calibrated=calibrated):
        print(json.dumps(answer, ensure_ascii=False) if as_json else _line(answer), flush=True)  # noqa: T201


def _line(answer: dict[str, Any]) -> str:
    """The label and its probability; where texts have any number of labels, those that are given with theirs."""
    if "label" in answer:
        return f"{answer['label']}\t{answer['probability']:.4f}"
    given = {name: f"{answer['scores'][name]:.4f}" for name in answer["labels"]}
    return f"{', '.join(given)}\t{', '.join(given.values())}"


def write_predictions(job: "Job", *, quiet: bool) -> None:
    """Classify files, and print what was written; nothing where all of it was there."""
    from alambique.batch_prediction.predict_files import predict_files  # noqa: PLC0415 - texts need none of it

    written = predict_files(job, reporter=make_reporter(quiet=quiet))
    if written is None:
        return
    rows, files = _counted(written.rows, "row"), _counted(written.shards, "file")
    without = f", {written.not_classified:,} of them not classified" if written.not_classified else ""
    print(f"Predictions: {job.output}   {rows}{without}, in {files}")  # noqa: T201 - the result


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def job_of(
    run: Path, inputs: list[str], output: Path | None, texts: list[str], *, text: list[str], as_json: bool,
    prefix: str, scores: bool, **options: Any,
) -> "Job":  # fmt: skip
    """The job that the options ask for.

    Raises:
        typer.BadParameter: they contradict one another.
    """
    from alambique.batch_prediction.columns import AddedColumns  # noqa: PLC0415 - texts need none of it
    from alambique.batch_prediction.predict_files import Job  # noqa: PLC0415

    if output is None:
        raise typer.BadParameter("it needs --output DIR, the folder for the predictions", param_hint="--input")
    if texts:
        hint = (
            ". Put a pattern in quotes, or else the shell replaces it by the files" if Path(texts[0]).exists() else ""
        )
        raise typer.BadParameter(f"{texts[0]!r} would be a text; each file has an --input{hint}", param_hint="--input")
    if not inputs:
        raise typer.BadParameter("it needs --input FILES, what to classify", param_hint="--output")
    if as_json:
        raise typer.BadParameter("it is for texts; with --input, --scores adds all of them", param_hint="--json")
    return Job(run, tuple(inputs), output, text=tuple(text), added=AddedColumns(prefix, scores), **options)
