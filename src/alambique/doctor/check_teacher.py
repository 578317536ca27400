"""Whether the teacher is fit to teach: finite, deterministic, apart from the student, better than guessing."""

import time

import numpy as np
import torch
from transformers import PreTrainedModel

from alambique.artefacts.splits import Split
from alambique.doctor.batches import BATCH, Reader, Row, all_logits, logits_of, sample
from alambique.doctor.check_labels import check_behaviour
from alambique.findings import Finding
from alambique.models.labels import label_names_of, match_labels

SCORED = 320  # rows of valid
_PART = 64  # rows, after which the time is looked at
_BUDGET = 15.0  # seconds
_GLANCED = 32  # where they need not be right
_SAME = 1e-5
_FLAT_ENTROPY = 0.9  # of ln C
_FLAT_INFORMATION = 0.02  # nats that a row tells about the prediction
_CERTAIN = 2.0  # standard errors


def check_logits(logits: np.ndarray, where: str) -> list[Finding]:
    """Whether logits, (rows, C), are finite and differ between rows."""
    bad = int((~np.isfinite(logits)).any(1).sum())
    if bad:
        return [Finding(
            "nan-logits", where, f"The logits of the {where} are NaN or infinite in {bad} of {len(logits)} rows.",
            "Its weights are broken, or overflowed in half precision: load or train it again, in float32.",
            bad, bad / len(logits),
        )]  # fmt: skip
    centred = logits - logits.mean(1, keepdims=True)
    if len(logits) > 1 and np.abs(centred - centred[0]).max() <= _SAME * (1 + np.abs(logits).max()):
        return [Finding(
            "constant-logits", where, f"The logits of the {where} are the same for all of {len(logits)} rows.",
            "They say nothing about a row: look at the teacher's weights and at what it is given to read.",
        )]  # fmt: skip
    return []


def check_mode(teacher: PreTrainedModel, source: Reader, rows: list[Row]) -> list[Finding]:
    """Whether the teacher is in eval mode, and says the same when asked twice."""
    training = [name or type(teacher).__name__ for name, module in teacher.named_modules() if module.training]
    batch = source.batch(rows[:BATCH])
    with torch.no_grad():
        first, second = (logits_of(teacher, batch).float() for _ in range(2))
    off = float((first - second).abs().nan_to_num().max())
    moved = f"; two passes over the same rows differ by up to {off:.2g}" if off > _SAME else ""
    if training:
        return [Finding(
            "teacher-in-train-mode", "teacher",
            f"The teacher is in train mode ({len(training)} modules, such as {training[0]}), so dropout is at work{moved}.",
            "Call teacher.eval() before it labels anything; Trainer.train() leaves a model in train mode.",
        )]  # fmt: skip
    if moved:
        return [Finding(
            "teacher-not-deterministic", "teacher", f"The teacher is in eval mode, but not the same each time{moved}.",
            "Something in it is random or keeps state: look for functional dropout and running statistics.",
        )]  # fmt: skip
    return []


def check_apart(teacher: PreTrainedModel, student: PreTrainedModel) -> list[Finding]:
    """Whether training the student would leave the teacher alone."""
    own = {weight.data_ptr() for weight in teacher.parameters()}
    shared = [name for name, weight in student.named_parameters() if weight.data_ptr() in own and weight.requires_grad]
    if not shared:
        return []
    return [Finding(
        "teacher-not-frozen", "teacher",
        f"The student shares {len(shared)} tensors with the teacher, such as {shared[0]}: training it changes the teacher.",
        "Give the student copies (copy.deepcopy, or load_state_dict), not the teacher's own modules.",
    )]  # fmt: skip


def check_head(
    teacher: PreTrainedModel, source: Reader, valid: Split, names: tuple[str, ...], *, trained: bool
) -> list[Finding]:
    """Whether the teacher's logits on valid are finite, differ, are in the data's order, and beat guessing.

    Args:
        teacher: with as many classes as ``names``.
        source: makes its batches.
        valid: at most :data:`SCORED` of its rows are read, and fewer where that would take long.
        names: the data's classes.
        trained: whether it should know the task already.
    """
    logits, labels = _scored(teacher, source, sample(valid, SCORED if trained else _GLANCED))
    findings = check_logits(logits, "teacher")
    if findings or not trained:
        return findings
    findings = check_behaviour(logits, labels, "teacher")
    return findings or _untrained(teacher, logits, labels, valid, names)


def _scored(teacher: PreTrainedModel, source: Reader, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Logits and labels of the rows, in parts that each reach over the whole split, as many as there is time for."""
    parts = -(-len(split) // _PART)
    logits, labels = [], []
    begun = time.perf_counter()
    for first in range(parts):
        part = split.take(np.arange(first, len(split), parts))
        logits.append(all_logits(teacher, source, source.encode(part)))
        labels.append(part.labels)
        if time.perf_counter() - begun > _BUDGET:
            break
    return np.concatenate(logits), np.concatenate(labels)


def _untrained(
    teacher: PreTrainedModel, logits: np.ndarray, labels: np.ndarray, valid: Split, names: tuple[str, ...]
) -> list[Finding]:
    own = label_names_of(teacher)
    orders = [list(range(len(names)))]
    if sorted(own) == sorted(names):  # wrong order is another check's finding
        orders.append(match_labels(own, names))
    accuracy = max(float(np.mean(logits[:, order].argmax(1) == labels)) for order in orders)
    frequency = np.bincount(valid.labels, minlength=len(names)) / len(valid)
    majority = float(frequency.max())
    logp = torch.from_numpy(logits).double().log_softmax(1).numpy()
    p = np.exp(logp)
    entropy = float(-(p * logp).sum(1).mean())
    information = float((p * (logp - np.log(p.mean(0)))).sum(1).mean())
    flat = entropy > _FLAT_ENTROPY * np.log(len(names)) or information < _FLAT_INFORMATION
    margin = _CERTAIN * np.sqrt(majority * (1 - majority) / len(labels))
    gain = logp[np.arange(len(labels)), labels] - np.log(frequency[labels])
    says_nothing = gain.mean() < _CERTAIN * gain.std() / np.sqrt(len(gain))
    if accuracy > majority and not (flat and says_nothing and accuracy < majority + margin):
        return []
    looks = "its head was never trained: this is a raw encoder" if flat else "it has not learnt this task"
    return [Finding(
        "head-not-trained", "teacher",
        f"The teacher gets {accuracy:.1%} of {len(labels)} rows of valid right, always answering the most frequent label "
        f"{majority:.1%}; its predictions have entropy {entropy:.2f} of at most {np.log(len(names)):.2f} (ln {len(names)}). "
        f"It seems that {looks}.",
        "Fine-tune it first (teacher.fine_tune: true), or give a classifier that was trained on these labels.",
    )]  # fmt: skip
