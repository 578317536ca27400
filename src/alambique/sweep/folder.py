"""The folder of a sweep: marked as ours by ``sweep.yaml``, and locked as run folders are."""

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

MARK = "sweep.yaml"
TRIALS = "trials"
BEST, SWEEP_JSON, SWEEP_HTML = "best.yaml", "sweep.json", "sweep.html"


@contextmanager
def sweep_folder(path: Path, base: Recipe, over: tuple[str, ...], check: Callable[[], Any]) -> Iterator[Path]:
    """A new folder, or one of the same sweep, locked for the length of the block.

    On the user's error a folder made here is taken away again, unless a stage was finished in it.

    Args:
        path: the folder.
        base: the recipe that is varied.
        over: what is varied, as it was given.
        check: what else may refuse the sweep, before the folder is marked.

    Raises:
        RunFolderError: it holds other things or another sweep, cannot be written, or another process has it.
    """
    path = path.absolute()
    try:
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file; --out must name a folder.")
        _refuse_other(path, base, over)
        above = next(parent for parent in (path, *path.parents) if parent.exists())
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error
    with _locked(path):
        _refuse_other(path, base, over)  # again: another process may have had it until now
        fresh = not (path / MARK).is_file()
        try:
            check()
            write_text(path / MARK, _definition(base, over))
            yield path
        except BaseException as error:
            unwanted = isinstance(error, UserInputError) or not (path / MARK).is_file()
            if fresh and unwanted and not has_finished_stage(path):
                remove_new(path, above)
            raise


def trial_folder(path: Path, number: int) -> Path:
    """The run of a trial; numbers begin at 1."""
    return path / TRIALS / str(number)


def trial_folders(path: Path) -> tuple[Path, ...]:
    """The runs of all trials so far."""
    found = [child for child in (path / TRIALS).glob("*") if child.name.isdigit()]
    return tuple(sorted(found, key=lambda child: int(child.name)))


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


def _definition(base: Recipe, over: tuple[str, ...]) -> str:
    return yaml.safe_dump(
        {"over": list(over), "recipe": base.model_dump(mode="json")}, sort_keys=False, allow_unicode=True
    )


def _refuse_other(path: Path, base: Recipe, over: tuple[str, ...]) -> None:
    if not path.is_dir() or not {child.name for child in path.iterdir()} - {LOCK, f".{MARK}.part"}:
        return
    held = _read(path / MARK)
    if held is None:
        raise RunFolderError(
            f"{path} holds other files and no {MARK} of a sweep, so nothing is written there. Choose another folder with "
            "--out."
        )
    if held[1] != over:
        theirs = " ".join(f"--over {each}" for each in held[1])
        raise RunFolderError(
            f"{path} holds a sweep of other values: {theirs}. Give these to go on with it, or choose another folder with "
            "--out."
        )
    if held[0] != base:
        raise RunFolderError(
            f"{path} holds a sweep of another recipe, whose trials cannot be compared with this one's. Choose another "
            "folder with --out."
        )
    if (path / TRIALS).is_symlink():
        raise RunFolderError(f"{path / TRIALS} is a link: writing through it could change files elsewhere. Remove it.")


def _read(mark: Path) -> tuple[Recipe | None, tuple[str, ...]] | None:
    """Recipe and values of a sweep; None if the file is not that of one."""
    try:
        held = yaml.safe_load(mark.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
        return None
    if not isinstance(held, dict) or not isinstance(held.get("over"), list) or not isinstance(held.get("recipe"), dict):
        return None
    try:
        recipe = Recipe.from_dict(held["recipe"])
    except RecipeError:  # of another version
        recipe = None
    return recipe, tuple(map(str, held["over"]))
