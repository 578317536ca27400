"""Checkpoints that are whole: a list of hashes, written last, seals each; what does not fit its list is never read."""

import hashlib
import json
import re
import shutil
from pathlib import Path
from typing import Any

from alambique.run.integrity import read_json, sync, write_text

SEAL = "sealed.json"
STATE = "trainer_state.json"
_NAME = re.compile(r"checkpoint-(\d+)")
_PICKLED = "training_args.bin"  # Trainer writes it and nobody reads it
_KEPT = 2  # the newest, and one before it should the newest be damaged


def commit(checkpoint: Path, facts: dict[str, Any]) -> None:
    """Put all files of a checkpoint on the disk, then their hashes and some facts into ``sealed.json``."""
    (checkpoint / _PICKLED).unlink(missing_ok=True)
    for path in sorted(checkpoint.iterdir()):
        sync(path)
    sync(checkpoint)
    sync(checkpoint.parent)
    content = {"files": _hashes(checkpoint), "facts": facts}
    write_text(checkpoint / SEAL, json.dumps({**content, "digest": _digest(content)}))


def facts_of(checkpoint: Path) -> dict[str, Any]:
    """What :func:`commit` was given beside the files."""
    return dict(read_json(checkpoint / SEAL)["facts"])


def latest_valid(folder: Path) -> Path | None:
    """The newest checkpoint that is as it was sealed, and whose best epoch is too.

    Whatever else lies in ``folder`` is removed: torn and damaged checkpoints, links, files.
    """
    if not folder.is_dir() or folder.is_symlink():
        _remove(folder)
        return None
    for child in folder.iterdir():
        if child.is_symlink() or not _NAME.fullmatch(child.name) or not _is_whole(child):
            _remove(child)
    for checkpoint in sorted(folder.iterdir(), key=_step, reverse=True):
        if best_checkpoint(checkpoint).is_dir():
            return checkpoint
        _remove(checkpoint)
    return None


def best_checkpoint(checkpoint: Path) -> Path:
    """The checkpoint of the best epoch so far, itself before the first epoch's end."""
    best = read_json(checkpoint / STATE).get("best_global_step")
    return checkpoint.with_name(f"checkpoint-{best}") if best else checkpoint


def prune(folder: Path) -> None:
    """Remove all checkpoints but the newest two and their best epochs. What is new is told by the step, not by a clock."""
    ordered = sorted((child for child in folder.iterdir() if _NAME.fullmatch(child.name)), key=_step)
    newest = ordered[-_KEPT:]
    kept = {*newest, *map(best_checkpoint, newest)}
    for checkpoint in ordered:
        if checkpoint not in kept:
            (checkpoint / SEAL).unlink(missing_ok=True)  # half removed it must not look whole
            _remove(checkpoint)


def _is_whole(checkpoint: Path) -> bool:
    sealed = read_json(checkpoint / SEAL)
    if not isinstance(sealed, dict) or any(path.is_symlink() or path.is_dir() for path in checkpoint.iterdir()):
        return False
    content = {name: sealed.get(name) for name in ("files", "facts")}
    return sealed.get("digest") == _digest(content) and content["files"] == _hashes(checkpoint)


def _hashes(checkpoint: Path) -> dict[str, str]:
    hashes = {}
    for path in sorted(checkpoint.iterdir()):
        if path.name != SEAL:
            with path.open("rb") as stream:
                hashes[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _step(checkpoint: Path) -> int:
    found = _NAME.fullmatch(checkpoint.name)
    return int(found[1]) if found else -1


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
