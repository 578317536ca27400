"""Whether soft labels can be learnt from."""

import numpy as np

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Splits
from alambique.doctor.check_labels import check_behaviour, check_names
from alambique.doctor.check_rows import duplicate_ids
from alambique.doctor.check_teacher import check_logits
from alambique.findings import Finding

WHERE = "soft_labels"


def check_soft_labels(soft: SoftLabels, splits: Splits) -> list[Finding]:
    """Shape, ids, label order, finite and not constant."""
    expected = (len(soft.ids), len(splits.label_names))
    if soft.logits.shape != expected or not soft.ids:
        return [Finding(
            "soft-labels-shape", WHERE, f"The soft labels have shape {soft.logits.shape}, where {expected} is expected.",
            "Make them again from the teacher.",
        )]  # fmt: skip
    findings = [*duplicate_ids(soft.ids, WHERE), *_rows(soft, splits), *check_logits(soft.logits, WHERE)]
    findings += check_names(soft.label_names, splits.label_names, WHERE)
    if not findings:  # only then are ids and logits good for more
        known = dict(zip(splits.train.ids, splits.train.labels.tolist(), strict=True))
        findings = check_behaviour(soft.logits, np.array([known[row_id] for row_id in soft.ids]), WHERE)
    return findings


def _rows(soft: SoftLabels, splits: Splits) -> list[Finding]:
    have, want = set(soft.ids), set(splits.train.ids)
    absent, strange = sorted(want - have), sorted(have - want)
    if not absent and not strange:
        return []
    return [Finding(
        "soft-labels-rows", WHERE,
        f"{len(absent)} rows of train have no soft label, and {len(strange)} soft labels are for no row of train.",
        "They were made for other data: make them again from these rows.",
        len(absent), len(absent) / max(1, len(want)), tuple((absent or strange)[:10]),
    )]  # fmt: skip
