"""Whether the teacher's logits on valid are finite, differ, are in the data's order, and beat guessing."""

import time

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.splits import MULTI_LABEL, Split
from alambique.doctor.batches import Reader, all_logits, sample
from alambique.doctor.check_labels import check_decisions
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.evaluation.task import Task
from alambique.evaluation.usefulness import Usefulness, most_frequent, usefulness
from alambique.findings import Finding
from alambique.models.labels import label_names_of, match_labels

NAN = Code(
    "nan-logits",
    "logits of the teacher or soft labels are NaN or infinite",
    "Its weights are broken, or overflowed in half precision: load or train it again, in float32.",
)
CONSTANT = Code(
    "constant-logits",
    "logits of the teacher or soft labels are the same for every row",
    "They say nothing about a row: look at the teacher's weights and at what it is given to read.",
)
UNTRAINED = Code(
    "head-not-trained",
    "a raw encoder as teacher (flat predictions), or a teacher no better than guessing, by macro-F1 and by accuracy, on up "
    "to 320 rows of valid (as many as 15 seconds allow, at least 64)",
    "Fine-tune it first (teacher.fine_tune: true), or give a classifier that was trained on these labels.",
)
SCORED = 320  # rows of valid
_PART = 64  # rows, after which the time is looked at
_BUDGET = 15.0  # seconds
_GLANCED = 32  # where they need not be right
_SAME = 1e-5  # of the largest logit
_FLAT_ENTROPY = 0.9  # of ln C
_FLAT_INFORMATION = 0.02  # nats that a row tells about the prediction
_SMALLEST = 1e-300  # probability whose logarithm is finite
_CERTAIN = 2.0  # standard errors


def check(setup: Setup) -> list[Finding]:
    """Score rows of valid; fewer where that would take long, or where the teacher need not know the task."""
    valid, names = setup.splits.valid, setup.splits.label_names
    if not len(valid):
        return []
    trained = setup.teacher_trained and len(label_names_of(setup.teacher)) == len(names)
    chosen = sample(valid, SCORED if trained else _GLANCED)
    logits, labels = _scored(setup.teacher, setup.teacher_reader, chosen)
    findings = check_logits(logits, "teacher", setup.task)
    if findings or not trained:
        return findings
    findings = check_decisions(setup, logits, labels, "teacher")
    judge = _useless if setup.splits.task == MULTI_LABEL else _untrained
    return findings or judge(setup, logits, labels)


def check_logits(logits: np.ndarray, where: str, task: Task) -> list[Finding]:
    """Check that logits, (rows, C), are finite and differ between rows by more than rounding, as the task reads them."""
    bad = int((~np.isfinite(logits)).any(1).sum())
    if bad:
        message = f"The logits of the {where} are NaN or infinite in {bad} of {len(logits)} rows."
        return [NAN.finding(where, message, count=bad, of=len(logits))]
    # a shift of all logits of a row changes no softmax, but every sigmoid
    read = logits if task.name == MULTI_LABEL else logits - logits.mean(1, keepdims=True)
    if len(logits) > 1 and np.abs(read - read[0]).max() <= _SAME * (1 + np.abs(logits).max()):
        return [CONSTANT.finding(where, f"The logits of the {where} are the same for all of {len(logits)} rows.")]
    return []


def _scored(teacher: PreTrainedModel, source: Reader, split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Score the rows in parts that each reach over the whole split, as many as there is time for."""
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


def _untrained(setup: Setup, logits: np.ndarray, labels: np.ndarray) -> list[Finding]:
    """Compare the teacher's answers with guessing: the most frequent label, and the frequencies of the labels."""
    valid, names = setup.splits.valid, setup.splits.label_names
    p = np.maximum(setup.task.probabilities(logits), _SMALLEST)
    logp = np.log(p)
    entropy = float(-(p * logp).sum(1).mean())
    information = float((p * (logp - np.log(p.mean(0)))).sum(1).mean())
    flat = entropy > _FLAT_ENTROPY * np.log(len(names)) or information < _FLAT_INFORMATION
    frequency = np.bincount(valid.labels, minlength=len(names)) / len(valid)
    gain = logp[np.arange(len(labels)), labels] - np.log(np.maximum(frequency[labels], _SMALLEST))
    says_nothing = gain.mean() < _CERTAIN * gain.std() / np.sqrt(len(gain))
    useful = _best(setup, logits, labels)
    majority = useful.constant_accuracy
    margin = _CERTAIN * np.sqrt(majority * (1 - majority) / len(labels))
    by_luck = useful.shuffled is None and useful.accuracy < majority + margin
    if useful.is_useful and not (flat and says_nothing and by_luck):
        return []
    reason = "its head was never trained: this is a raw encoder" if flat else "it has not learnt this task"
    return [UNTRAINED.finding(
        "teacher",
        f"On {len(labels)} rows of valid, the teacher gets {useful.against('always answering the most frequent label')}. "
        f"Its predictions have entropy {entropy:.2f} of at most {np.log(len(names)):.2f} (ln {len(names)}). It seems that "
        f"{reason}.",
    )]  # fmt: skip


def _useless(setup: Setup, logits: np.ndarray, labels: np.ndarray) -> list[Finding]:
    """Compare the teacher's answers with guessing, where rows have any number of labels."""
    useful = _best(setup, logits, labels)
    if useful.is_useful:
        return []
    compared = useful.against("always answering the most frequent set of labels")
    return [UNTRAINED.finding(
        "teacher",
        f"On {len(labels)} rows of valid, the teacher gets {compared}. It seems that it has not learnt this task.",
    )]  # fmt: skip


def _best(setup: Setup, logits: np.ndarray, labels: np.ndarray) -> Usefulness:
    """Judge the classes as they are and as their names order them: a wrong order is a finding of its own."""
    own, names = label_names_of(setup.teacher), setup.splits.label_names
    orders = [list(range(len(names)))]
    if sorted(own) == sorted(names):
        orders.append(match_labels(own, names))
    frequent = most_frequent(setup.splits)
    judged = [usefulness(setup.task, logits[:, order], labels, frequent) for order in orders]
    return max(judged, key=lambda useful: (useful.is_useful, useful.score))
