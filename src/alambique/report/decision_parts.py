"""The decision for the class that matters, in report.json: its threshold, its promise on valid, and test."""

from alambique.report.numbers import number, percent
from alambique.report.parts import Part


class SharePart(Part):
    """A fraction of some rows."""

    mean: float | None
    """From 0 to 1; null where there are no rows."""
    low: float | None
    """Lower end of the 95 % interval over these rows (Wilson 1927)."""
    high: float | None
    """Upper end of that interval."""
    rows: int
    """How many rows it is a fraction of."""

    @property
    def words(self) -> str:
        """As ``91.2 % (84.0 to 95.3) of 113 rows``."""
        if self.mean is None:
            return "not known, since there is no such row"
        return f"{percent(self.mean)} % ({percent(self.low)} to {percent(self.high)}) of {self.rows:,} rows"


class Decision(Part):
    """How the student decides for the class that matters, by `decide` of the recipe."""

    label: str
    """The class."""
    at_precision: float
    """The precision that is promised, as a fraction."""
    threshold: float | None
    """The probability from which a text gets the class, chosen on valid; null if no threshold keeps the promise there: the
    most probable label is then decided."""
    valid_precision: SharePart | None
    """Precision on valid, where the threshold was chosen, so it flatters."""
    valid_recall: SharePart | None
    """Recall on valid."""
    test_precision: SharePart | None
    """Precision on test: what the promise is worth."""
    test_recall: SharePart | None
    """Recall on test."""

    @property
    def words(self) -> str:
        """The threshold and what it does on test."""
        promised = f"{number(self.at_precision, 100, 0)} %"
        if self.threshold is None or self.test_precision is None or self.test_recall is None:
            reason = f"No threshold gives {self.label} a precision of {promised} on valid"
            return f"{reason}, so the most probable label is decided."
        return (
            f"A text gets {self.label} from a probability of {number(self.threshold, 1, 3)}, which has a precision of "
            f"{promised} or more on valid. On test its precision is {self.test_precision.words}, its recall "
            f"{self.test_recall.words}."
        )
