"""A stage's work folder: filled, then moved to its place whole; and what is removed again."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alambique.run.integrity import read_json, sync, write_text
from alambique.run.layout import KEY, SCRATCH
from alambique.run.manifest import MANIFEST, write_manifest


def fill(work: Path, key: dict[str, Any], write: Callable[[Path], None]) -> None:
    """Fill the folder and write its manifest; of an attempt before, only the scratch of the same key is left to be used."""
    if work.is_symlink() or read_json(work / KEY) != key:
        remove(work)
    work.mkdir(parents=True, exist_ok=True)
    for child in work.iterdir():
        if child.name not in (KEY, SCRATCH) or child.is_symlink():
            remove(child)
    write_text(work / KEY, json.dumps(key))
    begun = time.perf_counter()
    write(work)
    write_manifest(work, key, time.perf_counter() - begun, leave_out=(KEY, SCRATCH))


def take_over(folder: Path, work: Path, *, link: bool) -> None:
    """Make ``work`` a copy of an artefact that stands elsewhere.

    Args:
        folder: the artefact.
        work: where the copy goes; it does not exist.
        link: take the same files by hard links, where the file system has them. Files of an artefact are replaced and
            never written to, so that neither run changes the other's; but damage to one is then damage to both.
    """
    shutil.copytree(folder, work, copy_function=_link if link else shutil.copy2)


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, target)


def publish(work: Path, folder: Path) -> None:
    """Move a whole artefact to its place. What stood there goes first: a kill leaves the one or the other to find."""
    for name in (SCRATCH, KEY):
        remove(work / name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = work.with_name(f".{work.name}.old")
    remove(old)
    if folder.exists() or folder.is_symlink():
        folder.replace(old)
    work.replace(folder)
    sync(folder.parent)
    remove(old)


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_new(path: Path, above: Path) -> None:
    """Remove the folder and the parents that were made for it, up to the one that was there before."""
    if path == above:
        for child in path.iterdir():
            remove(child)
        return
    shutil.rmtree(path, ignore_errors=True)
    for parent in path.parents:
        if parent == above or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()


def has_finished_stage(path: Path) -> bool:
    """Whether a folder holds the manifest of a stage, moved to its place or not yet: work that is never thrown away."""
    return any(True for _ in path.rglob(MANIFEST))
