"""The models side by side: a row per model, a column per figure, for the page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from alambique.evaluation.task import Metric, Task
from alambique.report.model_report import ModelReport
from alambique.report.numbers import grouped, interval, number
from alambique.report.parts import CalibrationError, Figure


class Cell(NamedTuple):
    """A figure, None where it is not computed, and a note below it, which may be empty."""

    figure: str | None
    note: str = ""


@dataclass(frozen=True)
class ModelTable:
    """Cells ready to show.

    Attributes:
        columns: titles of the columns that any model has a figure for.
        rows: cells by model, in the order of the columns.
        absent: columns that no model has a figure for.
    """

    columns: Sequence[str]
    rows: Mapping[str, Sequence[Cell]]
    absent: Sequence[str]


def model_table(models: Mapping[str, ModelReport], split: str, task: Task) -> ModelTable:
    """Tabulate the models' figures on ``valid`` or ``test``; their cost is in the table of test.

    Args:
        models: of the report.
        split: ``valid`` or ``test``.
        task: which figures there are, in what order and with how many digits.
    """
    qualities = [model.test if split == "test" else model.valid for model in models.values()]
    columns = {
        task.metrics[key].title: [_figure(quality.figure(key), task.metrics[key]) for quality in qualities]
        for key in task.columns
    }
    if split == "test":
        columns |= {title: [cell(model) for model in models.values()] for title, cell in COST.items()}
    filled = {title: cells for title, cells in columns.items() if any(cell.figure for cell in cells)}
    return ModelTable(
        columns=list(filled),
        rows=dict(zip(models, zip(*filled.values(), strict=True), strict=True)),
        absent=[title.split(",", maxsplit=1)[0] for title in columns if title not in filled],
    )


def _figure(figure: Figure | None, metric: Metric) -> Cell:
    if figure is None:
        return Cell(None)
    scale = 100 if metric.fraction else 1
    note = interval(figure, scale, metric.digits)
    if isinstance(figure, CalibrationError) and figure.if_calibrated is not None:
        note = f"if calibrated {number(figure.if_calibrated, scale, metric.digits)}"
    return Cell(number(figure.mean, scale, metric.digits), note)


def _size(model: ModelReport) -> Cell:
    return Cell(grouped(model.parameters), f"{number(model.bytes, 1e-6)} MB" if model.bytes else "")


def _latency(model: ModelReport) -> Cell:
    if model.latency_ms is None:
        return Cell(None)
    p99 = number(model.latency_ms.p99)
    return Cell(number(model.latency_ms.p50), f"p99 {p99}" if p99 else "")


COST: dict[str, Callable[[ModelReport], Cell]] = {
    "parameters": _size,
    "latency p50, ms": _latency,
    "texts per second": lambda model: Cell(grouped(model.throughput_per_s)),
    "fitted temperature": lambda model: Cell(number(model.temperature, digits=2)),
}
