"""Building blocks of the report: a frozen part, figures with their 95 % intervals, and findings."""

from pydantic import BaseModel, ConfigDict


class Part(BaseModel):
    """A frozen part of the report that knows all of its keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )


class Interval(Part):
    """A figure with its 95 % interval."""

    mean: float
    """The figure itself; with several seeds, the mean over them."""
    low: float | None
    """Lower end of the 95 % interval; null if it is not computed."""
    high: float | None
    """Upper end of the 95 % interval; null if it is not computed."""


class Figure(Interval):
    """A figure with its 95 % interval and its value for each training."""

    per_seed: tuple[float, ...]
    """The figure of each training, in the order of `seeds.all`; of student and undistilled student in that of
    `seeds.students`."""


class CalibrationError(Figure):
    """The calibration error, without an interval: a calibrated model has one above 0 too, the more so the fewer the rows."""

    if_calibrated: float | None = None
    """What a calibrated model of the same confidence shows on as many rows: an error near it shows no fault."""


class DataFinding(Part):
    """Something to know about the data or an export that is not an error."""

    code: str
    """Short name that scripts may rely on."""
    where: str
    """Split or recipe key it is about, or `export`."""
    message: str
    """The finding in words."""
    advice: str
    """What to do about it, or why it may stay."""
    count: int | None = None
    """Number of rows; null if no rows are counted."""
    share: float | None = None
    """The same as a fraction of the split."""
    row_ids: tuple[str, ...] = ()
    """Ids of up to ten of these rows."""
