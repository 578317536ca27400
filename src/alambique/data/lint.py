"""Findings about the rows: no errors, but things that change what a score means."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from alambique.artefacts.splits import Split, Splits
from alambique.data.liar import COUNTS
from alambique.findings import Finding

_SHOWN = 10


def lint(
    splits: Splits, *, lengths: Mapping[str, Sequence[int]], max_length: int, metadata: tuple[str, ...]
) -> list[Finding]:
    """Look for duplicates, contradictions, leaks between splits, empty and cut texts, and absent classes.

    Args:
        splits: the rows.
        lengths: tokens of each row, special tokens included and nothing cut, by split.
        max_length: where texts are cut.
        metadata: the columns joined into the second segment.
    """
    findings = []
    train = _by_text(splits.train)
    for split in splits:
        rows = _by_text(split)
        repeated = [i for positions in rows.values() for i in positions[1:]]
        findings += _finding(
            "duplicate-texts", split, repeated, "repeat a text of the same split",
            "They count twice in training or in the score; remove them at the source if that is not meant.",
        )  # fmt: skip
        clashing = [i for positions in rows.values() if len(set(split.labels[positions])) > 1 for i in positions]
        findings += _finding(
            "conflicting-labels", split, clashing, "have a text that also stands there with another label",
            "No model can get all of them right; decide on one label.",
        )  # fmt: skip
        if split.name != "train":
            shared = [i for text, positions in rows.items() if text in train for i in positions]
            findings += _finding(
                "shared-with-train", split, shared, "have a text that is also in train",
                "Their score measures memory; remove them from train.",
            )  # fmt: skip
        empty = [i for i, row in enumerate(split.contents()) if not any(part.strip() for part in row)]
        findings += _finding("empty-texts", split, empty, "have no text", "Only the class balance can decide them.")
        cut = [i for i, length in enumerate(lengths[split.name]) if length > max_length]
        findings += _finding(
            "cut-texts", split, cut, f"are longer than {max_length} tokens and lose their end",
            "Raise data.max_length if the end matters; time grows with it.",
        )  # fmt: skip
        absent = [n for n, rows_of in zip(splits.label_names, np.bincount(
            split.labels, minlength=len(splits.label_names)), strict=True) if rows_of == 0]  # fmt: skip
        if absent:
            findings.append(Finding(
                "absent-classes", split.name, f"{split.name} has no row of {', '.join(absent)}.",
                "Macro-F1 counts these classes as 0 there.", len(absent),
            ))  # fmt: skip
    counts = [column for column in metadata if column in COUNTS]
    if counts:
        findings.append(Finding(
            "count-columns", "data.metadata", f"The model reads {', '.join(counts)}, which count this very statement.",
            "These columns leak the label (Wang 2017 counts include the current statement); leave them out.",
        ))  # fmt: skip
    return findings


def _by_text(split: Split) -> dict[tuple[str, ...], list[int]]:
    rows: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i, row in enumerate(split.contents()):
        rows[row].append(i)
    return rows


def _finding(code: str, split: Split, positions: Sequence[int], what: str, advice: str) -> list[Finding]:
    if not positions:
        return []
    positions = sorted(positions)
    share = len(positions) / len(split)
    shown = tuple(split.ids[i] for i in positions[:_SHOWN])
    message = f"{len(positions)} of {len(split)} rows of {split.name} {what}."
    return [Finding(code, split.name, message, advice, len(positions), share, shown)]
