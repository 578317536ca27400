"""The picture of a frontier: quality with its interval against a cost, drawn as the charts of a run's report are."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from alambique.frontier.budget import Budget, Cost
from alambique.frontier.labels import Label, place_labels
from alambique.frontier.result import FrontierResult, Point, Reference
from alambique.report.names import model_title
from alambique.report.parts import Interval
from alambique.report.plots import INK, LINE, SHAPES, canvas, svg_element

_CHOICE, _STUDENT = SHAPES["student"][0], INK
_REFERENCES = {name: SHAPES[name][:2] for name in ("teacher", "tfidf")}
_FEW = 4  # points, of which each has a name
_WIDE = 150  # between ends of a scale, from which 2 and 5 are left out


@dataclass(frozen=True)
class Axis:
    """A cost as the horizontal axis.

    Attributes:
        cost: which.
        title: of the axis, with the unit.
        scale: what its values are divided by.
        less: whether less of it is better.
    """

    cost: Cost
    title: str
    scale: float
    less: bool

    def of(self, point: Point | Reference) -> float | None:
        """The value of a point; None if it has none."""
        value = getattr(point, self.cost)
        return value / self.scale if value else None


AXES = {
    "latency_ms": Axis("latency_ms", "milliseconds per text, alone (median)", 1.0, less=True),
    "bytes": Axis("bytes", "MB of model and tokenizer", 1e6, less=True),
    "texts_per_s": Axis("texts_per_s", "texts per second, in batches of 32", 1.0, less=False),
}


def cost_chart(result: FrontierResult, axis: Axis) -> str:
    """Draw every point that passed the gate; of many, those of this chart's Pareto set have intervals and names."""
    front = front_of(result.offered, axis)
    named = front if len(result.offered) > _FEW else result.offered
    with canvas(3.8, 3.6) as (figure, axes):
        _staircase(axes, front, axis)
        labels = []
        for point in result.offered:
            name = _name(point, named) if point in named else ""
            labels += _draw_point(axes, point, axis, chosen=point.name == result.choice, name=name)
        for reference in result.references:
            labels += _draw_reference(axes, reference, axis)
        _scale(axes)
        for budget in map(Budget.parse, result.budgets):
            if budget.cost == axis.cost:
                labels.append(_draw_budget(axes, budget, axis))
        axes.set(xlabel=axis.title, ylabel=f"{result.metric_name} on valid, %")
        figure.legend(
            handles=_legend(result), loc="outside upper left", ncols=5, fontsize=7.5, handlelength=1.2,
            handletextpad=0.1, columnspacing=0.8, borderaxespad=0,
        )  # fmt: skip
        place_labels(figure, axes, labels)
        title = f"{result.metric_name} on valid against {axis.title}, for {len(result.offered)} students"
        return svg_element(figure, axis.cost.replace("_", "-"), title)


def front_of(points: Sequence[Point], axis: Axis) -> tuple[Point, ...]:
    """The points that none is better than in quality without costing more, from the cheapest; ordered for one cost alone."""
    cheapest = sorted(points, key=lambda p: ((axis.of(p) or 0.0) * (1 if axis.less else -1), -p.quality))
    front: list[Point] = []
    for point in cheapest:
        if not front or point.quality > front[-1].quality:
            front.append(point)
    return tuple(front)


def _name(point: Point, named: Sequence[Point]) -> str:
    """The form, with the precision where the chart names it in both."""
    return point.name if sum(other.form == point.form for other in named) > 1 else point.form


def _staircase(axes: Axes, front: Sequence[Point], axis: Axis) -> None:
    """The quality that can be had at each cost."""
    steps = [(axis.of(point) or 0.0, 100 * point.quality) for point in front]
    values, heights = zip(*sorted(steps), strict=True)
    axes.step(values, heights, where="post" if axis.less else "pre", color=_STUDENT, linewidth=1, alpha=0.55)


def _draw_point(axes: Axes, point: Point, axis: Axis, *, chosen: bool, name: str) -> list[Label]:
    x = axis.of(point)
    if x is None or point.valid is None:
        return []
    colour = _CHOICE if chosen else _STUDENT
    if chosen or name:
        _bar(axes, x, point.valid, colour, width=2.0 if chosen else 0.9, strength=0.9 if chosen else 0.4)
    axes.plot(
        x, 100 * point.valid.mean, marker="*" if chosen else "o", markersize=13 if chosen else 5.5, linestyle="none",
        markeredgecolor=colour, markerfacecolor=colour if chosen or point.precision == "int8" else "none",
        markeredgewidth=1.2, alpha=1.0 if chosen or name else 0.6, zorder=5 if chosen else 3,
    )  # fmt: skip
    text = name or (point.form if chosen else "")
    return [Label(text, x, 100 * point.valid.mean, bold=chosen, bar=_ends(point.valid) if text else None)]  # fmt: skip


def _draw_reference(axes: Axes, reference: Reference, axis: Axis) -> list[Label]:
    x, (colour, marker) = axis.of(reference), _REFERENCES[reference.name]
    height = 100 * reference.valid.mean
    if x is None:  # not timed, as a teacher that gives answers alone
        axes.axhline(height, color=colour, linewidth=1.2, linestyle=(0, (4, 2)))
        return []
    _bar(axes, x, reference.valid, colour, width=0.9, strength=0.5)
    axes.plot(x, height, marker=marker, markersize=6.5, color=colour, linestyle="none", zorder=4)
    return [Label("", x, height, bar=_ends(reference.valid))]


def _ends(valid: Interval) -> tuple[float, float] | None:
    """Of an interval, in percent."""
    return None if valid.low is None or valid.high is None else (100 * valid.low, 100 * valid.high)


def _bar(axes: Axes, x: float, valid: Interval, colour: str, *, width: float, strength: float) -> None:
    ends = _ends(valid)
    if ends is not None:
        axes.plot([x, x], ends, color=colour, linewidth=width, alpha=strength)


def _draw_budget(axes: Axes, budget: Budget, axis: Axis) -> Label:
    x = budget.limit / axis.scale
    axes.axvline(x, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    ends = axes.get_xlim()
    low, high = (x, ends[1] * 4) if axis.less else (ends[0] / 4, x)
    axes.axvspan(low, high, color=LINE, alpha=0.35, linewidth=0)
    axes.set_xlim(min(ends[0], x / 1.3), max(ends[1], x * 1.3))
    return Label(budget.text, x, axes.get_ylim()[0], quiet=True)


def _scale(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.margins(x=0.12, y=0.1)
    axes.autoscale_view()
    low, high = axes.get_xlim()
    axes.xaxis.set_major_locator(LogLocator(subs=(1,) if high / low > _WIDE else (1, 2, 5)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_plain))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(low, high)


def _plain(value: float, _: object) -> str:
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


def _legend(result: FrontierResult) -> list[Line2D]:
    def mark(label: str, colour: str, marker: str, *, filled: bool = True, size: float = 5.5) -> Line2D:
        return Line2D(
            [], [], linestyle="none", marker=marker, markersize=size, markeredgecolor=colour,
            markerfacecolor=colour if filled else "none", label=label,
        )  # fmt: skip

    precisions = {point.precision for point in result.offered}
    handles = [mark("choice", _CHOICE, "*", size=9)] if result.chosen else []
    handles += [mark(name, _STUDENT, "o", filled=name == "int8") for name in ("int8", "fp32") if name in precisions]
    return handles + [
        mark(model_title(each.name).split(" (")[0].split(" +")[0], *_REFERENCES[each.name])
        for each in result.references
    ]
