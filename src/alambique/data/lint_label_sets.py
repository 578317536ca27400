"""Findings about labels that do not exclude each other: always together, in one split alone, in every row of train."""

from collections import defaultdict

import numpy as np

from alambique.artefacts.splits import Splits
from alambique.findings import Finding

_SHOWN = 10  # labels, or groups of them
WHERE = "data.label"


def lint_label_sets(splits: Splits) -> list[Finding]:
    """Look for labels that cannot be told apart, that one split alone has, and that say nothing.

    Labels that a split lacks are a finding of every kind of data (``absent-classes``).
    """
    return [*_always_together(splits), *_in_one_split(splits), *_in_every_row(splits)]


def _always_together(splits: Splits) -> list[Finding]:
    """Labels that stand in the same rows of train: what would tell one from the other was never seen."""
    if not splits.labelled_train:
        return []
    rows: dict[bytes, list[str]] = defaultdict(list)
    for name, column in zip(splits.label_names, splits.train.labels.T, strict=True):
        if column.any():
            rows[np.packbits(column.astype(bool)).tobytes()].append(name)
    groups = [names for names in rows.values() if len(names) > 1]
    if not groups:
        return []
    listed = "; ".join(" and ".join(names) for names in groups[:_SHOWN])
    message = f"In train some labels stand in the same rows, always together: {listed}{_more(len(groups))}."
    advice = "A model cannot tell them apart; keep one of each group, or give rows that have one without the other."
    return [Finding("labels-always-together", WHERE, message, advice, sum(map(len, groups)))]


def _in_one_split(splits: Splits) -> list[Finding]:
    """Labels that are in train alone: no figure says how good a model is at them."""
    counts = splits.counts()
    alone = [name for name in splits.label_names if _only_in_train(name, counts)]
    if not alone:
        return []
    message = f"Rows of train alone have {_listed(alone)}: neither valid nor test has a row of it."
    return [Finding(
        "labels-in-one-split", WHERE, message,
        "Nothing says how well a model finds such a label, and its threshold is that of all labels; give valid and test "
        "rows of it.", len(alone),
    )]  # fmt: skip


def _only_in_train(name: str, counts: dict[str, dict[str, int]]) -> bool:
    return bool(counts["train"].get(name)) and not counts["valid"][name] and not counts["test"][name]


def _in_every_row(splits: Splits) -> list[Finding]:
    everywhere = [
        name for name, n in splits.counts()["train"].items() if len(splits.train) > 1 and n == len(splits.train)
    ]
    if not everywhere:
        return []
    message = f"Every row of train has {_listed(everywhere)}."
    return [Finding(
        "labels-in-every-row", WHERE, message, "A model learns to give it always; leave it out.", len(everywhere)
    )]  # fmt: skip


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + _more(len(names))


def _more(count: int) -> str:
    return f" and {count - _SHOWN} more" if count > _SHOWN else ""
