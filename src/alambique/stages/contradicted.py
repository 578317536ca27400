"""Which rows of train have a label that the out-of-fold teachers contradict."""

from dataclasses import dataclass
from pathlib import Path

from alambique.artefacts.contradicted import Contradicted, Doubt, read_contradicted, write_contradicted
from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.confident_learning import contradictions
from alambique.evaluation.tasks import TASKS
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.layout import CONTRADICTED
from alambique.run.stage import Inputs, Stage, derived, keyed


@dataclass(frozen=True)
class ContradictedInputs(Inputs):
    """The labels of train, and the soft labels that they are compared with."""

    soft_labels: SoftLabels = keyed("inputs", "soft_labels", value=lambda labels: labels.digest)
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    label_names: tuple[str, ...] = keyed("inputs", "labels")
    task: str = derived("train")


def _make(inputs: ContradictedInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    logits = inputs.soft_labels.for_rows(inputs.train.ids)
    found = contradictions(logits, inputs.train.labels, TASKS[inputs.task].probabilities)
    columns = (found.rows, found.classes, found.label_probabilities, found.class_probabilities)
    doubts = [Doubt(*values) for values in zip(*(column.tolist() for column in columns), strict=True)]
    write_contradicted(doubts, inputs.train, inputs.label_names, work)


STAGE = Stage(CONTRADICTED, _make)


def find_contradicted(run: RunFolder, soft_labels: SoftLabels, splits: Splits, reporter: Reporter) -> Contradicted:
    """The rows of train that are contradicted (:func:`alambique.evaluation.confident_learning.contradictions`).

    Args:
        run: where.
        soft_labels: of train, each row's by teachers that were not trained on it.
        splits: the rows.
        reporter: where progress goes.
    """
    inputs = ContradictedInputs(soft_labels, splits.train, splits.label_names, splits.task)
    artefact = STAGE.run(run, inputs, reporter)
    return read_contradicted(artefact.folder, artefact.digest)
