"""The head of the page: what the student keeps of the teacher and saves, as a sentence and as tiles."""

from dataclasses import dataclass

from alambique.report.names import metric_title, unit_of
from alambique.report.numbers import grouped, interval, number
from alambique.report.schema import Report
from alambique.report.verdict_report import Gain, Retention

_MANY_TIMES_SMALLER = 0.1  # share of the teacher's parameters below which whole percents say too little


@dataclass(frozen=True)
class Tile:
    """A figure with a name and a note; the figure is None where it is not computed."""

    name: str
    figure: str | None
    note: str


def student_sentence(report: Report) -> str:
    """Say what the student keeps of the teacher's quality, how much smaller it is and how much faster; empty if unknown."""
    clauses = [*_retained(report), *_smaller(report), *_faster(report)]
    if not clauses:
        return ""
    *first, last = clauses
    return f"The student {', '.join(first)} and {last}." if first else f"The student {last}."


def tiles(report: Report) -> list[Tile]:
    """Gain, retention, size and speed, as far as they are known; no gain where train has no labels."""
    shown = []
    if report.verdict is not None:
        gain, retention = report.verdict.gain, report.verdict.retention
        if gain is not None:
            unit = unit_of(gain.metric)
            gained = number(gain.mean, unit.scale, unit.digits, sign="+")
            shown.append(Tile("Gain", gained, f"{unit.before} {_note(gain, '+')}"))
        if retention is not None and (retention.mean is not None or retention.metric != "mean_absolute_error"):
            retained = number(retention.mean, 100)
            shown.append(Tile("Teacher retained", retained and f"{retained} %", f"of its {_note(retention)}"))
    student, teacher = report.student, report.teacher
    if teacher.parameters and student.parameters:
        share = student.parameters / teacher.parameters
        size = f"{number(share, 100, 0 if share > _MANY_TIMES_SMALLER else 1)} %"
        shown.append(Tile("Size", size, f"{grouped(student.parameters)} of {grouped(teacher.parameters)} parameters"))
    slow, fast = teacher.median_latency_ms, student.median_latency_ms
    if slow and fast:
        note = f"{number(fast)} ms per text, teacher {number(slow)} ms"
        shown.append(Tile("Speed", f"{number(slow / fast)} ×", note))
    return shown


def _note(figure: Gain | Retention, sign: str = "") -> str:
    unit = unit_of(figure.metric)
    ends = interval(figure, unit.scale, unit.digits, sign=sign)
    return f"{metric_title(figure.metric)}; {ends or 'no interval'}"


def _retained(report: Report) -> list[str]:
    retention = report.verdict.retention if report.verdict else None
    if retention is None or retention.mean is None or report.undistilled is None:
        return []  # without an undistilled student the verdict's own sentence says it
    ends = interval(retention)
    bracketed = f" ({ends} %)" if ends else ""
    teacher = "teacher's" if retention.of == "teacher" else "teachers' common"
    return [f"keeps {number(retention.mean, 100)} % of the {teacher} {metric_title(retention.metric)}{bracketed}"]


def _smaller(report: Report) -> list[str]:
    if not report.teacher.parameters or report.student.parameters is None:
        return []
    change = report.student.parameters / report.teacher.parameters - 1
    if not change:
        return ["is as large as the teacher"]
    share = number(abs(change), 100, 1 if change < -0.99 else 0)  # noqa: PLR2004 - not "100 % fewer"
    return [f"has {share} % {'fewer' if change < 0 else 'more'} parameters"]


def _faster(report: Report) -> list[str]:
    slow, fast = report.teacher.median_latency_ms, report.student.median_latency_ms
    return [f"answers {number(slow / fast)} times as fast"] if slow and fast else []
