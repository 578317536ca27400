"""The report's pictures: SVG drawn by matplotlib, coloured by the page's own style, the same each time.

Each colour below is a stand-in that no picture would use; it becomes a CSS variable of the page, so that one SVG serves
light, dark and paper. Text stays text, in the page's font.
"""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

INK, LINE, HEAT, LOST = "#010201", "#010202", "#010203", "#010204"
SHAPES = {
    "teacher": ("#010205", "s", "-"), "student": ("#010206", "o", "-"), "undistilled": ("#010207", "^", "--"),
    "tfidf": ("#010208", "D", ":"), "majority": ("#010209", "v", ":"),
}  # fmt: skip
OTHER = (INK, "P", "-.")
VARIABLES = {INK: "currentColor", LINE: "var(--line)", HEAT: "var(--heat)", LOST: "var(--lost)"} | {
    colour: f"var(--{name})" for name, (colour, _, _) in SHAPES.items()
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "svg.hashsalt": "alambique", "text.parse_math": False, "font.size": 9,
    "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": LINE, "axes.facecolor": "none", "axes.grid": True,
    "axes.axisbelow": True, "axes.spines.top": False, "axes.spines.right": False, "grid.color": LINE,
    "grid.linewidth": 0.5, "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": INK, "ytick.labelcolor": INK,
    "figure.facecolor": "none", "savefig.facecolor": "none", "legend.frameon": False, "lines.linewidth": 1.6,
}  # fmt: skip
UNSHOWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
WITH_COUNTS, WITH_NAMES, NAME_LENGTH = 10, 25, 14


def quality_against_latency(models: dict[str, Any], key: str, metric: str) -> str:
    """One mark a model, with the interval of its quality.

    Args:
        models: as in report.json; each has a latency.
        key: of the quality on test.
        metric: what the quality is called.
    """
    with _canvas(3.8, 3.3) as (figure, axes):
        for name, model in models.items():
            colour, marker, _ = SHAPES.get(name, OTHER)
            latency, quality = model["latency_ms"]["p50"], model["test"][key]
            if quality["low"] is not None and quality["high"] is not None:
                axes.plot([latency] * 2, [100 * quality["low"], 100 * quality["high"]], color=colour, linewidth=1.2)
            axes.plot(
                latency, 100 * quality["mean"], color=colour, marker=marker, markersize=8, linestyle="none",
                label=shown(name),
            )  # fmt: skip
        axes.set_xscale("log")
        axes.margins(x=0.2, y=0.2)
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xlabel("milliseconds for one text (median)")
        axes.set_ylabel(f"{metric} on test, %")
        _legend(figure)
        return _svg(figure, "latency", f"{metric} on test against the time for one text, for {len(models)} models")


def learning_curves(curves: dict[str, list[dict[str, float]]], key: str, label: str, *, percent: bool) -> str:
    """What a history says of ``key`` at each epoch, a line a model."""
    with _canvas(3.8, 2.9) as (figure, axes):
        for name, history in curves.items():
            colour, marker, dashes = SHAPES.get(name, OTHER)
            steps = [(entry["epoch"], entry[key] * (100 if percent else 1)) for entry in history if key in entry]
            few = len(steps) <= 12  # noqa: PLR2004 - more marks than that hide the line
            axes.plot(
                [epoch for epoch, _ in steps], [value for _, value in steps], color=colour, linestyle=dashes,
                marker=marker if few else "", markersize=5, label=name,
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
        _legend(figure)
        return _svg(figure, f"curves-{key}", f"{label} by epoch of {' and '.join(curves)}")


def reliability(bins: dict[str, list[dict[str, float]]]) -> str:
    """How often each model is right against how sure it is; the larger the mark, the more rows."""
    with _canvas(3.8, 3.6) as (figure, axes):
        axes.plot([0, 100], [0, 100], color=INK, linewidth=0.8, linestyle=(0, (2, 3)))
        for name, found in bins.items():
            colour, marker, dashes = SHAPES.get(name, OTHER)
            filled = [one for one in found if one["rows"]]
            total = sum(one["rows"] for one in filled)
            x, y = ([100 * one[key] for one in filled] for key in ("confidence", "accuracy"))
            axes.plot(x, y, color=colour, linestyle=dashes, linewidth=1.1)
            axes.scatter(x, y, s=[10 + 160 * one["rows"] / total for one in filled], color=colour, marker=marker,
                         alpha=0.8, linewidths=0)  # fmt: skip
            axes.plot([], [], color=colour, linestyle=dashes, marker=marker, markersize=5, label=name)
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="confidence, %", ylabel="right, %")
        _legend(figure)
        return _svg(figure, "reliability", f"Share of right answers against confidence of {', '.join(bins)}")


def confusion(name: str, matrix: list[list[int]], labels: list[str]) -> str:
    """A model's answers (columns) by true label (rows); the shade is the share of the row."""
    classes = len(matrix)
    with _canvas(3.6, 3.6) as (figure, axes):
        for row, counts in enumerate(matrix):
            for column, count in enumerate(counts):
                _cell(axes, row, column, count, sum(counts), in_words=classes <= WITH_COUNTS)
        axes.set(xlim=(-0.5, classes - 0.5), ylim=(classes - 0.5, -0.5), xlabel="answer", ylabel="true label")
        axes.set_aspect("equal")
        axes.grid(visible=False)
        names = [_short(label) for label in labels] if classes <= WITH_NAMES else []
        axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        axes.tick_params(length=0)
        axes.spines[["left", "bottom"]].set_visible(False)
        right, total = sum(matrix[i][i] for i in range(classes)), sum(map(sum, matrix))
        return _svg(figure, f"confusion-{name}", f"Confusion matrix of {name}: right on {right} of {total} rows")


def token_lengths(lengths: list[int], cut_off: int) -> str:
    """How long the training texts are, and where they are cut."""
    with _canvas(3.8, 2.7) as (figure, axes):
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
        axes.set(xlabel="WordPieces in a text", ylabel="rows of train")
        return _svg(figure, "lengths", f"Histogram of the lengths of {len(lengths)} training texts")


def gain(figures: dict[str, Any]) -> str:
    """The verdict's gain with its interval, against no difference; a dot a seed."""
    with _canvas(3.8, 1.25) as (figure, axes):
        colour = SHAPES["student"][0]
        axes.axvline(0, color=INK, linewidth=1)
        if figures["low"] is not None and figures["high"] is not None:
            axes.plot([100 * figures["low"], 100 * figures["high"]], [0, 0], color=colour, linewidth=5, alpha=0.45,
                      solid_capstyle="round")  # fmt: skip
        per_seed = figures.get("per_seed") or []
        if len(per_seed) > 1:
            axes.plot([100 * one for one in per_seed], [0.6] * len(per_seed), color=INK, marker="|", linestyle="none")
        axes.plot(100 * figures["mean"], 0, color=colour, marker="o", markersize=9)
        axes.set(ylim=(-0.8, 1.1), yticks=[], xlabel="points gained over the undistilled twin")
        axes.margins(x=0.12)
        axes.spines["left"].set_visible(False)
        return _svg(figure, "gain", "The gain with its interval, beside the line of no difference")


def shown(text: object) -> str:
    """Text without the control characters and halves of characters that no page may hold."""
    return UNSHOWABLE.sub("\ufffd", str(text))


def _cell(axes: Axes, row: int, column: int, count: int, total: int, *, in_words: bool) -> None:
    corner = (column - 0.48, row - 0.48)
    if row == column:
        axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor="none", edgecolor=LINE, linewidth=1))
    if count:
        axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor=HEAT, alpha=round(0.04 + 0.66 * count / total, 3)))
    if in_words:
        axes.text(column, row, str(count), ha="center", va="center", fontsize=8)


def _short(label: str) -> str:
    label = " ".join(shown(label).split())
    return label if len(label) <= NAME_LENGTH else f"{label[: NAME_LENGTH - 1]}…"


@contextmanager
def _canvas(width: float, height: float) -> Iterator[tuple[Figure, Axes]]:
    """A figure in our style whatever the user's own settings; a label's glyphs are the browser's matter."""
    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*(Glyph|glyph|font).*")
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.add_subplot()


def _legend(figure: Figure) -> None:
    figure.legend(loc="outside upper left", ncols=4, fontsize=8, handlelength=1.6, columnspacing=1, borderaxespad=0)


def _svg(figure: Figure, name: str, title: str) -> str:
    """The figure as an element of the page: its colours are the page's, its ids its own."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Type": None, "Format": None})
    drawn = file.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<defs>\s*</defs>", "", drawn, flags=re.DOTALL)
    drawn = re.sub(r"<!--.*?-->", "", drawn, flags=re.DOTALL)
    box = re.search(r'viewBox="([^"]+)"', drawn)
    body = drawn[drawn.index(">") + 1 :].replace("xlink:href=", "href=")
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r'(\bid="|\bhref="#|url\(#)(?=[\w.-])', rf"\g<1>{name}-", body)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub("|".join(VARIABLES), lambda found: VARIABLES[found[0]], body)
    label = escape(shown(title), quote=True)
    opening = f'<svg class="picture" viewBox="{box[1] if box else ""}" role="img" aria-label="{label}">'
    return f"{opening}<title>{label}</title>{' '.join(body.split())}"
