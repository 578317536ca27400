"""How near an exported model is to PyTorch where rows have any number of labels: over all labels, and for each."""

from collections.abc import Sequence
from typing import cast

import numpy as np

from alambique.evaluation.intervals import Interval, interval_over
from alambique.evaluation.label_f1 import of_f1_gain
from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.evaluation.task import Task, Thresholds
from alambique.export.parity import LabelParity, Parity, drifts


def compare_label_sets(
    logits: np.ndarray, reference: np.ndarray, labels: np.ndarray, names: Sequence[str], *, margin: float,
    task: Task = MULTI_LABEL,
) -> Parity:  # fmt: skip
    """Compare the logits of an exported model with PyTorch's, (N, L) each.

    Both decide at the thresholds that are chosen for PyTorch's model on these rows, which are shipped with it. A decision is
    confident if the probability in PyTorch is half the margin or more away from the threshold, as the two probabilities of a
    label, that of having it and of not having it, are then the margin apart at a threshold of one half.

    Args:
        logits: of the exported model.
        reference: of PyTorch's.
        labels: (N, L) 0 or 1, of valid.
        names: of the labels.
        margin: ``export.confident_margin``.
        task: chooses the thresholds.
    """
    ours, theirs, drift = drifts(logits, reference, task)
    thresholds = cast("np.ndarray", task.fit_thresholds(reference, labels))
    given, wanted = task.decided(ours, thresholds), task.decided(theirs, thresholds)
    same, confident = given == wanted, np.abs(theirs - thresholds) >= margin / 2
    whole, sure = same.all(-1), confident.all(-1)
    both = Thresholds(thresholds, thresholds)
    return Parity(
        rows=len(labels),
        agreement=float(whole.mean()),
        max_drift=float(drift.max()),
        mean_drift=float(drift.mean()),
        confident_rows=int(sure.sum()),
        confident_agreement=float(whole[sure].mean()) if sure.any() else None,
        macro_f1=task.score("macro_f1", task.logits_of(ours), labels, thresholds),
        macro_f1_drop=interval_over([task.gain(task.logits_of(theirs), task.logits_of(ours), labels, both)]),
        labels=tuple(
            _of_label(name, drift[:, i], same[confident[:, i], i], wanted[:, [i]], given[:, [i]], labels[:, [i]])
            for i, name in enumerate(names)
        ),
    )


def _of_label(
    name: str, drift: np.ndarray, same: np.ndarray, wanted: np.ndarray, given: np.ndarray, labels: np.ndarray
) -> LabelParity:
    drop = interval_over([of_f1_gain(wanted, given, labels, pooled=False)]) if labels.any() else Interval(0, 0, 0, (0,))
    return LabelParity(name, float(drift.mean()), len(same), float(same.mean()) if len(same) else None, drop)
