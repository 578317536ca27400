"""The run folder: one place that says where everything is, and when a stage may be skipped.

A stage works in ``.work/NAME`` and is moved to its place when it is whole; its manifest, written last, holds the key it
was made from and a hash of each file. The same key and the same hashes: the stage is skipped. Library versions are
recorded, never matched.
"""

import hashlib
import json
import os
import platform
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import yaml

from alambique.errors import RunFolderError, UserInputError
from alambique.recipe import Recipe

RECIPE, MANIFEST, WORK, KEY = "recipe.yaml", "manifest.json", ".work", "key.json"
DATA, TEACHER, SOFT_LABELS, STUDENT, UNDISTILLED = "data", "teacher", "soft_labels", "student", "undistilled"
PREDICTIONS, SEEDS = "predictions", "seeds"
REPORT_JSON, MODEL_CARD = "report.json", "README.md"
MODELS = (TEACHER, STUDENT, UNDISTILLED)
SEED_STAGES = (TEACHER, SOFT_LABELS, STUDENT, UNDISTILLED, *(f"{PREDICTIONS}/{name}" for name in MODELS))
LIBRARIES = ("alambique", "torch", "transformers", "datasets", "accelerate", "tokenizers", "scikit-learn", "numpy")


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


class RunFolder:
    """A folder with the artefacts of one run (or of one seed of it)."""

    def __init__(self, path: Path) -> None:
        """See :meth:`claim` and :meth:`existing`; this looks at nothing."""
        self.path = path

    @classmethod
    @contextmanager
    def claim(cls, path: Path) -> Iterator[Self]:
        """A new folder, or one that is a run already; on the user's error a folder made here is taken away again.

        Raises:
            RunFolderError: the folder holds other things.
        """
        path = path.absolute()
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"{path} is a file; --out must name a folder.")
        run = cls(path)
        fresh = not path.is_dir() or not any(path.iterdir())
        if not fresh and run.run_id() is None:
            raise RunFolderError(
                f"{path} holds other files and no {RECIPE} of a run, so nothing is written there. "
                "Choose another folder with --out."
            )
        above = next(parent for parent in (path, *path.parents) if parent.exists())
        try:
            yield run
        except UserInputError:
            if fresh:
                _remove_new(path, above)
            raise

    @classmethod
    def existing(cls, path: Path) -> Self:
        """A folder that a run was made in.

        Raises:
            RunFolderError: it is none.
        """
        run = cls(path)
        if run.run_id() is None:
            raise RunFolderError(f"{path} is not a run folder: it has no {RECIPE} with a run id.")
        return run

    def run_id(self) -> str | None:
        """The id in recipe.yaml, or None if this is no run."""
        try:
            found = yaml.safe_load((self.path / RECIPE).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return None
        identity = found.get("run_id") if isinstance(found, dict) else None
        return identity if isinstance(identity, str) else None

    def mark(self, recipe: Recipe) -> None:
        """Write recipe.yaml, which makes the folder ours. The id of an earlier run here is kept."""
        identity = self.run_id() or uuid.uuid4().hex
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_text(self.path / RECIPE, f"run_id: {identity}\n{recipe.to_yaml()}")
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be written: {error.strerror}. Choose another with --out."
            ) from error

    def seed(self, seed: int, *, alone: bool) -> "RunFolder":
        """Where one seed's artefacts lie: here if it is alone, else under seeds/N."""
        return self if alone else RunFolder(self.path / SEEDS / str(seed))

    def stage(self, name: str, key: dict[str, Any], make: Callable[[Path], None]) -> Artefact:
        """Skip a stage whose manifest still holds, or make it.

        Args:
            name: its folder, below this one.
            key: all that the result depends on, as JSON values.
            make: writes the files into the folder it is given. A folder left by an interrupted attempt with the same
                key is handed over as it is.
        """
        folder, work = self.path / name, self.path / WORK / name
        key = json.loads(json.dumps(key))
        done = read_artefact(folder, key)
        if done is not None:
            return done
        if read_artefact(work, key) is None:
            if read_json(work / KEY) != key:
                shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True, exist_ok=True)
            write_text(work / KEY, json.dumps(key))
            begun = time.perf_counter()
            make(work)
            (work / KEY).unlink()
            _write_manifest(work, key, time.perf_counter() - begun)
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        work.replace(folder)
        self._tidy()
        made = read_artefact(folder, key)
        if made is None:
            raise RuntimeError(f"{folder} changed while it was being written")
        return made

    def seconds(self, name: str) -> float | None:
        """How long a stage took, or None if it is not there."""
        manifest = read_json(self.path / name / MANIFEST)
        return float(manifest["seconds"]) if isinstance(manifest, dict) else None

    def promote(self, best: "RunFolder") -> None:
        """Copy the artefacts of the best seed here, where a run with one seed has them."""
        if best.path == self.path:
            return
        for name in SEED_STAGES:
            target, source = self.path / name, best.path / name
            if _tree_digest(target) != _tree_digest(source):
                work = self.path / WORK / name
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(source, work)
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                work.replace(target)
        self._tidy()

    def _tidy(self) -> None:
        for folder in (self.path / WORK / PREDICTIONS, self.path / WORK):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def read_artefact(folder: Path, key: dict[str, Any] | None) -> Artefact | None:
    """The artefact in ``folder`` if it is whole and was made from ``key`` (None: from anything)."""
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or (key is not None and manifest.get("key") != key):
        return None
    files = manifest.get("files")
    if not isinstance(files, dict) or file_hashes(folder) != files:
        return None
    return Artefact(folder, digest_of(files), float(manifest["seconds"]))


def file_hashes(folder: Path) -> dict[str, str]:
    """Relative path → SHA-256 of each file of an artefact but its manifest."""
    hashes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as stream:
                hashes[path.relative_to(folder).as_posix()] = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashes


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


def _write_manifest(folder: Path, key: dict[str, Any], seconds: float) -> None:
    manifest = {"key": key, "files": file_hashes(folder), "seconds": seconds, "environment": environment()}
    write_text(folder / MANIFEST, json.dumps(manifest, indent=2))


def _tree_digest(folder: Path) -> str:
    return digest_of({p.relative_to(folder).as_posix(): p.stat().st_size if p.name != MANIFEST else p.read_text("utf-8")
                      for p in sorted(folder.rglob("*")) if p.is_file()})  # fmt: skip


def _remove_new(path: Path, above: Path) -> None:
    """Remove the folder and the parents that were made for it, up to the one that was there before."""
    if path == above:
        for child in path.iterdir():
            shutil.rmtree(child) if child.is_dir() else child.unlink()
        return
    shutil.rmtree(path, ignore_errors=True)
    for parent in path.parents:
        if parent == above or not parent.is_dir() or any(parent.iterdir()):
            return
        parent.rmdir()
