"""What is wrong with the rows themselves, beyond what :func:`alambique.data.lint.lint` says."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from alambique.artefacts.splits import MULTI_LABEL, Split, Splits
from alambique.artefacts.tokens import tokenize_rows
from alambique.data.lint import lint
from alambique.doctor.batches import IDS, Reader, sample
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.findings import Finding

OUT_OF_RANGE = Code(
    "labels-out-of-range",
    "a label is not an index of the label names; checks that look labels up are left out",
    "Labels are indices from 0 into splits.label_names; where rows have any number of labels, 0 or 1 for each name.",
)
DUPLICATE_IDS = Code(
    "duplicate-ids",
    "an id stands for more than one row, in a split, across splits, or in the soft labels",
    "Soft labels are found by id, so such rows get each other's; make ids with alambique.artefacts.splits.row_ids.",
)
SHARED = Code(
    "shared-with-valid",
    "rows of test have a text that valid has",
    "The best epoch is chosen on valid, so their score is too good; remove them from valid.",
)
SWAPPED = Code(
    "text-label-swapped",
    "the texts are label names, or there are no more different texts than labels",
    "Name the column of texts with data.text and the column of labels with data.label.",
)
CUT = Code(
    "everything-cut",
    "at least 95 % of a split's texts lose their end",
    "Raise data.max_length (the tokenizer's model_max_length, or where the collator cuts).",
)
_ALL = 0.95  # this share of a split is "everything"
_PROBED = 32


def check(setup: Setup) -> list[Finding]:
    """Lint, ids, labels out of range, rows that valid and test share, texts that are labels, texts that are cut."""
    splits, source = setup.splits, setup.teacher_reader
    labelled = tuple(splits) if splits.labelled_train else (splits.valid, splits.test)
    several, classes = splits.task == MULTI_LABEL, len(splits.label_names)
    out_of_range = _not_zero_or_one if several else _out_of_range
    wrong = [finding for split in labelled for finding in out_of_range(split, classes)]
    if wrong:
        return wrong  # no other check can read such labels
    lengths = {
        split.name: tokenize_rows(source.tokenizer, split.segments(), max_length=None).lengths.tolist()
        for split in splits
    }
    findings = lint(splits, lengths=lengths, max_length=source.max_length, metadata=setup.metadata)
    cut = [finding for split in splits for finding in _everything_cut(split, lengths[split.name], source)]
    findings = [f for f in findings if f.code != "cut-texts" or f.where not in {other.where for other in cut}]
    return [
        *duplicate_ids([row_id for split in splits for row_id in split.ids], "splits"),
        *_shared(splits),
        *(finding for split in splits for finding in _swapped(split, splits.label_names, several=several)),
        *cut,
        *findings,
    ]


def duplicate_ids(ids: Sequence[str], where: str) -> list[Finding]:
    """Look for ids that stand for more than one row: soft labels are found by id, so each must be unique."""
    twice = [row_id for row_id, count in Counter(ids).items() if count > 1]
    if not twice:
        return []
    message = f"{len(twice)} row ids of {where} stand for more than one row, such as {twice[0]}."
    return [DUPLICATE_IDS.finding(where, message, count=len(twice), of=len(ids), row_ids=twice)]


def _shared(splits: Splits) -> list[Finding]:
    chosen_on = set(splits.valid.contents())
    ids = [row_id for row_id, row in zip(splits.test.ids, splits.test.contents(), strict=True) if row in chosen_on]
    if not ids:
        return []
    message = f"{len(ids)} of {len(splits.test)} rows of test have a text that is also in valid."
    return [SHARED.finding("test", message, count=len(ids), of=len(splits.test), row_ids=ids)]


def _swapped(split: Split, names: tuple[str, ...], *, several: bool) -> list[Finding]:
    texts = [" ".join(row).strip().casefold() for row in split.contents()]
    different, labels = len(set(texts)), len(names) if several else len(set(split.labels.tolist()))
    known = {name.casefold() for name in names}
    are_names = sum(text in known for text in texts)
    if are_names * 2 > len(texts):
        evidence = f"{are_names} of {len(texts)} texts of {split.name} are the name of a label"
    elif 0 < different <= labels and different * 2 <= len(texts):
        evidence = f"{split.name} has {different} different texts for {labels} labels in {len(texts)} rows"
    else:
        return []
    message = f"{evidence}: the text column and the label column are swapped, or are the same."
    return [SWAPPED.finding(split.name, message)]


def _not_zero_or_one(split: Split, classes: int) -> list[Finding]:
    wrong = np.flatnonzero((split.labels.shape[1:] != (classes,)) | ~np.isin(split.labels, (0, 1)).all(-1))
    if not len(wrong):
        return []
    message = (
        f"{len(wrong)} rows of {split.name} have labels that are not 0 or 1 for each of the {classes} label names."
    )
    ids = [split.ids[i] for i in wrong]
    return [OUT_OF_RANGE.finding(split.name, message, count=len(wrong), of=len(split), row_ids=ids)]


def _out_of_range(split: Split, classes: int) -> list[Finding]:
    wrong = np.flatnonzero((split.labels < 0) | (split.labels >= classes))
    if not len(wrong):
        return []
    message = f"{len(wrong)} rows of {split.name} have a label that is not an index of the {classes} label names."
    ids = [split.ids[i] for i in wrong]
    return [OUT_OF_RANGE.finding(split.name, message, count=len(wrong), of=len(split), row_ids=ids)]


def _everything_cut(split: Split, lengths: list[int], source: Reader) -> list[Finding]:
    """Look for texts cut by the length limit, or by a collator that shortens rows which fit."""
    share = float(np.mean(np.array(lengths) > source.max_length)) if lengths else 0.0
    if share >= _ALL:
        limit = source.max_length
    else:
        rows = source.encode(sample(split, _PROBED))
        widths = [source.batch([row])[IDS].shape[1] for row in rows]
        share = (
            float(np.mean([width < len(row[IDS]) for width, row in zip(widths, rows, strict=True)])) if rows else 0.0
        )
        limit = max(widths, default=0)
    if share < _ALL:
        return []
    message = (
        f"{share:.0%} of the texts of {split.name} are cut: their median length is {np.median(lengths):.0f} tokens, only "
        f"{limit} are read."
    )
    return [CUT.finding(split.name, message, count=round(share * len(split)), of=len(split), row_ids=split.ids)]
