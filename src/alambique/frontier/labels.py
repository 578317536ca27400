"""Names beside the points of a chart, placed so that they hide neither each other nor a point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from alambique.report.plots import INK

_NEAR, _FAR, _SIZE = (7, 15, 26, 40), 10, 8  # points
_MARK = 4.5  # points that a mark reaches to each side
_ALIGN = {-1: "right", 0: "center", 1: "left"}, {-1: "top", 0: "center", 1: "bottom"}
# from the side that is read most easily; straight up and down an interval is drawn
_SIDES = ((1, 1), (1, -1), (-1, 1), (-1, -1), (1, 0), (-1, 0))


@dataclass(frozen=True)
class Label:
    """A name, or a point without one that no name may hide.

    Attributes:
        text: the name; empty: none.
        x: of the point, in data.
        y: of the point, in data.
        bold: whether it stands out.
        quiet: whether there is a line at ``x``, and no point.
    """

    text: str
    x: float
    y: float
    bold: bool = False
    quiet: bool = False


def place_labels(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
    """Add the names to axes whose limits are set.

    Each is tried at several sides and distances, the bold one first; the place where it hides least is taken. A name that is
    far from its point gets a line to it.
    """
    figure.draw_without_rendering()  # places the axes
    scale = figure.dpi / 72
    taken = [_around(axes, label, _MARK * scale) for label in labels if not label.quiet]
    for label in sorted((each for each in labels if each.text), key=lambda each: (not each.bold, each.quiet)):
        best = min(_candidates(axes, label), key=lambda place: (_hidden(axes, place[1], taken), place[0]))
        _, box, (dx, dy) = best
        taken.append(box)
        _annotate(axes, label, dx, dy)


def _candidates(axes: Axes, label: Label) -> Iterator[tuple[int, Bbox, tuple[float, float]]]:
    """Places from the best to the worst, each with the box that the name would fill."""
    order = 0
    for distance in _NEAR:
        for side, up in ((1, 1), (-1, 1)) if label.quiet else _SIDES:
            dx, dy = side * distance * (0.6 if up else 1.0), up * distance * 0.8
            trial = _annotate(axes, label, dx, dy)
            box = text_box(trial)
            trial.remove()
            yield order, box, (dx, dy)
            order += 1


def text_box(note: Annotation) -> Bbox:
    """Where the text of a name stands, without the line to its point."""
    note.get_window_extent()  # places the text
    return Text.get_window_extent(note)


def _annotate(axes: Axes, label: Label, dx: float, dy: float) -> Annotation:
    across, up = ((value > 0) - (value < 0) for value in (dx, dy))
    far = max(abs(dx), abs(dy)) > _FAR and not label.quiet
    note = axes.annotate(
        label.text, (label.x, label.y), xytext=(dx, dy), textcoords="offset points", fontsize=_SIZE, color=INK,
        ha=_ALIGN[0][across], va=_ALIGN[1][up], fontweight="bold" if label.bold else "normal", annotation_clip=False,
        arrowprops={"arrowstyle": "-", "color": INK, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 3} if far else None,
        zorder=6,
    )  # fmt: skip
    note.set_in_layout(False)
    return note


def _around(axes: Axes, label: Label, reach: float) -> Bbox:
    x, y = axes.transData.transform((label.x, label.y))
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _hidden(axes: Axes, box: Bbox, taken: Sequence[Bbox]) -> float:
    """Area that a name would hide, or have outside the axes."""
    inside = Bbox.intersection(box, axes.bbox)
    outside = box.width * box.height - (inside.width * inside.height if inside is not None else 0.0)
    return round(3 * outside + sum(_area(Bbox.intersection(box, other)) for other in taken), 1)


def _area(box: Bbox | None) -> float:
    return 0.0 if box is None else box.width * box.height
