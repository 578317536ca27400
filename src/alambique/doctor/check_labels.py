"""Whether teacher, student, soft labels and data mean the same class by the same index."""

from collections.abc import Sequence

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.splits import MULTI_LABEL
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.errors import ModelError
from alambique.findings import Finding
from alambique.models.labels import label_names_of, match_labels

_REORDER = (
    "Put its classes into the data's order by name (alambique.models.labels.reorder_labels), or mend its id2label."
)
REVERSED = Code(
    "reversed-label-map",
    "teacher, student or soft labels have the data's classes in reverse order: by id2label, by label2id, or, where the "
    "names are in order, because the logits fit the labels only in reverse",
    _REORDER,
)
MISORDERED = Code("label-order", "teacher, student or soft labels have the data's classes in another order", _REORDER)
MISMATCH = Code(
    "label-mismatch",
    "other class names than the data's, or another number of them",
    "Map the data's names with data.label_groups, or use a model made for these labels.",
)
UNNAMED = Code(
    "labels-unnamed",
    "classes named LABEL_0, LABEL_1, …, so their order cannot be checked",
    "Write the data's names into config.id2label and label2id (alambique.models.labels.label_config does).",
)
_CERTAIN = 3.0  # standard errors
_ENOUGH = 20  # rows


def check(setup: Setup) -> list[Finding]:
    """Compare the label maps of teacher and student with the data's names."""
    wanted = setup.splits.label_names
    return [*check_model(setup.teacher, wanted, "teacher"), *check_model(setup.student, wanted, "student")]


def check_names(own: Sequence[str], wanted: tuple[str, ...], where: str) -> list[Finding]:
    """Compare class names in order; case, spaces, hyphens and underscores do not matter.

    Args:
        own: the names that ``where`` has.
        wanted: the data's.
        where: teacher, student or soft_labels.
    """
    try:
        order = match_labels(list(own), wanted)
    except ModelError:
        if len(own) == len(wanted) and all(name.startswith("LABEL_") for name in own):
            message = f"The {where} names its classes {own[0]} … {own[-1]}, so their order cannot be checked."
            return [UNNAMED.finding(where, message)]
        message = f"The labels of the {where} are {_listed(own)}; the data's are {_listed(wanted)}."
        return [MISMATCH.finding(where, message)]
    if order == sorted(order):
        return []
    return [_misordered(where, f"its labels are {_listed(own)}; the data's are {_listed(wanted)}", order)]


def check_model(model: PreTrainedModel, wanted: tuple[str, ...], where: str) -> list[Finding]:
    """Compare both maps of a model's config, id2label and label2id, with the data's names."""
    findings = check_names(label_names_of(model), wanted, where)
    label2id = model.config.label2id or {}
    if findings or len(set(label2id.values())) != len(wanted):
        return findings
    return check_names(sorted(label2id, key=lambda name: label2id[name]), wanted, where)


def check_decisions(setup: Setup, logits: np.ndarray, labels: np.ndarray, where: str) -> list[Finding]:
    """:func:`check_behaviour` of (rows, C) logits; nothing where labels do not exclude each other, as none is then missed.

    Args:
        setup: how logits become decisions.
        logits: of the rows.
        labels: the data's.
        where: teacher or soft_labels.
    """
    if setup.splits.task == MULTI_LABEL:
        return []
    return check_behaviour(setup.task.decide(logits), labels, len(setup.splits.label_names), where)


def check_behaviour(guesses: np.ndarray, labels: np.ndarray, classes: int, where: str) -> list[Finding]:
    """Find classes that answer to each other's rows, whatever the names say.

    Args:
        guesses: (rows,) the decisions.
        labels: (rows,) the data's.
        classes: how many there are.
        where: teacher or soft_labels.
    """
    if len(guesses) < _ENOUGH:
        return []
    reverse = list(range(classes))[::-1]
    if _answers_to(reverse, guesses, labels):
        return [_misordered(where, "its logits fit the labels only when read in reverse order", reverse)]
    counts = np.zeros((classes, classes))
    np.add.at(counts, (labels[::2], guesses[::2]), 1)
    order = counts.argmax(1).tolist()
    if len(set(order)) == classes and order != sorted(order) and _answers_to(order, guesses[1::2], labels[1::2]):
        return [_misordered(where, "its logits fit the labels only when read in another order", order)]
    return []


def _answers_to(order: list[int], guesses: np.ndarray, labels: np.ndarray) -> bool:
    """Whether reading class ``order[i]`` as class i beats both the majority class and the order as it is."""
    as_is, permuted = guesses == labels, guesses == np.array(order)[labels]
    gained, lost = int((permuted & ~as_is).sum()), int((as_is & ~permuted).sum())
    beats_guessing = permuted.sum() > np.bincount(labels).max()
    return bool(beats_guessing and gained - lost > _CERTAIN * np.sqrt(gained + lost))  # McNemar's statistic


def _misordered(where: str, evidence: str, order: list[int]) -> Finding:
    code, state = (REVERSED, "reversed") if order == list(range(len(order)))[::-1] else (MISORDERED, "in another order")
    message = f"The label map of the {where} is {state}: {evidence}. Class i of the data is its class {order}[i]."
    return code.finding(where, message)


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:8]) + (["…"] if len(names) > 8 else [])  # noqa: PLR2004 - as many as a line holds
    return ", ".join(shown) + (f" ({len(names)} in all)" if len(shown) > len(names[:8]) else "")
