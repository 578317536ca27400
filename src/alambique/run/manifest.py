"""Artefacts and their manifests: what a folder was made from, and a hash of each file in it."""

import json
import os
import platform
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alambique.run.integrity import digest_of, escapes, file_hash, read_json, sync, write_text

MANIFEST = "manifest.json"
_PARTS = {"key", "files", "seconds", "digest", "environment"}
LIBRARIES = ("alambique", "torch", "transformers", "datasets", "accelerate", "tokenizers", "scikit-learn", "numpy",
             "onnxruntime")  # fmt: skip


@dataclass(frozen=True)
class Artefact:
    """What a stage left behind.

    Attributes:
        folder: where it lies.
        digest: SHA-256 over all of its files; the next stage's key holds it.
        seconds: how long it took to make.
    """

    folder: Path
    digest: str
    seconds: float


def read_artefact(folder: Path, key: dict[str, Any] | None) -> Artefact | None:
    """The artefact in ``folder`` if it is whole and was made from ``key`` (None: from anything).

    Files that the manifest does not name are the user's and change nothing.
    """
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or (key is not None and manifest.get("key") != key):
        return None
    if damage(folder) is not None:
        return None
    return Artefact(folder, digest_of(manifest["files"]), float(manifest["seconds"]))


def damage(folder: Path) -> str | None:
    """The first thing that is wrong with an artefact: its manifest, or a file that it names; None if nothing is."""
    wrong = _manifest_damage(folder)
    if wrong is not None:
        return wrong
    hashes = read_json(folder / MANIFEST)["files"]
    return next((told for name in hashes if (told := _file_damage(folder, name, hashes)) is not None), None)


def _manifest_damage(folder: Path) -> str | None:
    path = folder / MANIFEST
    if not path.is_file():
        return f"{path} is missing"
    if folder.is_symlink() or path.is_symlink():
        return f"{folder if folder.is_symlink() else path} is a link, which a run folder never holds"
    return None if _well_formed(read_json(path)) else f"{path} is not what was written there"


def _well_formed(manifest: Any) -> bool:
    """Whether a manifest has its parts, and what it says of key and files is what was written."""
    if not isinstance(manifest, dict) or not isinstance(manifest.get("key"), dict) or not set(manifest) <= _PARTS:
        return False
    files, seconds = manifest.get("files"), manifest.get("seconds")
    if not isinstance(files, dict) or not all(isinstance(value, str) for value in files.values()):
        return False
    if not isinstance(seconds, int | float) or isinstance(seconds, bool):
        return False
    return manifest.get("digest", _own_digest(manifest)) == _own_digest(manifest)


def _own_digest(manifest: dict[str, Any]) -> str:
    return digest_of({name: manifest[name] for name in ("key", "files", "seconds")})


def recorded_digest(folder: Path) -> str | None:
    """The digest that an artefact had when it was made, its files not looked at; None if it has no manifest."""
    manifest = read_json(folder / MANIFEST)
    return digest_of(manifest["files"]) if isinstance(manifest, dict) and "files" in manifest else None


def recorded_hash(folder: Path, name: str) -> str | None:
    """SHA-256 that a file of an artefact had when it was made; None if its manifest does not name it."""
    manifest = read_json(folder / MANIFEST)
    return manifest["files"].get(name) if isinstance(manifest, dict) and "files" in manifest else None


def file_damage(folder: Path, name: str) -> str | None:
    """What is wrong with one file of an artefact, by the hash in its manifest; None if nothing is."""
    wrong = _manifest_damage(folder)
    return wrong or _file_damage(folder, name, read_json(folder / MANIFEST)["files"])


def _file_damage(folder: Path, name: str, hashes: dict[str, str]) -> str | None:
    wanted = hashes.get(name)
    if wanted is None:
        return f"{folder / MANIFEST} does not name {name}"
    if escapes(folder, name):
        return f"{folder / MANIFEST} names {name}, which is not a file of that folder itself"
    if not (folder / name).is_file():
        return f"{folder / name} is missing"
    found = file_hash(folder / name)
    return None if found == wanted else f"{folder / name} has SHA-256 {found[:16]}…, its manifest {wanted[:16]}…"


def environment() -> dict[str, Any]:
    """Versions and machine, for the record."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "versions": dict(_versions()),
    }


@cache
def _versions() -> dict[str, str]:
    return {name: version(name) for name in LIBRARIES}


def write_manifest(folder: Path, key: dict[str, Any], seconds: float, *, leave_out: Collection[str] = ()) -> None:
    """Say what ``folder`` was made from and what it holds, but for the names ``leave_out`` at its top.

    Everything it names is on the disk before the manifest is.
    """
    paths = sorted(
        path for path in folder.rglob("*") if path.relative_to(folder).parts[0] not in (MANIFEST, *leave_out)
    )
    for path in paths:
        sync(path)
    files = {path.relative_to(folder).as_posix(): file_hash(path) for path in paths if path.is_file()}
    manifest: dict[str, Any] = {"key": key, "files": files, "seconds": seconds}
    manifest |= {"digest": _own_digest(manifest), "environment": environment()}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2))
