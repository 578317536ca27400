"""The tasks there are, by the name that is stored with data and exported models."""

from typing import TYPE_CHECKING

from alambique.evaluation.multi_label import MULTI_LABEL, MultiLabel
from alambique.evaluation.single_label import SINGLE_LABEL, SingleLabel
from alambique.evaluation.task import Task

if TYPE_CHECKING:
    from alambique.artefacts.splits import Splits
    from alambique.recipe.decide import Decide
    from alambique.recipe.verdict import Verdict

KINDS: dict[str, type[SingleLabel | MultiLabel]] = {kind.name: kind for kind in (SingleLabel, MultiLabel)}
TASKS: dict[str, Task] = {task.name: task for task in (SINGLE_LABEL, MULTI_LABEL)}


def task_of(splits: "Splits", verdict: "Verdict", decide: "Decide | None" = None) -> Task:
    """The task of the rows, with the figures that a recipe chose for the verdict and for the best epoch.

    Args:
        splits: the rows.
        verdict: section of the recipe; a class that it names is a label of the data.
        decide: section of the recipe, where it has one; a class that it names is a label of the data.
    """
    is_default = verdict == type(verdict)()
    return task_named(splits.task, splits.label_names, None if is_default else verdict, decide)


def task_named(
    name: str, label_names: tuple[str, ...], verdict: "Verdict | None" = None, decide: "Decide | None" = None
) -> Task:
    """The same by the name of the task and those of the labels; without a section it has the figures of the default."""
    return TASKS[name] if verdict is None and decide is None else KINDS[name](verdict, label_names, decide)
