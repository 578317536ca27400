"""The folder of a sweep, which ``sweep.yaml`` marks."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from alambique.errors import RunFolderError
from alambique.recipe.recipe import Recipe
from alambique.trials.folder import is_empty, marked_folder, marked_recipe, read_mark

MARK = "sweep.yaml"
TRIALS = "trials"
BEST, SWEEP_JSON, SWEEP_HTML = "best.yaml", "sweep.json", "sweep.html"


def sweep_folder(
    path: Path, base: Recipe, over: tuple[str, ...], check: Callable[[], Any]
) -> AbstractContextManager[Path]:
    """A new folder, or one of the same sweep, locked for the length of the block: :func:`marked_folder`.

    Args:
        path: the folder.
        base: the recipe that is varied.
        over: what is varied, as it was given.
        check: what else may refuse the sweep, before the folder is marked.

    Raises:
        RunFolderError: it holds other things or another sweep, cannot be written, or another process has it.
    """
    return marked_folder(path, MARK, _definition(base, over), partial(_refuse_other, base=base, over=over), check)


def trial_folder(path: Path, number: int) -> Path:
    """The run of a trial; numbers begin at 1."""
    return path / TRIALS / str(number)


def trial_folders(path: Path) -> tuple[Path, ...]:
    """The runs of all trials so far."""
    found = [child for child in (path / TRIALS).glob("*") if child.name.isdigit()]
    return tuple(sorted(found, key=lambda child: int(child.name)))


def _definition(base: Recipe, over: tuple[str, ...]) -> str:
    return yaml.safe_dump(
        {"over": list(over), "recipe": base.model_dump(mode="json")}, sort_keys=False, allow_unicode=True
    )


def _refuse_other(path: Path, *, base: Recipe, over: tuple[str, ...]) -> None:
    if is_empty(path, MARK):
        return
    held = read_mark(path / MARK)
    if held is None or not isinstance(held.get("over"), list):
        raise RunFolderError(
            f"{path} holds other files and no {MARK} of a sweep, so nothing is written there. Choose another folder with "
            "--out."
        )
    theirs = tuple(map(str, held["over"]))
    if theirs != over:
        raise RunFolderError(
            f"{path} holds a sweep of other values: {' '.join(f'--over {each}' for each in theirs)}. Give these to go on "
            "with it, or choose another folder with --out."
        )
    if marked_recipe(held) != base:
        raise RunFolderError(
            f"{path} holds a sweep of another recipe, whose trials cannot be compared with this one's. Choose another "
            "folder with --out."
        )
    if (path / TRIALS).is_symlink():
        raise RunFolderError(f"{path / TRIALS} is a link: writing through it could change files elsewhere. Remove it.")
