"""Whether soft labels can be learnt from."""

import numpy as np

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.doctor.check_labels import check_decisions, check_names
from alambique.doctor.check_rows import duplicate_ids
from alambique.doctor.check_teacher import check_logits
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.findings import Finding

SHAPE = Code("soft-labels-shape", "soft labels of another shape", "Make them again from the teacher.")
OTHER_ROWS = Code(
    "soft-labels-rows", "soft labels for other rows", "They were made for other data: make them again from these rows."
)
WHERE = "soft_labels"


def check(setup: Setup) -> list[Finding]:
    """Check shape, ids and label order, and that the logits are finite, not constant, and fit the labels."""
    soft, splits = setup.soft_labels, setup.splits
    if soft is None:
        return []
    expected = (len(soft.ids), len(splits.label_names))
    if soft.logits.shape != expected or not soft.ids:
        return [SHAPE.finding(WHERE, f"The soft labels have shape {soft.logits.shape}, where {expected} is expected.")]
    findings = [*duplicate_ids(soft.ids, WHERE), *_rows(soft, splits), *check_logits(soft.logits, WHERE, setup.task)]
    findings += check_names(soft.label_names, splits.label_names, WHERE)
    if not findings and splits.labelled_train:  # only then are ids and logits good for more
        known = dict(zip(splits.train.ids, splits.train.labels.tolist(), strict=True))
        labels = np.array([known[row_id] for row_id in soft.ids])
        findings = check_decisions(setup, soft.logits, labels, WHERE)
    return findings


def _rows(soft: SoftLabels, splits: Splits) -> list[Finding]:
    have, want = set(soft.ids), set(splits.train.ids)
    absent, strange = sorted(want - have), sorted(have - want)
    if not absent and not strange:
        return []
    message = f"{len(absent)} rows of train have no soft label, and {len(strange)} soft labels are for no row of train."
    return [OTHER_ROWS.finding(WHERE, message, count=len(absent), of=len(want), row_ids=absent or strange)]
