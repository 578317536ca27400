"""Findings about the rows: no errors, but things that change what a score means."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from alambique.artefacts.splits import MULTI_LABEL, Split, Splits
from alambique.data.liar import COUNTS
from alambique.data.lint_label_sets import lint_label_sets
from alambique.data.spelling import LookAlikes, look_alikes, plain_text, shown
from alambique.findings import Finding

_SHOWN = 10  # row ids
_LISTED = 12  # labels
Row = tuple[str, ...]


def lint(
    splits: Splits, *, lengths: Mapping[str, Sequence[int]], max_length: int, metadata: tuple[str, ...]
) -> list[Finding]:
    """Look for labels that look alike, duplicates, contradictions, leaks, empty and cut texts, and absent classes.

    Texts that differ by case, blanks or Unicode form alone count as equal, but for contradictions: those are of rows which
    a model cannot tell apart.

    Args:
        splits: the rows.
        lengths: tokens of each row, special tokens included and nothing cut, by split.
        max_length: where texts are cut.
        metadata: the columns joined into the second segment.
    """
    findings = look_alike_labels(splits)
    train = _groups(splits.train)
    exactly, counts = set(splits.train.contents()), splits.counts()
    for split in splits:
        contents, groups = split.contents(), _groups(split)
        repeated = [i for positions in groups.values() for i in positions[1:]]
        exact = len(split) - len(set(contents))
        findings += _finding(
            "duplicate-texts", split, repeated, f"repeat a text of the same split{_but_for(len(repeated) - exact)}",
            "They count twice in training or in the score; remove them at the source if that is not meant.",
        )  # fmt: skip
        read = _positions(split.segments())
        clashing = [
            i for positions in read.values() if len(np.unique(split.labels[positions], axis=0)) > 1 for i in positions
        ]
        findings += _finding(
            "conflicting-labels", split, clashing, "have a text that also stands there with another label",
            "No model can get all of them right; decide on one label.",
        )  # fmt: skip
        if split.name != "train":
            shared = [i for text, positions in groups.items() if text in train for i in positions]
            alike = sum(contents[i] not in exactly for i in shared)
            findings += _finding(
                "shared-with-train", split, shared, f"have a text that is also in train{_but_for(alike)}",
                "Their score measures memory; remove them from train.",
            )  # fmt: skip
        empty = [i for i, row in enumerate(split.contents()) if not any(part.strip() for part in row)]
        findings += _finding("empty-texts", split, empty, "have no text", "Only the class balance can decide them.")
        cut = [i for i, length in enumerate(lengths[split.name]) if length > max_length]
        findings += _finding(
            "cut-texts", split, cut, f"are longer than {max_length} tokens and lose their end",
            "Raise data.max_length if the end matters; time grows with it.",
        )  # fmt: skip
        if split is splits.train and not splits.labelled_train:
            continue
        absent = [name for name, rows_of in counts[split.name].items() if rows_of == 0]
        if absent:
            findings.append(Finding(
                "absent-classes", split.name, f"{split.name} has no row of {', '.join(absent)}.",
                "Macro-F1 counts these classes as 0 there.", len(absent),
            ))  # fmt: skip
    if splits.task == MULTI_LABEL:
        findings += lint_label_sets(splits)
    leaking = [column for column in metadata if column in COUNTS]
    if leaking:
        findings.append(Finding(
            "count-columns", "data.metadata", f"The model reads {', '.join(leaking)}, which count this very statement.",
            "These columns leak the label (Wang 2017 counts include the current statement); leave them out.",
        ))  # fmt: skip
    return findings


def look_alike_labels(splits: Splits) -> list[Finding]:
    """Name the labels that differ by case, Unicode form, blanks or invisible characters alone, with their rows."""
    groups = look_alikes(splits.label_names)
    if not groups:
        return []
    rows: Counter[str] = Counter()
    for counts in splits.counts().values():
        rows.update(counts)
    listed = [
        f"{' and '.join(f'{shown(name)} ({rows[name]} rows)' for name in group.names)} by {group.difference}"
        for group in groups[:_SHOWN]
    ]
    more = f"; and {len(groups) - _SHOWN} more groups" if len(groups) > _SHOWN else ""
    message = f"Labels that look alike are different classes. They differ: {'; '.join(listed)}{more}."
    count = sum(len(group.names) for group in groups)
    advice = f"If they mean the same, merge them, as in data.label_groups: {_merging(groups, splits.label_names, rows)}"
    return [Finding("look-alike-labels", "data.label", message, advice, count)]


def _merging(groups: list[LookAlikes], names: Sequence[str], rows: Mapping[str, int]) -> str:
    """Write a mapping of each look-alike to the most frequent of its group, and of other labels to themselves."""
    target = {
        name: max(group.names, key=lambda n: (rows[n], shown(n) == f"'{n}'"))  # of two as frequent, the plainly written
        for group in groups
        for name in group.names
    }
    listed = [name for name in names if name in target] if len(names) > _LISTED else list(names)
    pairs = [f"{_quoted(name)}: {_quoted(target.get(name, name))}" for name in listed[:_LISTED]]
    return f"{{{', '.join(pairs)}{', …' if len(pairs) < len(names) else ''}}}, which names every label."


def _quoted(name: str) -> str:
    """A label as a double-quoted scalar of YAML, what is not seen in it as an escape."""
    inner = shown(name.replace("\\", "\\\\").replace('"', '\\"'))[1:-1]
    return f'"{inner}"'


def _groups(split: Split) -> dict[Row, list[int]]:
    """Positions of the rows by their text; texts that differ by case, blanks or Unicode form are one."""
    return _positions([tuple(map(plain_text, row)) for row in split.contents()])


def _positions(rows: Sequence[Row]) -> dict[Row, list[int]]:
    positions: dict[Row, list[int]] = defaultdict(list)
    for i, row in enumerate(rows):
        positions[row].append(i)
    return positions


def _but_for(count: int) -> str:
    return f" ({count} of them but for case, blanks or Unicode form)" if count else ""


def _finding(code: str, split: Split, positions: Sequence[int], what: str, advice: str) -> list[Finding]:
    if not positions:
        return []
    positions = sorted(positions)
    share = len(positions) / len(split)
    shown = tuple(split.ids[i] for i in positions[:_SHOWN])
    message = f"{len(positions)} of {len(split)} rows of {split.name} {what}."
    return [Finding(code, split.name, message, advice, len(positions), share, shown)]
