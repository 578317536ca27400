"""The verdict in words: one function, used by terminal, page and model card."""

from dataclasses import dataclass

from alambique.report.names import metric_title
from alambique.report.numbers import interval, number, percent
from alambique.report.schema import Report
from alambique.report.verdict_report import Gain, Verdict

TWIN = "the same model trained without a teacher"
BADGES = {
    "yes": "Distillation helped",
    "no": "Distillation hurt",
    "not shown": "Not shown that distillation helped",
}
NOT_COMPUTED = "Verdict not computed"
CAVEATS = {
    "rows only": "Only one seed was trained; another may give a different answer.",
    "rows and student seeds": "The teacher is one and the same for all; another may give a different answer.",
}


@dataclass(frozen=True)
class VerdictWords:
    """Whether distillation helped, in words.

    Attributes:
        badge: the outcome, without a period.
        explanation: the figures it rests on; goes on from the badge after a colon and ends with a period.
        caveat: a sentence on what a single seed, or a single teacher, cannot tell; empty with several seeds.
    """

    badge: str
    explanation: str
    caveat: str = ""

    @property
    def sentence(self) -> str:
        """Badge and explanation in one sentence."""
        return f"{self.badge}: {self.explanation}"


def verdict_words(report: Report) -> VerdictWords:
    """Word the verdict of a report, computed or not."""
    verdict = report.verdict
    if verdict is None:
        student, twin, teacher = (
            percent(model.test.macro_f1.mean) for model in (report.student, report.undistilled, report.teacher)
        )
        scores = f"on test the student reaches {student} % macro-F1, {TWIN} {twin} % and the teacher {teacher} %."
        return VerdictWords(NOT_COMPUTED, scores)
    gain = verdict.gain
    points = f"{number(gain.mean, 100, sign='+')} points of {metric_title(gain.metric)} on test"
    caveat = CAVEATS.get(verdict.counts or "", "")
    return VerdictWords(BADGES[verdict.helped], f"{points} compared with {TWIN}{_bracketed(verdict)}.", caveat)


def _bracketed(verdict: Verdict) -> str:
    """The interval, over what, and why it shows nothing; empty if it is not computed."""
    ends = interval(verdict.gain, sign="+")
    if not ends:
        return ""
    over = f" over {verdict.counts}" if verdict.counts else ""
    zero = ", which includes zero" if verdict.helped == "not shown" and _includes_zero(verdict.gain) else ""
    return f" (95 % interval{over}: {ends}{zero})"


def _includes_zero(gain: Gain) -> bool:
    return gain.low is not None and gain.high is not None and gain.low <= 0 <= gain.high
