"""Artefacts and their manifests: what a folder was made from, and a hash of each file in it."""

import hashlib
import json
import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
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
    files = manifest.get("files")
    if not isinstance(files, dict) or not all((folder / name).is_file() for name in files):
        return None
    if {name: _hash(folder / name) for name in files} != files:
        return None
    return Artefact(folder, digest_of(files), float(manifest["seconds"]))


def recorded_digest(folder: Path) -> str | None:
    """The digest that an artefact had when it was made, its files not looked at; None if it has no manifest."""
    manifest = read_json(folder / MANIFEST)
    return digest_of(manifest["files"]) if isinstance(manifest, dict) and "files" in manifest else None


def file_damage(folder: Path, name: str) -> str | None:
    """What is wrong with one file of an artefact, by the hash in its manifest; None if nothing is."""
    manifest = read_json(folder / MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) else None
    wanted = files.get(name) if isinstance(files, dict) else None
    if wanted is None:
        return f"{folder / MANIFEST} does not name {name}"
    if not (folder / name).is_file():
        return f"{folder / name} is missing"
    found = _hash(folder / name)
    return None if found == wanted else f"{folder / name} has SHA-256 {found[:16]}…, its manifest {wanted[:16]}…"


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of(value: Any) -> str:
    """SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def read_json(path: Path) -> Any:
    """The JSON in a file, or None if there is none that can be read."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    aside = path.with_name(f".{path.name}.part")
    with aside.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    aside.replace(path)


def environment() -> dict[str, Any]:
    """Versions and machine, for the record."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus": os.cpu_count(),
        "versions": {name: version(name) for name in LIBRARIES},
    }


def write_manifest(folder: Path, key: dict[str, Any], seconds: float, *, leave_out: str) -> None:
    """Say what ``folder`` was made from and what it holds, but for the file ``leave_out``."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in (MANIFEST, leave_out))
    files = {path.relative_to(folder).as_posix(): _hash(path) for path in paths}
    manifest = {"key": key, "files": files, "seconds": seconds, "environment": environment()}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2))
