"""The folder of a frontier: ``frontier.yaml`` marks it, ``forms/`` has a run per form, the choice is the run around it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from alambique.errors import RunFolderError
from alambique.frontier.forms import Form
from alambique.recipe.recipe import Recipe
from alambique.run.layout import RECIPE
from alambique.trials.folder import is_empty, marked_folder, marked_recipe, read_mark

MARK, FORMS = "frontier.yaml", "forms"
FRONTIER_JSON, FRONTIER_HTML = "frontier.json", "frontier.html"
_OTHERS = {"sweep.yaml": "a sweep", RECIPE: "a run of alambique distill"}


def frontier_folder(path: Path, base: Recipe, check: Callable[[], Any]) -> AbstractContextManager[Path]:
    """A new folder, or one of a frontier of the same recipe, locked for the length of the block: :func:`marked_folder`.

    Args:
        path: the folder.
        base: the recipe, with its own student.
        check: what else may refuse the frontier, before the folder is marked.

    Raises:
        RunFolderError: it holds other things or another frontier, cannot be written, or another process has it.
    """
    text = yaml.safe_dump({"recipe": base.model_dump(mode="json")}, sort_keys=False, allow_unicode=True)
    return marked_folder(path, MARK, text, partial(_refuse_other, base=base), check)


def form_folder(path: Path, form: Form) -> Path:
    """The run of a form."""
    return path / FORMS / form.slug


def form_folders(path: Path) -> tuple[Path, ...]:
    """The runs of all forms so far, those of earlier commands too."""
    return tuple(sorted(child for child in (path / FORMS).glob("*") if (child / RECIPE).is_file()))


def _refuse_other(path: Path, *, base: Recipe) -> None:
    if is_empty(path, MARK):
        return
    held = read_mark(path / MARK)
    if held is None:
        content = next((words for name, words in _OTHERS.items() if (path / name).is_file()), "other files")
        raise RunFolderError(
            f"{path} holds {content} and no {MARK} of a frontier, so nothing is written there. Choose another folder with "
            "--out."
        )
    if marked_recipe(held) != base:
        raise RunFolderError(
            f"{path} holds a frontier of another recipe, whose students cannot be compared with this one's. Give its "
            "recipe, --set and --rows to go on with it, or choose another folder with --out."
        )
    for place in (path / FORMS, *(path / FORMS).glob("*")):
        if place.is_symlink():
            raise RunFolderError(f"{place} is a link: writing through it could change files elsewhere. Remove it.")
