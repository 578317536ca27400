"""The tasks there are, by the name that is stored with data and exported models."""

from alambique.artefacts.splits import Splits
from alambique.evaluation.multi_label import MULTI_LABEL, MultiLabel
from alambique.evaluation.single_label import SINGLE_LABEL, SingleLabel
from alambique.evaluation.task import Task
from alambique.recipe.decide import Decide
from alambique.recipe.verdict import Verdict

KINDS: dict[str, type[SingleLabel | MultiLabel]] = {kind.name: kind for kind in (SingleLabel, MultiLabel)}
TASKS: dict[str, Task] = {task.name: task for task in (SINGLE_LABEL, MULTI_LABEL)}


def task_of(splits: Splits, verdict: Verdict, decide: Decide | None = None) -> Task:
    """The task of the rows, with the figures that a recipe chose for the verdict and for the best epoch.

    Args:
        splits: the rows.
        verdict: section of the recipe; a class that it names is a label of the data.
        decide: section of the recipe, where it has one; a class that it names is a label of the data.
    """
    return task_named(splits.task, splits.label_names, verdict, decide)


def task_named(name: str, label_names: tuple[str, ...], verdict: Verdict, decide: Decide | None) -> Task:
    """The same by the name of the task and those of the labels."""
    return TASKS[name] if verdict == Verdict() and decide is None else KINDS[name](verdict, label_names, decide)
