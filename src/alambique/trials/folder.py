"""A folder of several runs: marked as ours by a file, and locked as run folders are."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from alambique.errors import AlambiqueError, RecipeError, RunFolderError, UserInputError
from alambique.recipe.recipe import Recipe
from alambique.run.integrity import write_text
from alambique.run.lock import LOCK, hold
from alambique.run.system_errors import explain_system_error
from alambique.run.work import has_finished_stage, remove_new


@contextmanager
def marked_folder(
    path: Path, mark: str, definition: str, refuse: Callable[[Path], None], check: Callable[[], Any]
) -> Iterator[Path]:
    """A new folder, or one with the same mark, locked for the length of the block.

    On the user's error a folder made here is taken away again, unless a stage was finished in it.

    Args:
        path: the folder.
        mark: name of the file that makes it ours.
        definition: what is written there.
        refuse: raises an error where the folder holds something else; asked again when it is locked.
        check: what else may refuse, before the folder is marked.

    Raises:
        RunFolderError: it is refused, cannot be written, or another process has it.
    """
    path = path.absolute()
    try:
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file; --out must name a folder.")
        refuse(path)
        above = next(parent for parent in (path, *path.parents) if parent.exists())
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    with _locked(path):
        refuse(path)  # again: another process may have had it until now
        fresh = not (path / mark).is_file()
        try:
            check()
            write_text(path / mark, definition)
            yield path
        except BaseException as error:
            unwanted = isinstance(error, UserInputError) or not (path / mark).is_file()
            if fresh and unwanted and not has_finished_stage(path):
                remove_new(path, above)
            raise


def is_empty(path: Path, mark: str) -> bool:
    """Whether there is nothing in a folder but what a command that was killed at its very start leaves."""
    return not path.is_dir() or not {child.name for child in path.iterdir()} - {LOCK, f".{mark}.part"}


def read_mark(path: Path) -> dict[str, Any] | None:
    """What a mark holds; None if it is absent, or no mapping with a recipe."""
    try:
        held = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return None
    return held if isinstance(held, dict) and isinstance(held.get("recipe"), dict) else None


def marked_recipe(held: dict[str, Any]) -> Recipe | None:
    """The recipe in a mark; None if it is that of another version."""
    try:
        return Recipe.from_dict(held["recipe"])
    except RecipeError:
        return None


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(hold(path))
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            yield
        except Exception as error:
            explained = explain_system_error(error, path)
            if explained is None:
                raise
            raise explained from error


def _unwritable(path: Path, error: OSError) -> AlambiqueError:
    refused = RunFolderError(f"{path} cannot be written: {error.strerror}. Choose another with --out.")
    return explain_system_error(error, path) or refused
