"""The tasks there are, by the name that is stored with data and exported models."""

from typing import TYPE_CHECKING

from alambique.evaluation.single_label import SINGLE_LABEL, SingleLabel
from alambique.evaluation.task import Task

if TYPE_CHECKING:
    from alambique.artefacts.splits import Splits
    from alambique.recipe.verdict import Verdict

TASKS: dict[str, Task] = {task.name: task for task in (SINGLE_LABEL,)}


def task_of(splits: "Splits", verdict: "Verdict") -> Task:
    """The task of the rows, with the figures that a recipe chose for the verdict and for the best epoch.

    Args:
        splits: the rows.
        verdict: section of the recipe; a class that it names is a label of the data.
    """
    is_default = verdict == type(verdict)()
    return TASKS[splits.task] if is_default else SingleLabel(verdict, splits.label_names)
