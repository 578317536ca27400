"""The verdict in words: one function, used by terminal, page and model card."""

from dataclasses import dataclass

from alambique.report.names import metric_title, unit_of
from alambique.report.numbers import grouped, interval, number, percent
from alambique.report.schema import Report
from alambique.report.verdict_report import Gain, Verdict

TWIN = "the same model trained without a teacher"
BADGES = {
    "yes": "Distillation helped",
    "no": "Distillation hurt",
    "not shown": "Not shown that distillation helped",
    "not measured": "Not measured whether distillation helped",
}
NOT_COMPUTED = "Verdict not computed"
CHOSEN = "figures on valid are those of the epoch chosen there, so they flatter"
NO_TWIN = "train has no labels, so there is no student trained without a teacher to compare with"
CLAIMS = (
    "What can be claimed: the figures of student and teacher on valid and test, and what the student keeps of the teacher. "
    "What cannot: that distillation is better than training the same model on labels."
)
ONE_STUDENT = (
    "The student was trained once, and rows alone cannot tell what another seed would give: --set student.seeds=3 trains it "
    "three times."
)
CAVEATS = {
    "rows only": "Each model was trained once, and rows alone cannot tell what another seed would give: --seeds 3 trains "
    "all of them three times, --set student.seeds=3 only student and undistilled student, on this teacher.",
    "rows and student seeds": "The teacher is one and the same for all trainings; another may give a different answer "
    "(--seeds 3).",
}


_STEPS = {
    "undistilled": "as many steps as the student, on the labelled rows again and again",
    "undistilled_once": "as many epochs as the student, each over the labelled rows once",
}


@dataclass(frozen=True)
class VerdictWords:
    """Whether distillation helped, in words.

    Attributes:
        badge: the outcome, without a period.
        explanation: the figures it rests on; goes on from the badge after a colon and ends with a period.
        caveat: what a single training or a single teacher cannot tell, and what would; empty with several seeds.
        limit: the smallest difference that can be seen, where none is shown; else empty.
        claims: what can be claimed and what cannot, where there is no undistilled student; else empty.
        second: the gain over the other undistilled student, where there are two; else empty.
    """

    badge: str
    explanation: str
    caveat: str = ""
    limit: str = ""
    second: str = ""
    claims: str = ""

    @property
    def remarks(self) -> str:
        """Claims, the second twin, limit and caveat; empty if there is none of them."""
        return " ".join(filter(None, (self.claims, self.second, self.limit, self.caveat)))

    @property
    def sentence(self) -> str:
        """Badge and explanation in one sentence."""
        return f"{self.badge}: {self.explanation}"


def verdict_words(report: Report) -> VerdictWords:
    """Word the verdict of a report, computed or not."""
    verdict = report.verdict
    if verdict is None:
        return VerdictWords(NOT_COMPUTED, _scores(report))
    gain = verdict.gain
    if gain is None:
        caveat = ONE_STUDENT if verdict.counts == "rows only" else ""
        return VerdictWords(BADGES[verdict.helped], f"{NO_TWIN}. {_kept(verdict)}", caveat, claims=CLAIMS)
    unit = unit_of(gain.metric)
    gained = number(gain.mean, unit.scale, unit.digits, sign="+")
    points = f"{gained} {unit.before} {metric_title(gain.metric)} on test"
    return VerdictWords(
        BADGES[verdict.helped],
        f"{points} compared with {TWIN}{_bracketed(verdict, gain)}.",
        CAVEATS.get(verdict.counts or "", ""),
        _limit(verdict, gain),
        _second(verdict, gain),
    )


def _scores(report: Report) -> str:
    models = {"the student": report.student, TWIN: report.undistilled, "the teacher": report.teacher}
    scores = {name: percent(model.test.macro_f1.mean) for name, model in models.items() if model is not None}
    (student, first), *others = scores.items()
    return f"on test {student} reaches {first} % macro-F1, {' and '.join(f'{n} {score} %' for n, score in others)}."


def _kept(verdict: Verdict) -> str:
    """What the student keeps of the teacher, which is known without labels of train."""
    retention = verdict.retention
    if retention is not None and retention.metric == "mean_absolute_error":
        return "Of the mean absolute error, of which less is better, no share is kept: compare the figures on test."
    if retention is None or retention.mean is None:
        return "What the student keeps of the teacher is not known either: the teacher's own figure on test is 0."
    ends, over = interval(retention), f" over {verdict.counts}" if verdict.counts else ""
    bracketed = f" (95 % interval{over}: {ends})" if ends else ""
    return (
        f"What is measured is how much of the teacher the student keeps: {percent(retention.mean)} % of its "
        f"{metric_title(retention.metric)} on test{bracketed}."
    )


def _bracketed(verdict: Verdict, gain: Gain) -> str:
    """The interval, over what, and why it shows nothing; empty if it is not computed."""
    unit = unit_of(gain.metric)
    ends = interval(gain, unit.scale, unit.digits, sign="+")
    if not ends:
        return ""
    over = f" over {verdict.counts}" if verdict.counts else ""
    zero = ", which includes zero" if verdict.helped == "not shown" and _includes_zero(gain) else ""
    return f" (95 % interval{over}: {ends}{zero})"


def _second(verdict: Verdict, gain: Gain) -> str:
    """The gain over the other undistilled student, and what sets the two apart."""
    if not verdict.other_gains:
        return ""
    (other,) = verdict.other_gains
    unit = unit_of(other.metric)
    ends = interval(other, unit.scale, unit.digits, sign="+")
    points = f"{number(other.mean, unit.scale, unit.digits, sign='+')} {unit.name}"
    return (
        f"That undistilled student makes {_STEPS[gain.over]}, and is the better of two on valid; compared with one "
        f"of {_STEPS[other.over]} the gain is {points}{f' ({ends})' if ends else ''}."
    )


def _limit(verdict: Verdict, gain: Gain) -> str:
    """What test cannot decide, where nothing is shown."""
    resolution = verdict.resolution
    if resolution is None or verdict.helped != "not shown":
        return ""
    student, twin = (grouped(wrong) for wrong in (resolution.student_wrong, resolution.undistilled_wrong))
    mean, unit = "" if len(gain.per_seed) == 1 else "in the mean ", unit_of(gain.metric)
    difference = f"{number(resolution.difference, unit.scale, unit.digits)} {unit.name}"
    return (
        f"Of {grouped(resolution.rows)} rows of test the student gets {mean}{student} wrong, the same model without a "
        f"teacher {twin}: no difference smaller than {difference} can be seen."
    )


def _includes_zero(gain: Gain) -> bool:
    return gain.low is not None and gain.high is not None and gain.low <= 0 <= gain.high
