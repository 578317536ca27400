"""What soft labels are worth, as a table for the terminal."""

from collections.abc import Sequence

from rich.table import Table

from alambique.evaluation.label_worth import LabelWorth
from alambique.report.numbers import percent


def label_table(worths: Sequence[LabelWorth]) -> Table:
    """Return a table with a row per seed: the teacher on valid, the soft labels beside the labels of train, in percent."""
    table = Table(caption="percent; error: expected calibration error", caption_justify="left")
    for column in (
        "seed", "teacher valid acc", "valid F1", "valid error", "labels = train", "confidence", "train error",
    ):  # fmt: skip
        table.add_column(column, justify="right", no_wrap=True)
    for worth in worths:
        figures = (
            worth.valid["accuracy"], worth.valid["macro_f1"], worth.valid_calibration_error, worth.accuracy,
            worth.confidence, worth.calibration_error,
        )  # fmt: skip
        table.add_row(str(worth.seed), *map(percent, figures))
    return table
