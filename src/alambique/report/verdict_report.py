"""The verdict in report.json: whether distillation helped, and the figures it rests on."""

from typing import Literal

from alambique.report.parts import Part


class Gain(Part):
    """What distillation added: student minus undistilled student, on test."""

    metric: str
    """The quality compared: `macro_f1`."""
    over: str = "undistilled"
    """The undistilled student it is over, in `models`. With unlabelled text there are two: `undistilled`, with as many steps
    as the student, and `undistilled_once`, with as many epochs over its own rows."""
    mean: float
    """Difference as a fraction: 0.02 is two points."""
    low: float | None
    """Lower end of the 95 % interval; null if it is not computed."""
    high: float | None
    """Upper end of the 95 % interval; null if it is not computed."""
    per_seed: tuple[float, ...] = ()
    """The difference of each training, in the order of `seeds.students`."""


class Retention(Part):
    """What the student has of the teacher's quality: student divided by teacher, on test."""

    metric: str
    """The quality compared: `macro_f1`."""
    of: str = "teacher"
    """The model it is a fraction of, in `models`: `teacher`, or `ensemble` where several teachers labelled train."""
    mean: float | None
    """Ratio: 0.94 keeps 94 %. Null where the teacher's own figure is 0."""
    low: float | None
    """Lower end of the 95 % interval; null if it is not computed."""
    high: float | None
    """Upper end of the 95 % interval; null if it is not computed."""
    per_seed: tuple[float, ...] = ()
    """The ratio of each training, in the order of `seeds.students`."""


class McNemar(Part):
    """McNemar's exact test of student and undistilled student on test, for one training."""

    seed: int
    """The seed of that training of student and undistilled student."""
    student_only_right: int
    """Rows that only the student gets right."""
    undistilled_only_right: int
    """Rows that only the undistilled student gets right."""
    p: float | None
    """Two-sided p-value; null if it is not computed."""


class Resolution(Part):
    """What test can decide."""

    rows: int
    """Rows of test."""
    student_wrong: float
    """Rows that the student gets wrong, the mean over trainings."""
    undistilled_wrong: float
    """Rows that the undistilled student gets wrong, the mean over trainings."""
    difference: float
    """Half the width of the gain's interval, as a fraction: a smaller difference cannot be seen."""


class Verdict(Part):
    """Whether distillation helped."""

    gain: Gain | None
    """Student minus undistilled student; of two, the one that is better on valid. Null where train has no labels, so that
    no undistilled student can be trained."""
    other_gains: tuple[Gain, ...] = ()
    """The same over the other undistilled student, where there are two."""
    retention: Retention | None
    """Student divided by teacher."""
    helped: Literal["yes", "no", "not shown", "not measured"]
    """The answer. `no`: it hurt. `not shown`: the rows and seeds at hand cannot tell the gain from chance; with a single
    training of each model always. `not measured`: train has no labels, so there is nothing to compare with."""
    rule: str | None = None
    """How `helped` follows from `gain`, in words."""
    counts: str | None = None
    """What the intervals cover: `rows and seeds`; `rows and student seeds` with one teacher and several trainings of its
    student; `rows only` with one training of each."""
    mcnemar: tuple[McNemar, ...] = ()
    """A test for each training, in the order of `seeds.students`."""
    resolution: Resolution | None = None
    """The smallest difference that can be seen; null if it is not computed."""
