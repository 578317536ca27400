"""The tasks there are, by the name that is stored with data and exported models."""

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (SINGLE_LABEL,)}
