"""Charts of a sweep, drawn as those of a run's report are."""

from collections.abc import Sequence

from alambique.report.plots import INK, SHAPES, canvas, svg_element
from alambique.report.svg import showable
from alambique.sweep.result import TrialResult

_WINNER, _OTHER = SHAPES["student"][0], SHAPES["teacher"][0]
_LONGEST = 24  # characters of a value below an axis


def trials_chart(trials: Sequence[TrialResult], best: int | None, metric: str) -> str:
    """Draw the figure of each finished trial on valid with its interval, the first at the top."""
    done = [trial for trial in trials if trial.valid is not None]
    with canvas(3.8, min(1.2 + 0.22 * len(done), 9.0)) as (figure, axes):
        for place, trial in enumerate(done):
            colour, valid = _colour(trial, best), trial.valid
            if valid is None:
                continue
            if valid.low is not None and valid.high is not None:
                axes.plot([100 * valid.low, 100 * valid.high], [place, place], color=colour, linewidth=1.4)
            axes.plot(100 * valid.mean, place, color=colour, marker="o", markersize=5)
        axes.set_yticks(range(len(done)), [str(trial.number) for trial in done], fontsize=8)
        axes.set(ylim=(len(done) - 0.5, -0.5), ylabel="trial", xlabel=f"{metric} on valid, %")
        return svg_element(figure, "trials", f"{metric} on valid of {len(done)} trials, with intervals")


def courses_chart(trials: Sequence[TrialResult], best: int | None, metric: str) -> str:
    """Draw the best figure so far against the share of the planned epochs; pruned trials end early, dashed."""
    with canvas(3.8, 2.9) as (figure, axes):
        for trial in sorted(trials, key=lambda trial: trial.number == best):  # the winner on top
            if trial.course:
                axes.plot(
                    [100 * point.share for point in trial.course], [100 * point.value for point in trial.course],
                    color=_colour(trial, best), linestyle="-" if trial.status == "done" else "--",
                    linewidth=2.2 if trial.number == best else 1.0, alpha=1.0 if trial.number == best else 0.6,
                    marker="x" if trial.status == "pruned" else "", markevery=[len(trial.course) - 1],
                )  # fmt: skip
        axes.set(xlabel="planned epochs made, %", ylabel=f"best {metric} on valid so far, %")
        return svg_element(figure, "courses", f"{metric} on valid in the course of {len(trials)} trials")


def key_chart(key: str, number: int, trials: Sequence[TrialResult], best: int | None, metric: str) -> str:
    """Draw the figure of each finished trial against the value of one key.

    Args:
        key: of the recipe.
        number: of the chart on the page.
        trials: all trials.
        best: number of the winner.
        metric: its name.
    """
    done = [(trial, trial.valid.mean) for trial in trials if trial.valid is not None]
    texts = list(dict.fromkeys(trial.values[key] for trial, _ in done))
    numbers = _numbers(texts)
    with canvas(3.8, 2.6) as (figure, axes):
        for trial, mean in done:
            value = trial.values[key]
            place = texts.index(value) if numbers is None else numbers[texts.index(value)]
            axes.plot(place, 100 * mean, color=_colour(trial, best), marker="o", markersize=6, alpha=0.75)
        if numbers is None:
            axes.set_xticks(range(len(texts)), [_short(text) for text in texts], fontsize=8)
            axes.margins(x=0.2)
        elif min(numbers) > 0 and max(numbers) >= 50 * min(numbers):
            axes.set_xscale("log")
        axes.set(xlabel=showable(key), ylabel=f"{metric} on valid, %")
        return svg_element(figure, f"key-{number}", f"{metric} on valid against {showable(key)}")


def _numbers(texts: Sequence[str]) -> list[float] | None:
    try:
        return [float(text) for text in texts]
    except ValueError:
        return None


def _colour(trial: TrialResult, best: int | None) -> str:
    if trial.status != "done":
        return INK
    return _WINNER if trial.number == best else _OTHER


def _short(text: str) -> str:
    text = showable(text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
