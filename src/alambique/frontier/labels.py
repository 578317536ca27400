"""Names beside the points of a chart, placed so that they hide neither each other nor a point."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.transforms import Bbox

from alambique.report.plots import CARD, INK

_NEAR, _FAR, _SIZE = (7, 15, 26, 40), 10, 8  # points
_HIDDEN, _CROSSED, _DISTANT = 4.0, 0.15, 1.5  # badness per square pixel, and per point
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
        bar: ends of an interval through the point, in data.
    """

    text: str
    x: float
    y: float
    bold: bool = False
    quiet: bool = False
    bar: tuple[float, float] | None = None


def place_labels(figure: Figure, axes: Axes, labels: Sequence[Label]) -> None:
    """Add the names to axes whose limits are set.

    Each is tried at several sides and distances, the bold one first; the place where it hides least is taken. A name that is
    far from its point gets a line to it.
    """
    figure.draw_without_rendering()  # places the axes
    scale = figure.dpi / 72
    taken = [_around(axes, label, _MARK * scale) for label in labels if not label.quiet]
    bars = [_along(axes, label, label.bar, scale) for label in labels if label.bar is not None]
    for label in sorted((each for each in labels if each.text), key=lambda each: (not each.bold, each.quiet)):
        places = _candidates(axes, label)
        box, (dx, dy) = min(places, key=lambda place: _badness(axes, place[0], place[1], taken, bars))
        taken.append(box)
        _annotate(axes, label, dx, dy)


def _candidates(axes: Axes, label: Label) -> Iterator[tuple[Bbox, tuple[float, float]]]:
    """Boxes that the name would fill, each with its distance from the point; of equal ones the first is the best."""
    for distance in _NEAR:
        for side, up in ((1, 1), (-1, 1)) if label.quiet else _SIDES:
            dx, dy = side * distance * (0.6 if up else 1.0), up * distance * 0.8
            trial = _annotate(axes, label, dx, dy)
            box = text_box(trial)
            trial.remove()
            yield box, (dx, dy)


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
        bbox={"facecolor": CARD, "linewidth": 0, "alpha": 0.75, "pad": 0.6}, zorder=6,
    )  # fmt: skip
    note.set_in_layout(False)
    return note


def _around(axes: Axes, label: Label, reach: float) -> Bbox:
    x, y = axes.transData.transform((label.x, label.y))
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _along(axes: Axes, label: Label, bar: tuple[float, float], reach: float) -> Bbox:
    (x, low), (_, high) = axes.transData.transform([(label.x, bar[0]), (label.x, bar[1])])
    return Bbox.from_extents(x - reach, low, x + reach, high)


def _badness(
    axes: Axes, box: Bbox, away: tuple[float, float], taken: Sequence[Bbox], bars: Sequence[Bbox]
) -> float:  # fmt: skip
    """How bad a place is: area that is hidden or outside the axes, little of it for intervals, and distance."""
    inside = Bbox.intersection(box, axes.bbox)
    outside = box.width * box.height - (inside.width * inside.height if inside is not None else 0.0)
    names = sum(_area(Bbox.intersection(box, other)) for other in taken)
    crossed = sum(_area(Bbox.intersection(box, bar)) for bar in bars)
    return round(_HIDDEN * (outside + names) + _CROSSED * crossed + _DISTANT * max(map(abs, away)), 1)


def _area(box: Bbox | None) -> float:
    return 0.0 if box is None else box.width * box.height
