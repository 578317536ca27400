"""What soft labels are worth, as a table for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from alambique.artefacts.contradicted import TABLE
from alambique.evaluation.label_worth import LabelWorth
from alambique.report.numbers import percent
from alambique.run.layout import CONTRADICTED


def label_table(worths: Sequence[LabelWorth]) -> Table:
    """Return a table with a row per seed: the teacher on valid, the soft labels beside the labels of train, in percent.

    Where contradicted rows were looked for, a last column has their number.
    """
    counted = any(worth.contradicted is not None for worth in worths)
    caption = "percent; error: expected calibration error"
    if counted:
        caption += f"; contradicted: rows of train whose label the teachers contradict, in {CONTRADICTED}/{TABLE}"
    table = Table(caption=caption, caption_justify="left")
    for column in (
        "seed", "teacher valid acc", "valid F1", "valid error", "labels = train", "confidence", "train error",
        *(["contradicted"] if counted else []),
    ):  # fmt: skip
        table.add_column(column, justify="right", no_wrap=True)
    for worth in worths:
        figures = (
            worth.valid["accuracy"], worth.valid["macro_f1"], worth.valid_calibration_error, worth.accuracy,
            worth.confidence, worth.calibration_error,
        )  # fmt: skip
        count = [] if not counted else ["–" if worth.contradicted is None else f"{worth.contradicted:,}"]
        table.add_row(str(worth.seed), *map(percent, figures), *count)
    return table
