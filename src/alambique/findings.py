"""A finding: something that the user should know and that is not an error."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """A possible problem: what it is, where it is, and what to do about it.

    Attributes:
        code: short name that scripts may rely on.
        where: part of the input (a split, a key of the recipe).
        message: description, with the number of rows.
        advice: what to do, or why it can be ignored.
        count: number of rows, if rows are counted.
        share: the same as a fraction of the split.
        row_ids: ids of up to ten of these rows.

    Example:
        >>> from alambique.findings import Finding
        >>> finding = Finding("empty-texts", "train", "2 texts are empty.", "Remove them.", count=2, share=0.01)
        >>> finding.as_dict()["count"]
        2
    """

    code: str
    where: str
    message: str
    advice: str
    count: int | None = None
    share: float | None = None
    row_ids: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Convert to plain values for JSON."""
        return asdict(self)
