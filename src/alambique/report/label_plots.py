"""Charts of labels that do not exclude each other: how they stand together, and precision by recall."""

from collections.abc import Sequence

from matplotlib.patches import Rectangle

from alambique.report.label_sets import LabelCurve
from alambique.report.plots import HEAT, INK, SHAPES, WITH_COUNTS, canvas, label_grid, short_name, svg_element

_DASHES = ("-", "--", ":", "-.", (0, (1, 1)), (0, (6, 1, 1, 1)))


def co_occurrence(names: Sequence[str], together: Sequence[Sequence[float]]) -> str:
    """Draw of the rows with one label (row) the share that also has another (column).

    Args:
        names: of the labels.
        together: shares from 0 to 1.
    """
    count = len(names)
    with canvas(3.8, 3.8) as (figure, axes):
        for row, shares in enumerate(together):
            for column, share in enumerate(shares):
                if row == column or not share:
                    continue
                corner = (column - 0.48, row - 0.48)
                axes.add_patch(Rectangle(corner, 0.96, 0.96, facecolor=HEAT, alpha=round(0.04 + 0.66 * share, 3)))
                if count <= WITH_COUNTS:
                    axes.text(column, row, f"{100 * share:.0f}", ha="center", va="center", fontsize=8)
        label_grid(axes, names, across="also has", down="rows with")
        return svg_element(figure, "together", f"How often {count} labels stand together in train, in percent")


def precision_and_recall(curves: Sequence[LabelCurve]) -> str:
    """Draw the student's precision by recall on test, a line per label, with a mark where its threshold lies."""
    with canvas(3.8, 3.6) as (figure, axes):
        colours = [colour for colour, _, _ in SHAPES.values()] + [INK]
        for curve, colour, dashes in zip(curves, colours, _DASHES, strict=False):
            recall, precision = ([100 * value for value in values] for values in zip(*curve.points, strict=True))
            axes.plot(recall, precision, color=colour, linestyle=dashes, linewidth=1.2, label=short_name(curve.label),
                      drawstyle="steps-post")  # fmt: skip
            if curve.chosen is not None:
                axes.plot(
                    100 * curve.chosen.recall, 100 * curve.chosen.precision, color=colour, marker="o", markersize=7
                )
        axes.set(xlim=(0, 101), ylim=(0, 101), xlabel="recall, %", ylabel="precision, %")
        figure.legend(loc="outside upper left", ncols=3, fontsize=8, handlelength=1.6, columnspacing=1, borderaxespad=0)
        names = ", ".join(curve.label for curve in curves)
        return svg_element(figure, "precision-recall", f"Precision by recall on test of the labels {names}")
