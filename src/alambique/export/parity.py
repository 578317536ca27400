"""How near an exported model is to PyTorch, and whether that is near enough."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from alambique.evaluation.intervals import Interval, interval_over
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.task import Task
from alambique.recipe.sections import Export

_NAMED = 3  # labels in a message
_LONGEST_PROBE = 400  # characters, which are repeated until they are cut


@dataclass(frozen=True)
class LabelParity:
    """One label of an exported model against PyTorch, where rows have any number of labels.

    Attributes:
        label: its name.
        mean_drift: the mean absolute difference of its probability.
        confident: rows whose probability in PyTorch is half the margin or more away from the label's threshold.
        agreement: share of these on which both decide the same; None if there are none.
        f1_drop: PyTorch's F1 less the exported model's, with its paired 95 % interval over rows.
    """

    label: str
    mean_drift: float
    confident: int
    agreement: float | None
    f1_drop: Interval


@dataclass(frozen=True)
class Parity:
    """An exported model against PyTorch on the same rows.

    Attributes:
        rows: how many.
        agreement: share of them on which both choose the same label.
        max_drift: the largest difference of a probability.
        mean_drift: the mean absolute difference, over rows and labels.
        confident_rows: those whose two best probabilities in PyTorch differ by the margin or more.
        confident_agreement: share of these on which both choose the same label; None if there are none.
        macro_f1: the exported model's.
        macro_f1_drop: PyTorch's less the exported model's, with its paired 95 % interval over rows.
        labels: of each label alone, where rows have any number of them; else empty.
    """

    rows: int
    agreement: float
    max_drift: float
    mean_drift: float
    confident_rows: int
    confident_agreement: float | None
    macro_f1: float
    macro_f1_drop: Interval
    labels: tuple[LabelParity, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON; those of labels only where there are any."""
        values = asdict(self) | {"macro_f1_drop": _ends(self.macro_f1_drop)}
        of_labels = [
            asdict(label) | {"f1_drop": _ends(label.f1_drop)} for label in values.pop("labels") and self.labels
        ]
        return values | {"labels": of_labels} if of_labels else values


def _ends(drop: Interval) -> dict[str, float]:
    return {"mean": drop.mean, "low": drop.low, "high": drop.high}


def compare(
    logits: np.ndarray, reference: np.ndarray, labels: np.ndarray, *, margin: float, task: Task = SINGLE_LABEL
) -> Parity:
    """Compare the logits of an exported model with PyTorch's, (N, C) each, on rows with these labels, (N,).

    Logits that are not finite count as the greatest drift there is.
    """
    ours, theirs, drift = drifts(logits, reference, task)
    same = task.decide(ours) == task.decide(theirs)
    best = np.sort(theirs, axis=-1)
    confident = best[:, -1] - best[:, -2] >= margin
    return Parity(
        rows=len(labels),
        agreement=float(same.mean()),
        max_drift=float(drift.max()),
        mean_drift=float(drift.mean()),
        confident_rows=int(confident.sum()),
        confident_agreement=float(same[confident].mean()) if confident.any() else None,
        macro_f1=task.score("macro_f1", ours, labels),
        macro_f1_drop=interval_over([task.gain(theirs, ours, labels)]),
    )


def drifts(logits: np.ndarray, reference: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of both, and how far they are apart, (N, C) each; 1 in a row with logits that are not finite."""
    logits_or_limits = np.nan_to_num(logits, nan=0.0, posinf=1e4, neginf=-1e4)
    ours, theirs = task.probabilities(logits_or_limits), task.probabilities(reference)
    return ours, theirs, np.where(np.isfinite(logits).all(-1, keepdims=True), np.abs(ours - theirs), 1.0)


def onnx_problems(parity: Parity, limits: Export) -> list[str]:
    """Why an fp32 file is refused; empty if it is not."""
    if parity.max_drift <= limits.onnx_max_drift:
        return []
    return [f"a probability drifts by {parity.max_drift:.2g} (export.onnx_max_drift is {limits.onnx_max_drift:g})"]


def probe_rows(segments: list[tuple[str, ...]], *, max_length: int) -> list[tuple[str, ...]]:
    """Texts that valid may lack: empty, a letter, a word, and longer than ``max_length`` tokens; or pairs of these.

    Args:
        segments: of valid, one or two texts per row.
        max_length: where texts are cut, in tokens.
    """
    text = max((row[0] for row in segments), key=len)[:_LONGEST_PROBE]
    long = " ".join([text or "a"] * (1 + 2 * max_length // max(1, len(text.split()))))
    texts = ("", "a", (text.split() or ["a"])[0], text, long)
    if len(segments[0]) == 1:
        return [(text,) for text in texts]
    return [(first, second) for first in texts for second in ("", "a", long)]


def probe_problems(drift: float, limits: Export) -> list[str]:
    """Why an fp32 file is refused whose largest difference of a probability on :func:`probe_rows` is ``drift``."""
    if drift <= limits.onnx_max_drift:
        return []
    limit = f"(export.onnx_max_drift is {limits.onnx_max_drift:g})"
    return [f"a probability of an empty, short or cut text drifts by {drift:.2g} {limit}"]


def int8_problems(parity: Parity, limits: Export) -> list[str]:
    """Why an int8 file is refused; empty if it is not."""
    problems = []
    if parity.mean_drift > limits.int8_mean_drift:
        problems.append(
            f"probabilities drift by {parity.mean_drift:.4f} in the mean "
            f"(export.int8_mean_drift is {limits.int8_mean_drift:g})"
        )
    confident = parity.confident_agreement
    if confident is not None and confident < limits.int8_agreement:
        problems.append(
            f"it agrees on {100 * confident:.2f} % of {parity.confident_rows} confident rows "
            f"(export.int8_agreement is {limits.int8_agreement:g})"
        )
    if parity.macro_f1_drop.low > limits.int8_macro_f1_drop:
        problems.append(
            f"macro-F1 drops by {100 * parity.macro_f1_drop.mean:.1f} points, by at least "
            f"{100 * parity.macro_f1_drop.low:.1f} (export.int8_macro_f1_drop is {limits.int8_macro_f1_drop:g})"
        )
    return problems + label_problems(parity.labels, limits)


def label_problems(labels: Sequence[LabelParity], limits: Export) -> list[str]:
    """Why an int8 file is refused for what it does to single labels; empty if it is not."""
    drifting = [f"{each.label} by {each.mean_drift:.4f}" for each in labels if each.mean_drift > limits.int8_mean_drift]
    apart = [
        f"{each.label} on {100 * each.agreement:.2f} % of {each.confident}"
        for each in labels
        if each.agreement is not None and each.agreement < limits.int8_agreement
    ]
    worse = [
        f"{each.label} by at least {100 * each.f1_drop.low:.1f}"
        for each in labels
        if each.f1_drop.low > limits.int8_macro_f1_drop
    ]
    return [
        f"{words}: {', '.join(named[:_NAMED])}{f' and {len(named) - _NAMED} more' if len(named) > _NAMED else ''} "
        f"(export.{key} is {limit:g})"
        for words, named, key, limit in (
            ("the probability of a label drifts in the mean", drifting, "int8_mean_drift", limits.int8_mean_drift),
            ("it agrees on the confident rows of a label", apart, "int8_agreement", limits.int8_agreement),
            ("the F1 of a label drops, in points", worse, "int8_macro_f1_drop", limits.int8_macro_f1_drop),
        )
        if named
    ]
