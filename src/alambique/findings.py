"""A finding: something the user should know that is no error."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Finding:
    """What was found, where, and what to do about it.

    Attributes:
        code: a short name that scripts may rely on.
        where: the part of the input it is about (a split, a key of the recipe).
        message: what is so, with the count.
        advice: what to do, or why it may be left.
        count: how many rows, if rows are counted.
        share: the same as a fraction of the split.
        row_ids: up to ten of these rows.

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
        """Plain values for JSON."""
        return asdict(self)
