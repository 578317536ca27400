"""Kinds of findings: each code is declared once, beside the check that emits it."""

from collections.abc import Sequence
from dataclasses import dataclass

from alambique.findings import Finding

_SHOWN = 10  # row ids


@dataclass(frozen=True)
class Code:
    """A kind of finding. ``docs/findings.md`` has a line for each: ``python -m alambique.doctor.reference``.

    Attributes:
        name: short and stable, for scripts.
        meaning: what is wrong, as the end of a sentence, for the page.
        advice: what to do, in the finding and on the page.
    """

    name: str
    meaning: str
    advice: str

    def finding(
        self, where: str, message: str, *, count: int | None = None, of: int | None = None, row_ids: Sequence[str] = ()
    ) -> Finding:
        """Make a finding of this kind.

        Args:
            where: the part of the set-up that it is about.
            message: what was measured.
            count: how many rows or parameters, if any are counted.
            of: the number of rows that ``count`` is a part of.
            row_ids: of these rows; the first ten are kept.
        """
        share = None if count is None or of is None else count / max(1, of)
        return Finding(self.name, where, message, self.advice, count, share, tuple(row_ids[:_SHOWN]))
