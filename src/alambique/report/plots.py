"""Charts of the report: SVG drawn by matplotlib, coloured by the page's own style, the same each time.

Each colour below is a stand-in that no chart would use; it becomes a CSS variable of the page, so that one SVG serves
light, dark and paper. Text stays text, in the page's font.
"""

import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from alambique.report.details import ConfidenceBin, Curve
from alambique.report.model_report import ModelReport
from alambique.report.names import model_role, unit_of
from alambique.report.svg import inline_svg, showable
from alambique.report.verdict_report import Gain

INK, LINE, HEAT, LOST, CARD = "#010201", "#010202", "#010203", "#010204", "#01020a"
SHAPES = {
    "teacher": ("#010205", "s", "-"), "student": ("#010206", "o", "-"), "undistilled": ("#010207", "^", "--"),
    "tfidf": ("#010208", "D", ":"), "majority": ("#010209", "v", ":"),
}  # fmt: skip
OTHER = (INK, "P", "-.")
VARIABLES = {
    INK: "currentColor",
    LINE: "var(--line)",
    HEAT: "var(--heat)",
    LOST: "var(--lost)",
    CARD: "var(--card)",
} | {colour: f"var(--{name})" for name, (colour, _, _) in SHAPES.items()}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "alambique", "text.parse_math": False, "font.size": 9,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": LINE, "axes.facecolor": "none", "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "grid.color": LINE,
    "grid.linewidth": 0.5, "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "figure.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False, "lines.linewidth": 1.6,
}  # fmt: skip
WITH_COUNTS, WITH_NAMES, NAME_LENGTH = 10, 25, 14


def quality_against_latency(models: Mapping[str, ModelReport]) -> str:
    """Draw a mark per model at its median latency and its macro-F1 on test, with the interval; timed models only."""
    timed = {name: (model, latency) for name, model in models.items() if (latency := model.median_latency_ms)}
    with canvas(3.8, 3.3) as (figure, axes):
        for name, (model, latency) in timed.items():
            colour, marker, _ = _shape(name)
            quality = model.test.macro_f1
            if quality.low is not None and quality.high is not None:
                axes.plot([latency] * 2, [100 * quality.low, 100 * quality.high], color=colour, linewidth=1.2)
            axes.plot(
                latency, 100 * quality.mean, color=colour, marker=marker, markersize=8, linestyle="none",
                label=showable(name),
            )  # fmt: skip
        axes.set_xscale("log")
        axes.margins(x=0.2, y=0.2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("milliseconds per text (median)")
        axes.set_ylabel("macro-F1 on test, %")
        _legend(figure)
        return svg_element(figure, "latency", f"macro-F1 on test against the time per text, for {len(timed)} models")


def learning_curves(curves: Mapping[str, Curve], name: str, label: str, scale: float = 1) -> str:
    """Draw a line per model.

    Args:
        curves: points by model.
        name: of the drawing, unique on the page.
        label: of the vertical axis.
        scale: 100 for percent.
    """
    with canvas(3.8, 2.9) as (figure, axes):
        for model, points in curves.items():
            colour, marker, dashes = _shape(model)
            few = len(points) <= 12  # noqa: PLR2004 - more marks than that hide the line
            axes.plot(
                [point.epoch for point in points], [scale * point.value for point in points], color=colour,
                linestyle=dashes, marker=marker if few else "", markersize=5, label=model,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        _legend(figure)
        return svg_element(figure, f"curves-{name}", f"{label} by epoch of {' and '.join(curves)}")


def reliability(models: Mapping[str, Sequence[ConfidenceBin]]) -> str:
    """Draw how often each model is right against how sure it is; the larger the mark, the more rows."""
    with canvas(3.8, 3.6) as (figure, axes):
        axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=(0, (2, 3)))
        for name, bins in models.items():
            colour, marker, dashes = _shape(name)
            filled = [bin_ for bin_ in bins if bin_.rows]
            total = sum(bin_.rows for bin_ in filled)
            x, y = [100 * bin_.confidence for bin_ in filled], [100 * bin_.accuracy for bin_ in filled]
            axes.plot(x, y, color=colour, linestyle=dashes, linewidth=1.1)
            axes.scatter(x, y, s=[10 + 160 * bin_.rows / total for bin_ in filled], color=colour, marker=marker,
                         alpha=0.8, linewidths=0)  # fmt: skip
            axes.plot([], [], color=colour, linestyle=dashes, marker=marker, markersize=5, label=name)
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="confidence, %", ylabel="right, %")
        _legend(figure)
        return svg_element(
            figure, "reliability", f"Share of right predictions against confidence of {', '.join(models)}"
        )


def label_grid(axes: Axes, labels: Sequence[str], *, across: str, down: str) -> None:
    """Make axes a square with a row and a column for each label, named where there is room."""
    count = len(labels)
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5), xlabel=across, ylabel=down)
    axes.set_aspect("equal")
    axes.grid(visible=False)
    names = [short_name(label) for label in labels] if count <= WITH_NAMES else []
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def confusion(name: str, matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """Draw a model's predictions (columns) by true label (rows); the shade is the share of the row."""
    classes = len(matrix)
    with canvas(3.6, 3.6) as (figure, axes):
        for row, counts in enumerate(matrix):
            for column, count in enumerate(counts):
                _cell(axes, row, column, count, sum(counts), in_words=classes <= WITH_COUNTS)
        label_grid(axes, labels, across="prediction", down="true label")
        right, total = sum(matrix[i][i] for i in range(classes)), sum(map(sum, matrix))
        title = f"Confusion matrix of {name}: right on {right} of {total} rows"
        return svg_element(figure, f"confusion-{name.replace('/', '-')}", title)


def token_lengths(lengths: Sequence[int], cut_off: int) -> str:
    """Draw a histogram of the lengths of the training texts, with the cut-off."""
    with canvas(3.8, 2.7) as (figure, axes):
        end = max(*lengths, cut_off) + 1
        width = max(1, -(-end // 48))
        counts, edges = np.histogram(lengths, bins=np.arange(0, end + width, width))
        colours = [LOST if left > cut_off else SHAPES["teacher"][0] for left in edges[:-1]]
        axes.bar(edges[:-1], counts, width=0.86 * width, align="edge", color=colours)
        axes.axvline(cut_off, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"cut-off {cut_off}", (cut_off, 1), xycoords=("data", "axes fraction"), xytext=(-4, -2), ha="right",
            va="top", textcoords="offset points",
        )  # fmt: skip
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.set(xlabel="tokens per text", ylabel="rows of train")
        return svg_element(figure, "lengths", f"Histogram of the lengths of {len(lengths)} training texts")


def gain(figures: Gain) -> str:
    """Draw the verdict's gain with its interval, against no difference; with several seeds, a tick per seed."""
    unit = unit_of(figures.metric)
    with canvas(3.8, 1.25) as (figure, axes):
        colour = SHAPES["student"][0]
        axes.axvline(0, color=INK, linewidth=1)
        if figures.low is not None and figures.high is not None:
            axes.plot([unit.scale * figures.low, unit.scale * figures.high], [0, 0], color=colour, linewidth=5, alpha=0.45,
                      solid_capstyle="round")  # fmt: skip
        seeds = [unit.scale * value for value in figures.per_seed]
        if len(seeds) > 1:
            axes.plot(seeds, [0.6] * len(seeds), color=INK, marker="|", linestyle="none")
        axes.plot(unit.scale * figures.mean, 0, color=colour, marker="o", markersize=9)
        axes.set(ylim=(-0.8, 1.1), yticks=[], xlabel=f"{unit.name} gained over the undistilled student")
        axes.margins(x=0.12)
        axes.spines["left"].set_visible(False)
        return svg_element(figure, "gain", "The gain with its interval, beside the line of no difference")


def _shape(name: str) -> tuple[str, str, str]:
    """Colour, marker and dashes of a model."""
    return SHAPES.get(model_role(name), OTHER)


def _cell(axes: Axes, row: int, column: int, count: int, total: int, *, in_words: bool) -> None:
    corner = (column - 0.48, row - 0.48)
    if row == column:
        axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor="none", edgecolor=LINE, linewidth=1))
    if count:
        axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor=HEAT, alpha=round(0.04 + 0.66 * count / total, 3)))
    if in_words:
        axes.text(column, row, str(count), ha="center", va="center", fontsize=8)


def short_name(label: str) -> str:
    """A label on one line, cut where it would be too long for a figure."""
    label = " ".join(showable(label).split())
    return label if len(label) <= NAME_LENGTH else f"{label[: NAME_LENGTH - 1]}…"


@contextmanager
def canvas(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure of this size in inches, in our style whatever the user's own settings; a label's glyphs are the browser's."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(Glyph|glyph|font).*")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def _legend(figure: Figure) -> None:
    figure.legend(loc="outside upper left", ncols=4, fontsize=8, handlelength=1.6, columnspacing=1, borderaxespad=0)


def svg_element(figure: Figure, name: str, title: str) -> str:
    """The figure as an element of the page, without date and version: the same each time."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    return inline_svg(file.getvalue(), name=name, title=title, colours=VARIABLES)
