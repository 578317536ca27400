"""report.html: one file that explains itself, from report.json and the details of the run."""

import base64
import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alambique.report import plots as pictures
from alambique.report.model_card import NAMES, source_name

Cell = tuple[str | None, str]
METRICS = {"macro_f1": "macro-F1", "accuracy": "accuracy", "mean_absolute_error": "mean absolute error"}
TWIN = "the same model trained without a teacher"
OUTCOMES = {
    "yes": "Distillation helped",
    "no": "Distillation did not help",
    "not shown": "It is not shown that distillation helped",
}
QUALITY = (
    ("macro_f1", "macro-F1, %", 100, 1),
    ("accuracy", "accuracy, %", 100, 1),
    ("agreement_with_teacher", "agrees with teacher, %", 100, 1),
    ("mean_absolute_error", "mean absolute error, classes", 1, 2),
    ("kl_to_teacher", "KL to teacher, nats", 1, 3),
    ("expected_calibration_error", "calibration error, %", 100, 1),
)
CURVES = (
    (
        "eval_macro_f1",
        "Quality while training",
        "macro-F1 on valid, %",
        "After each epoch; what is kept is chosen here.",
    ),
    ("loss", "Loss while training", "loss", "The student's mixes soft and hard labels: compare shapes, not heights."),
)
RELIABILITY = (
    "On the dotted line a model that says 70 % is right 70 times of 100; below it, it is too sure of itself. "
    "The larger the mark, the more rows."
)


@dataclass(frozen=True)
class Picture:
    """A drawing with a heading and a sentence on how to read it."""

    title: str
    svg: str
    caption: str


def html_page(report: dict[str, Any], details: dict[str, Any]) -> str:
    """The report as one HTML file that needs no other and no network.

    Args:
        report: the content of report.json. What is null in it is left out or shown as "not computed".
        details: what the pictures and the changed rows are drawn from; any key may be missing.
    """
    pages = Environment(
        loader=PackageLoader("alambique", "report"),
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    pages.filters |= {"duration": _duration, "digest": _digest}
    pages.filters |= {"number": _number, "grouped": _grouped, "interval": _interval}
    gain = (report.get("verdict") or {}).get("gain")
    page = pages.get_template("page.html.jinja").render(
        report=report,
        names=NAMES,
        source=source_name(report),
        outcome=(report.get("verdict") or {}).get("helped"),
        sentence=verdict_sentence(report).replace(" %", "\u00a0%"),
        metrics=METRICS,
        gain=Markup(pictures.gain(gain)) if gain else None,  # noqa: S704 - escaped by its maker
        tables={split: model_table(report["models"], split) for split in ("test", "valid")},
        pictures=_pictures(report, details),
        confusion=_confusion(report, details),
        changed=details.get("changed_rows") or {},
        pairs=len(report["recipe"]["data"]["text"]) > 1 or bool(report["recipe"]["data"]["metadata"]),
        recipe=yaml.safe_dump(report["recipe"], sort_keys=False, allow_unicode=True, width=72),
    )
    return pictures.shown(page) + "\n"


def verdict_sentence(report: dict[str, Any]) -> str:
    """Whether distillation helped, by how much, what is kept and what it saves, in one sentence."""
    verdict = report.get("verdict")
    kept = [*_retained(verdict), *_savings(report["models"])]
    saved = f"; the student {_joined(kept)}" if kept else ""
    if verdict is None:
        student, twin, teacher = (
            f"{100 * report['models'][name]['test']['macro_f1']['mean']:.1f} %"
            for name in ("student", "undistilled", "teacher")
        )
        scores = f"on test the student reaches {student} macro-F1, {TWIN} {twin} and the teacher {teacher}"
        return f"Whether distillation helped is not computed: {scores}{saved}."
    gain = verdict["gain"]
    metric, points = METRICS.get(gain["metric"], gain["metric"]), round(100 * gain["mean"], 1)
    compared = f"{abs(points)} points {'higher' if points > 0 else 'lower'} than" if points else "the same as"
    interval = _interval(gain, sign="+")
    if interval and verdict["helped"] == "not shown":
        interval += ", which includes zero"
    bracketed = f" (95 % interval {interval})" if interval else ""
    return f"{OUTCOMES[verdict['helped']]}: the student's test {metric} is {compared} that of {TWIN}{bracketed}{saved}."


def model_table(models: dict[str, Any], split: str) -> dict[str, Any]:
    """The models side by side.

    Returns:
        ``columns``; ``rows``: by model a (figure, note) a column, the figure None where it is not computed; ``absent``:
        the columns that no model has, which are left out.
    """
    columns = {
        title: [_quality(model[split].get(metric), scale, digits) for model in models.values()]
        for metric, title, scale, digits in QUALITY
    }
    if split == "test":
        columns |= {title: [cell(model) for model in models.values()] for title, cell in COSTS.items()}
    here = {title: cells for title, cells in columns.items() if any(figure for figure, _ in cells)}
    return {
        "columns": list(here),
        "rows": dict(zip(models, zip(*here.values(), strict=True), strict=True)),
        "absent": [title.split(",")[0] for title in columns if title not in here],
    }


def _retained(verdict: dict[str, Any] | None) -> list[str]:
    retention = (verdict or {}).get("retention")
    if not retention:
        return []
    interval = _interval(retention)
    return [f"keeps {_number(retention['mean'], 100)} % of the teacher's score{f' ({interval} %)' if interval else ''}"]


def _savings(models: dict[str, Any]) -> list[str]:
    """How much smaller and faster the student is than the teacher, as far as it is known."""
    teacher, student = models["teacher"], models["student"]
    said = []
    if teacher["parameters"]:
        change = student["parameters"] / teacher["parameters"] - 1
        much = _number(abs(change), 100, 1 if change < -0.99 else 0)  # noqa: PLR2004 - not "100 % fewer"
        said.append(f"has {much} % {'fewer' if change < 0 else 'more'} parameters" if change else "is as large")
    slow, fast = ((model.get("latency_ms") or {}).get("p50") for model in (teacher, student))
    if slow and fast:
        said.append(f"answers {slow / fast:.1f} times as fast")
    return said


def _pictures(report: dict[str, Any], details: dict[str, Any]) -> list[Picture]:
    drawn = []
    timed = {name: model for name, model in report["models"].items() if (model.get("latency_ms") or {}).get("p50")}
    if timed:
        svg = pictures.quality_against_latency(timed, "macro_f1", "macro-F1")
        caption = "Higher and further left is better. The time axis grows by factors."
        drawn.append(Picture("Quality against latency", svg, caption))
    curves = details.get("curves") or {}
    for key, title, axis, caption in CURVES:
        told = {name: steps for name, steps in curves.items() if any(key in step for step in steps)}
        if told:
            svg = pictures.learning_curves(told, key, axis, percent=axis.endswith("%"))
            drawn.append(Picture(title, svg, caption))
    bins = {name: found for name, found in (details.get("reliability") or {}).items() if any(b["rows"] for b in found)}
    if bins:
        drawn.append(Picture("Reliability", pictures.reliability(bins), RELIABILITY))
    if details.get("token_lengths"):
        drawn.append(_lengths(details["token_lengths"], report["recipe"]["data"]["max_length"]))
    return [Picture(one.title, Markup(one.svg), one.caption) for one in drawn]  # noqa: S704 - escaped by its maker


def _lengths(lengths: list[int], cut_off: int) -> Picture:
    cut = sum(length > cut_off for length in lengths)
    caption = f"None of the {_grouped(len(lengths))} training texts is longer than the cut-off."
    if cut:
        share = 100 * cut / len(lengths)
        caption = (
            f"{_grouped(cut)} of {_grouped(len(lengths))} training texts ({share:.1f} %) are cut and lose their end."
        )
    return Picture("Lengths of the texts", pictures.token_lengths(lengths, cut_off), caption)


def _confusion(report: dict[str, Any], details: dict[str, Any]) -> list[Picture]:
    labels, drawn = report["data"]["label_names"], []
    for name, matrix in (details.get("confusion") or {}).items():
        right, total = sum(row[i] for i, row in enumerate(matrix)), sum(map(sum, matrix))
        svg = Markup(pictures.confusion(name, matrix, labels))  # noqa: S704 - escaped by its maker
        caption = f"Right on {_grouped(right)} of {_grouped(total)} rows of test."
        drawn.append(Picture(NAMES.get(name, name), svg, caption))
    return drawn


def _quality(figure: dict[str, Any] | None, scale: float, digits: int) -> Cell:
    return (_number(figure["mean"], scale, digits), _interval(figure, scale, digits)) if figure else (None, "")


def _size(model: dict[str, Any]) -> Cell:
    return _grouped(model["parameters"]), f"{_number(model['bytes'], 1e-6)} MB" if model["bytes"] else ""


def _latency(model: dict[str, Any]) -> Cell:
    latency = model.get("latency_ms") or {}
    p50, p99 = (_number(latency.get(key), 1) for key in ("p50", "p99"))
    return p50, f"p99 {p99}" if p99 else ""


def _interval(figure: dict[str, Any], scale: float = 100, digits: int = 1, sign: str = "") -> str:
    low, high = (_number(figure.get(end), scale, digits, sign) for end in ("low", "high"))
    return f"{low} to {high}" if low and high else ""


def _number(value: float | None, scale: float, digits: int = 1, sign: str = "") -> str | None:
    """A number for people; None if there is none."""
    if value is None or not math.isfinite(value):
        return None
    return f"{round(scale * value, digits) + 0.0:{sign},.{digits}f}".replace("-", "−")


def _digest(text: str) -> str:
    """How a page's policy names the one script that may run."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _grouped(value: float | None) -> str | None:
    return None if value is None or not math.isfinite(value) else f"{value:,.0f}"


def _joined(clauses: list[str]) -> str:
    return " and ".join([", ".join(clauses[:-1]), clauses[-1]] if len(clauses) > 1 else clauses)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    if minutes >= 60:  # noqa: PLR2004
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


COSTS: dict[str, Callable[[dict[str, Any]], Cell]] = {
    "parameters": _size,
    "latency p50, ms": _latency,
    "texts a second": lambda model: (_grouped(model.get("throughput_per_s")), ""),
    "fitted temperature": lambda model: (_number(model.get("temperature"), 1, 2), ""),
}
