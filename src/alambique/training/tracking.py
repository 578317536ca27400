"""Trackers of experiments, through Trainer: each training is a run of its own, stored beside the artefacts."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from alambique.errors import RecipeError
from alambique.run.layout import RECIPE, SEEDS, STUDENTS, TRACKING, WORK

NONE, PROJECT = "none", "alambique"


def check_tracker(name: str) -> None:
    """Refuse a tracker that is not installed.

    Args:
        name: as in the recipe, which is also the name of its package; ``none`` needs none.

    Raises:
        RecipeError: says what to install; nothing has been trained yet.
    """
    if name != NONE and find_spec(name) is None:
        raise RecipeError(
            f"compute.report_to: {name} is not installed. To have it: pip install {name}. To do without: "
            "--set compute.report_to=none"
        )


@contextmanager
def tracked(tracker: str, work: Path, *, seed: int) -> Iterator[str]:
    """Point a tracker at ``tracking/`` in the run folder while one training runs; gives the name of its run.

    What the user has set in the environment (a server, a project, a folder) stays.

    Args:
        tracker: as in the recipe; ``none`` does nothing.
        work: the folder that the training's stage works in.
        seed: of the training.
    """
    run, training = _place(work)
    name = f"{training}-seed-{seed}"
    if tracker == NONE:
        yield name
        return
    folder = run / TRACKING
    folder.mkdir(exist_ok=True)
    wanted = {variable: value for variable, value in _variables(folder, name).items() if variable not in os.environ}
    os.environ.update(wanted)
    try:
        yield f"{run.name}-{name}"
    finally:
        _finish()
        for variable in wanted:
            os.environ.pop(variable, None)


def _variables(folder: Path, name: str) -> Mapping[str, str]:
    """Where each tracker writes by default."""
    return {
        "TENSORBOARD_LOGGING_DIR": str(folder / name),
        "TRACKIO_DIR": str(folder),
        "WANDB_DIR": str(folder),
        "WANDB_PROJECT": PROJECT,
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder / 'mlflow.db'}",
        "MLFLOW_EXPERIMENT_NAME": PROJECT,
    }


def _place(work: Path) -> tuple[Path, str]:
    """The run folder and the name of the training, such as ``teachers-second``, by where its stage works."""
    parts = work.absolute().parts
    if WORK not in parts:
        return work.absolute().parent, work.name
    at = len(parts) - 1 - parts[::-1].index(WORK)
    run = Path(*parts[:at])
    for above in (STUDENTS, SEEDS):
        if run.parent.name == above and not (run / RECIPE).is_file():
            run = run.parent.parent
    return run, "-".join(parts[at + 1 :])


def _finish() -> None:
    """End the run of Weights & Biases, which Trainer leaves open: the next training would be logged to it."""
    wandb = sys.modules.get("wandb")
    if wandb is not None and wandb.run is not None:
        wandb.finish()
