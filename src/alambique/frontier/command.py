"""``alambique frontier``: read what was given, make the frontier, print its table and the choice."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from alambique.frontier.plan import Plan
from alambique.frontier.words import points_table, summary, unmet
from alambique.progress import make_reporter
from alambique.report.terminal import print_table


def frontier_and_print(
    recipe: str, out: Path | None, sets: Sequence[str], rows: int | None, forms: Sequence[str], budgets: Sequence[str],
    *, quiet: bool,
) -> None:  # fmt: skip
    """Make a frontier and print it; the arguments are those of the command line."""
    plan = Plan.load(recipe, sets=sets, rows=rows, forms=forms, budgets=budgets)
    folder = out or Path("frontiers") / Path(recipe).stem
    from alambique.frontier.build import frontier  # noqa: PLC0415 - matplotlib and jinja, after what is wrong is said

    result = frontier(plan, folder, reporter=make_reporter(quiet=quiet))
    print_table(points_table(result))
    if result.chosen is None:
        raise unmet(result, folder)
    sentences = [summary(result), result.reason, result.on_test, result.caution]
    print("\n".join(sentence for sentence in sentences if sentence))  # noqa: T201 - the result
    for point in result.refused:
        print(f"Not offered: {point.name}. {'; '.join(point.refused)}")  # noqa: T201
    for form in result.failed:
        print(f"No student: {form.name}. {form.failed}")  # noqa: T201
    print(f"\nReport: {folder / 'frontier.html'}   Next: alambique predict {shlex.quote(str(folder))} TEXT")  # noqa: T201
