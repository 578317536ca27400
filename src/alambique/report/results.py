"""The results that report.json and the page are made from, read from a run once."""

from dataclasses import dataclass
from typing import Any

from alambique.artefacts.predictions import Scored, read_seeds, read_students
from alambique.artefacts.splits import Splits, run_data
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import task_of
from alambique.evaluation.verdict import best_seed, stronger_twin
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder


@dataclass(frozen=True)
class RunResults:
    """What a run says of its data and models.

    Attributes:
        run: where it lies.
        recipe: the one in the folder.
        splits: the rows.
        findings: what was noticed about them, as in ``data/lint.json``.
        seeds: every model's logits on valid and test, by seed; of student and twin the first training.
        trainings: the same for every training of student and twin, by the seed of that training.
        task: how logits become decisions and figures.
        best: the seed whose student is best on valid.
        stronger_twin: the undistilled twin that is better on valid; None where there is none.
    """

    run: RunFolder
    recipe: Recipe
    splits: Splits
    findings: list[dict[str, Any]]
    seeds: dict[int, Scored]
    trainings: dict[int, Scored]
    task: Task
    best: int
    stronger_twin: str | None


def read_results(run: RunFolder) -> RunResults:
    """Read rows, findings and logits of a run.

    Raises:
        RunFolderError: an artefact is missing.
    """
    recipe = run.recipe()
    splits, findings = run_data(run)
    seeds, task = read_seeds(run, recipe, splits), task_of(splits, recipe.verdict, recipe.decide)
    trainings = read_students(run, recipe, splits, seeds)
    return RunResults(
        run, recipe, splits, findings, seeds, trainings, task, best_seed(seeds, splits, task),
        stronger_twin(trainings, splits, task),
    )  # fmt: skip
