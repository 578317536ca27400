"""frontier.json: the students with their quality and costs, the Pareto set, the choice, and what may be concluded."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from alambique.report.numbers import grouped, interval, percent
from alambique.report.parts import Interval, Part

_UNEVEN = 1.25


def is_uneven(rates: Sequence[float]) -> bool:
    """Whether a machine's rates differ so much that something else must have run."""
    return bool(rates) and max(rates) > _UNEVEN * min(rates)


class Point(Part):
    """A student in one precision, on valid."""

    name: str
    """The form and the precision."""
    form: str
    """Its run is `forms/`, then the form with dashes."""
    precision: Literal["fp32", "int8"]
    """Of the weights."""
    runtime: Literal["onnx", "int8", "numpy", "torch"]
    """As `alambique predict --model` names it."""
    refused: tuple[str, ...] = ()
    """Why the file did not pass the parity gate; it is then not offered, and has no figures."""
    valid: Interval | None = None
    """The metric, the mean over trainings."""
    behind: Interval | None = None
    """The metric of the best point less this one's, by the same rows; null for the best."""
    bytes: int = 0
    """Of weights and tokenizer."""
    latency_ms: float = 0.0
    """Median of a text alone, tokenizing included."""
    latency_p99_ms: float = 0.0
    """Of which 99 in 100 texts stay below."""
    texts_per_s: float = 0.0
    """In batches of 32."""
    pareto: bool = False
    """Whether no other point is at least as good in quality, time, bytes and texts per second, and better in one."""
    within: bool = False
    """Whether it meets all budgets."""

    @property
    def offered(self) -> bool:
        """Whether it may be chosen."""
        return not self.refused

    @property
    def quality(self) -> float:
        """The metric; of a point without one the least."""
        return self.valid.mean if self.valid is not None else float("-inf")


class FormResult(Part):
    """A form of student: its verdict on valid, or why there is none."""

    name: str
    gain: Interval | None = None
    """Student less undistilled twin, on valid; null where there is no twin."""
    helped: str | None = None
    """yes, no, not shown or not measured."""
    epochs: tuple[int, ...] = ()
    """That each training made."""
    failed: str | None = None
    """Why there is no student of this form."""


class Reference(Part):
    """What the students stand beside."""

    name: Literal["teacher", "tfidf"]
    valid: Interval
    bytes: int | None = None
    """Of weights and tokenizer; of TF-IDF the weights in 64 bits, without its words."""
    latency_ms: float | None = None
    latency_p99_ms: float | None = None
    texts_per_s: float | None = None


class Machine(Part):
    """What the costs were measured on, in one sitting."""

    processor: str
    cores: int
    """That this process could use."""
    system: str
    rates: tuple[float, ...]
    """GFLOP/s of a 2048³ matrix multiplication in fp32 before each round: how much of the machine was there for it."""

    @property
    def uneven(self) -> bool:
        """Whether the rates differ so much that something else must have run."""
        return is_uneven(self.rates)


class OnTest(Part):
    """The chosen student on test, looked at after it was chosen; in fp32."""

    student: Interval
    teacher: Interval | None
    undistilled: Interval | None


class FrontierResult(Part):
    """A frontier."""

    alambique: str
    """Version of the program."""
    recipe: str
    """Name or file of the recipe."""
    sets: tuple[str, ...] = ()
    """What `--set` was given; `--rows` as `data.max_rows`."""
    budgets: tuple[str, ...] = ()
    metric: str
    """That points are compared by, on valid."""
    valid_rows: int
    trainings: int = Field(ge=1)
    """Trainings of a student per form, over which figures are means."""
    points: tuple[Point, ...]
    """In the order in which they were trained."""
    forms: tuple[FormResult, ...]
    references: tuple[Reference, ...]
    machine: Machine
    choice: str | None
    """Name of the point that was chosen; null if none meets the budget."""
    why: str | None
    """By which rule; null without a choice."""
    nearest: str | None = None
    """Where none meets the budget, the one that is nearest."""
    test: OnTest | None = None
    looked_at: tuple[str, ...] = ()
    """Points whose student was measured on test, by this command and earlier ones in this folder."""

    @property
    def chosen(self) -> Point | None:
        """The point that was chosen."""
        return self.point(self.choice)

    def point(self, name: str | None) -> Point | None:
        """The point of a name."""
        return next((point for point in self.points if point.name == name), None)

    @property
    def offered(self) -> tuple[Point, ...]:
        """Points that passed the parity gate."""
        return tuple(point for point in self.points if point.offered)

    @property
    def refused(self) -> tuple[Point, ...]:
        """Points that did not."""
        return tuple(point for point in self.points if not point.offered)

    @property
    def failed(self) -> tuple[FormResult, ...]:
        """Forms without a student."""
        return tuple(form for form in self.forms if form.failed)

    @property
    def metric_name(self) -> str:
        """The metric as people write it."""
        return self.metric.replace("macro_f1", "macro-F1")

    @property
    def budget(self) -> str:
        """The budgets in words."""
        return " and ".join(self.budgets)

    def reference(self, name: str) -> Reference | None:
        """Teacher or TF-IDF."""
        return next((each for each in self.references if each.name == name), None)

    @property
    def reason(self) -> str:
        """Why it was chosen, as a sentence; empty without a choice."""
        return "" if self.choice is None else f"It is {self.why}."

    @property
    def caution(self) -> str:
        """What the figures do not say."""
        sentences = []
        if len(self.offered) > 1:
            sentences.append(
                f"Figures on valid are optimistic for the best of {len(self.offered)} points on the same "
                f"{grouped(self.valid_rows)} rows."
            )
        counts = self.reference("tfidf")
        if counts is not None and self.chosen is not None and counts.valid.mean >= self.chosen.quality:
            sentences.append(
                f"Word counts (TF-IDF) alone have {percent(counts.valid.mean)} %, no less than the choice."
            )
        if self.trainings == 1:
            sentences.append("Each student is one training: another seed may change their order.")
        if self.machine.uneven:
            low, high = min(self.machine.rates), max(self.machine.rates)
            sentences.append(
                f"The machine was busy while it was timed: its own rate varied from {low:.0f} to {high:.0f} GFLOP/s. Run "
                "the command again when it is idle, for costs that can be relied on; nothing is trained again."
            )
        return " ".join(sentences)

    @property
    def on_test(self) -> str:
        """The chosen student on test, in a sentence; empty without a choice."""
        if self.test is None:
            return ""
        parts = [f"{percent(self.test.student.mean)} % ({interval(self.test.student)})"]
        if self.test.teacher is not None:
            parts.append(f"its teacher {percent(self.test.teacher.mean)} %")
        if self.test.undistilled is not None:
            parts.append(f"its undistilled twin {percent(self.test.undistilled.mean)} %")
        eight = self.chosen is not None and self.chosen.precision == "int8" and self.chosen.runtime != "numpy"
        opening = f"{self.metric_name} on test{', before 8 bits' if eight else ''}: "
        looks = len(self.looked_at)
        closing = (
            "Test was looked at once, after the choice."
            if looks == 1
            else f"Test was looked at for {looks} choices in this folder: it is no longer new."
        )
        return f"{opening}{', '.join(parts)}. {closing}"

    def to_json(self) -> str:
        """JSON with a line end."""
        return self.model_dump_json(indent=2) + "\n"
