"""Soft labels: the teachers' logits on train, computed once, shard by shard, and averaged over the teachers of a row."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from alambique.artefacts.answers import read_answers
from alambique.artefacts.soft_labels import (
    LOGITS,
    Mean,
    Part,
    SoftLabels,
    append_soft_labels,
    combine_logits,
    read_soft_labels,
    write_soft_labels,
)
from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import MIXED, Tokens
from alambique.artefacts.unlabelled import Unlabelled
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS
from alambique.evaluation.teacher_weights import teacher_weights
from alambique.inference.labelling import SHARD, Labelling, labelling
from alambique.losses.no_label import NO_LABEL
from alambique.models.tokenizer import tokenizer_digest
from alambique.progress import Reporter, Step
from alambique.recipe.sections import Compute
from alambique.recipe.soft_labels import AUTO_GAP, SoftLabelling
from alambique.run.folder import RunFolder
from alambique.run.layout import MIXED_LABELS, SCRATCH, SOFT_LABELS
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed
from alambique.training.arguments import half_precision


@dataclass(frozen=True)
class Labeller:
    """A teacher and the rows that it labels.

    Attributes:
        teacher: its artefact.
        tokens: of the splits, by its tokenizer.
        rows: (n,) int64, rising positions in train of the rows that it labels, none of which it was trained on; None: all
            rows.
        valid_logits: (rows of valid, C), for its weight, and for a temperature where it was trained on all of train.
        answered: whether its answers to all of train lie in its folder, in the place of a model.
    """

    teacher: Artefact
    tokens: Mapping[str, Tokens]
    rows: np.ndarray | None = None
    valid_logits: np.ndarray | None = None
    answered: bool = False


def _teachers_key(labellers: tuple[Labeller, ...]) -> dict[str, Any]:
    digests = [labeller.teacher.digest for labeller in labellers]
    return {"inputs": {"teacher": digests[0]} if len(digests) == 1 else {"teachers": digests}}


def _labelling_key(compute: Compute) -> dict[str, Any]:
    return {name: value for name, value in compute.key().items() if name != "compile"}


def _valid_key(valid: Split | None) -> dict[str, Any]:
    return {} if valid is None else {"inputs": {"valid": valid.digest}}


@dataclass(frozen=True)
class SoftLabelInputs(Inputs):
    """The teachers and the rows that they label."""

    labellers: tuple[Labeller, ...] = keyed(value=_teachers_key)  # the rows of each follow from what it was trained on
    settings: SoftLabelling = keyed(value=SoftLabelling.key)
    compute: Compute = keyed("compute", value=_labelling_key)
    max_length: int = keyed("max_length")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    valid: Split | None = keyed(value=_valid_key)  # None where it decides no temperature and no weight
    label_names: tuple[str, ...] = keyed("inputs", "labels")
    task: str = derived("train")


def _make(inputs: SoftLabelInputs, work: Path, reporter: Reporter) -> None:
    alone = len(inputs.labellers) == 1 and not inputs.settings.calibrate
    parts, weights = [], _weights_by_valid(inputs)
    with reporter.stage("soft labels") as step, labelling(inputs.compute, step, half_precision) as give:
        step.start(sum(len(inputs.train) if each.rows is None else len(each.rows) for each in inputs.labellers))
        for number, labeller in enumerate(inputs.labellers):
            place = work if alone else work / SCRATCH / str(number)
            place.mkdir(parents=True, exist_ok=True)
            _label(inputs, labeller, place, step, give)
            weight = 1.0 if weights is None else weights[number]
            parts.append(Part(place / LOGITS, labeller.rows, _temperature(inputs, labeller, place / LOGITS), weight))
    if not alone:
        combine_logits(parts, work / LOGITS, len(inputs.train), mean_over_teachers(inputs.settings, inputs.task))
    teachers = [labeller.teacher for labeller in inputs.labellers]
    made_from = {"teacher": " ".join(teacher.digest for teacher in teachers),
                 "tokenizer": " ".join(tokenizer_digest(teacher.folder) for teacher in teachers),
                 "text": inputs.train.digest}  # fmt: skip
    logits = np.load(work / LOGITS, mmap_mode="r", allow_pickle=False)
    worth = worth_of(logits, inputs.train.labels, TASKS[inputs.task])
    if inputs.settings.calibrate:
        worth["temperatures"] = [part.temperature for part in parts]
    if weights is not None:
        worth["weights"] = weights
    write_soft_labels(SoftLabels(inputs.train.ids, logits, inputs.label_names, made_from, worth=worth), work)


def _label(inputs: SoftLabelInputs, labeller: Labeller, place: Path, step: Step, give: Labelling) -> None:
    """Write the logits that a teacher gives its rows."""
    if labeller.answered:
        np.save(place / LOGITS, read_answers(labeller.teacher.folder, inputs.train), allow_pickle=False)
        step.advance(len(inputs.train))
        return
    tokens = labeller.tokens["train"]
    if labeller.rows is not None:
        tokens = tokens.take(labeller.rows)
    give(labeller.teacher.folder, tokens, place)


def _temperature(inputs: SoftLabelInputs, labeller: Labeller, file: Path) -> float:
    """Fitted on rows that the teacher was not trained on; 1 where that is not asked for."""
    if not inputs.settings.calibrate:
        return 1.0
    task = TASKS[inputs.task]
    if labeller.rows is not None:
        unseen = np.load(file, allow_pickle=False)
        return task.fit_temperature(unseen, inputs.train.labels[labeller.rows])
    return task.fit_temperature(cast("np.ndarray", labeller.valid_logits), cast("Split", inputs.valid).labels)


def _weights_by_valid(inputs: SoftLabelInputs) -> list[float] | None:
    """How much each teacher counts, by its accuracy on valid; None where all count alike, or there is one alone."""
    if inputs.settings.weights == "equal" or len(inputs.labellers) == 1:
        return None
    task, valid = TASKS[inputs.task], cast("Split", inputs.valid)
    given = [cast("np.ndarray", labeller.valid_logits) for labeller in inputs.labellers]
    return teacher_weights([task.score("accuracy", logits, valid.labels) for logits in given])


def worth_of(logits: np.ndarray, labels: np.ndarray, task: Task) -> dict[str, Any]:
    """How often the soft labels agree with the labels, and how sure they are; memory does not grow with the rows.

    Args:
        logits: (rows, C), perhaps mapped from disk.
        labels: of train; −100 for none.
        task: decides and gives probabilities.

    Returns:
        ``accuracy`` and ``confidence``, the mean of the largest probability: fractions. The accuracy is None where train
        has no labels.
    """
    right = confident = 0.0
    for start in range(0, len(logits), SHARD):
        part = np.asarray(logits[start : start + SHARD])
        right += float(task.right(part, labels[start : start + SHARD]).sum())
        confident += float(task.confidence(task.probabilities(part)).sum())
    accuracy = right / len(logits) if (labels != NO_LABEL).any() else None
    return {"accuracy": accuracy, "confidence": confident / len(logits)}


def mean_over_teachers(settings: SoftLabelling, task: str) -> Mean:
    """The mean that a recipe asks for."""
    if settings.average == "logits":
        return Mean()
    return Mean(TASKS[task].probabilities, TASKS[task].logits_of)


def overfits(in_sample: SoftLabels, valid_logits: np.ndarray, splits: Splits) -> bool:
    """Whether a teacher knows train by heart: its accuracy there is more than :data:`AUTO_GAP` above that on valid.

    Args:
        in_sample: what it gives the rows that it was trained on.
        valid_logits: (rows of valid, C).
        splits: the rows.
    """
    on_valid = TASKS[splits.task].score("accuracy", valid_logits, splits.valid.labels)
    return float(in_sample.worth["accuracy"]) - on_valid > AUTO_GAP


def make_soft_labels(
    run: RunFolder, inputs: SoftLabelInputs, reporter: Reporter, *, name: str = SOFT_LABELS
) -> SoftLabels:
    """Run each teacher once over its rows, in eval mode, with its own tokenizer and inputs, and average their logits."""
    artefact = Stage(name, _make).run(run, inputs, reporter)
    return read_soft_labels(artefact.folder, artefact.digest)


def _of_each_teacher(labels: SoftLabels, fact: str, teachers: int) -> list[float]:
    return [float(value) for value in labels.worth.get(fact, [1.0] * teachers)]


@dataclass(frozen=True)
class MixedLabelInputs(Inputs):
    """The soft labels of train, and the teachers that label the unlabelled rows, which none of them has seen."""

    labels: SoftLabels = keyed("inputs", "soft_labels", value=lambda labels: labels.digest)  # settings and task follow
    labellers: tuple[Labeller, ...] = keyed(value=_teachers_key)
    unlabelled: Unlabelled = keyed("inputs", "unlabelled", value=lambda rows: rows.digest)
    compute: Compute = keyed("compute", value=_labelling_key)
    max_length: int = keyed("max_length")
    mean: Mean = derived("labels")


def _make_mixed(inputs: MixedLabelInputs, work: Path, reporter: Reporter) -> None:
    labels, count, parts = inputs.labels, len(inputs.unlabelled), []
    temperatures, weights = (_of_each_teacher(labels, f, len(inputs.labellers)) for f in ("temperatures", "weights"))
    with (
        reporter.stage("soft labels of unlabelled text") as step,
        labelling(inputs.compute, step, half_precision) as give,
    ):
        step.start(count * len(inputs.labellers))
        teachers = zip(inputs.labellers, temperatures, weights, strict=True)
        for number, (labeller, temperature, weight) in enumerate(teachers):
            place = work / SCRATCH / str(number)
            place.mkdir(parents=True, exist_ok=True)
            give(labeller.teacher.folder, labeller.tokens[MIXED].after(len(labels.ids)), place)
            parts.append(Part(place / LOGITS, None, temperature, weight))
    combined = work / SCRATCH / LOGITS
    combine_logits(parts, combined, count, inputs.mean)
    append_soft_labels(labels, combined, lambda: inputs.unlabelled.ids(SHARD), work)


def make_mixed_labels(run: RunFolder, inputs: MixedLabelInputs, reporter: Reporter) -> SoftLabels:
    """Soft labels of train and, behind them, of the unlabelled rows: the mean of all teachers' logits."""
    artefact = Stage(MIXED_LABELS, _make_mixed).run(run, inputs, reporter)
    return read_soft_labels(artefact.folder, artefact.digest)
