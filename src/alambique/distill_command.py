"""``alambique distill`` and ``label``: load the recipe, run it, print what came of it."""

from pathlib import Path
from typing import TYPE_CHECKING

from alambique.progress import make_reporter

if TYPE_CHECKING:
    from alambique.report.schema import Report


def distill_and_print(recipe: str, out: Path | None, sets: list[str] | None, seeds: int | None, *, quiet: bool) -> None:
    """Run a recipe, and print a comparison of its models; the arguments are those of the command line."""
    from alambique.recipe.recipe import Recipe  # noqa: PLC0415

    several = [] if seeds is None else [f"seeds={list(range(seeds))}"]
    loaded = Recipe.load(recipe, (*(sets or ()), *several))
    folder = out or Path("runs") / Path(recipe).stem
    from alambique.pipeline import distill as run_recipe  # noqa: PLC0415 - torch takes seconds; a bad recipe none
    from alambique.report.schema import Report  # noqa: PLC0415

    report = run_recipe(loaded, folder, reporter=make_reporter(quiet=quiet))
    print_comparison(Report.model_validate(report))
    print(f"Student: {folder / 'student'}   Report: {folder / 'report.json'}")  # noqa: T201 - the result


def label_and_print(recipe: str, out: Path | None, sets: list[str] | None, *, quiet: bool) -> None:
    """Run a recipe up to the soft labels, and print what they are worth."""
    from alambique.recipe.recipe import Recipe  # noqa: PLC0415

    loaded = Recipe.load(recipe, tuple(sets or ()))
    folder = out or Path("runs") / Path(recipe).stem
    from alambique.pipeline import label as run_recipe  # noqa: PLC0415 - as for distill
    from alambique.report.label_table import label_table  # noqa: PLC0415
    from alambique.report.terminal import print_table  # noqa: PLC0415

    worths = run_recipe(loaded, folder, reporter=make_reporter(quiet=quiet))
    print_table(label_table(worths))
    print(f"Soft labels: {folder / 'soft_labels'}   Next: alambique distill with the same arguments")  # noqa: T201


def print_comparison(report: "Report") -> None:
    """Print the models of a run side by side, and the verdict."""
    from alambique.report.terminal import comparison, print_table, verdict_line  # noqa: PLC0415

    print_table(comparison(report))
    print(verdict_line(report))  # noqa: T201
