"""``alambique sweep``: read what was given, make the trials, print them and the winner."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from alambique.errors import missing_extra
from alambique.progress import make_reporter
from alambique.report.terminal import print_table
from alambique.sweep.candidates import Candidates
from alambique.sweep.words import command, trials_table


def sweep_and_print(
    recipe: str, over: Sequence[str], out: Path | None, sets: Sequence[str], trials: int | None, *, prune: bool, quiet: bool
) -> None:  # fmt: skip
    """Make a sweep and print it; the arguments are those of the command line."""
    candidates = Candidates.load(recipe, over, sets)
    folder = out or Path("sweeps") / Path(recipe).stem
    try:
        from alambique.sweep.search import sweep  # noqa: PLC0415 - it needs the extra
    except ModuleNotFoundError as error:
        raise missing_extra("alambique sweep", error.name, "sweep") from error
    result = sweep(candidates, folder, trials=trials, prune=prune, reporter=make_reporter(quiet=quiet))
    print_table(trials_table(result))
    best = shlex.quote(str(folder / "best.yaml"))
    print(f"{result.summary}\n{result.caution}\n\n{command(result)}\n\n"  # noqa: T201 - the result
          f"Report: {folder / 'sweep.html'}   Next, to measure it on test: alambique distill {best}")  # fmt: skip
