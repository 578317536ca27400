"""The run folder: one place that says where everything is, and when a stage may be skipped.

A stage works in ``.work/NAME`` and is moved to its place when it is whole; its manifest, written last, holds the key it
was made from and a hash of each file. The same key and the same hashes: the stage is skipped. Library versions are
recorded, never matched.
"""

import json
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import yaml

from alambique.errors import DamagedArtefactError, RunFolderError, UserInputError
from alambique.manifest import MANIFEST, Artefact, read_artefact, read_json, write_manifest, write_text
from alambique.recipe import Recipe

RECIPE, WORK, KEY = "recipe.yaml", ".work", "key.json"
DATA, TEACHER, SOFT_LABELS, STUDENT, UNDISTILLED = "data", "teacher", "soft_labels", "student", "undistilled"
TOKENS, PREDICTIONS, BENCHMARK, SEEDS, ONNX = "tokens", "predictions", "benchmark", "seeds", "onnx"
EXPORT_FACTS = "export.json"
ONNX_FILES = {"onnx": "model.onnx", "int8": "model_int8.onnx"}  # by format
REPORT_JSON, REPORT_HTML, MODEL_CARD = "report.json", "report.html", "README.md"
MODELS = (TEACHER, STUDENT, UNDISTILLED)
SEED_STAGES = (TEACHER, SOFT_LABELS, STUDENT, UNDISTILLED, *(f"{PREDICTIONS}/{name}" for name in MODELS))


class RunFolder:
    """A folder with the artefacts of one run (or of one seed of it)."""

    def __init__(self, path: Path, *, elder: "RunFolder | None" = None) -> None:
        """See :meth:`claim` and :meth:`existing`; this looks at nothing.

        Args:
            path: the folder.
            elder: where the same stage may stand already, from when the run had one seed, or several.
        """
        self.path, self.elder = path, elder

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
        text = f"run_id: {self.run_id() or uuid.uuid4().hex}\n{recipe.to_yaml()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if (self.path / RECIPE).is_file() and (self.path / RECIPE).read_text("utf-8") != text:
                for stale in (REPORT_JSON, REPORT_HTML, MODEL_CARD):  # what they say is no longer what stands here
                    (self.path / stale).unlink(missing_ok=True)
            write_text(self.path / RECIPE, text)
        except OSError as error:
            raise RunFolderError(
                f"{self.path} cannot be written: {error.strerror}. Choose another with --out."
            ) from error

    def seed(self, seed: int, *, alone: bool) -> "RunFolder":
        """Where one seed's artefacts lie: here if it is alone, else under seeds/N."""
        below = RunFolder(self.path / SEEDS / str(seed))
        return RunFolder(self.path, elder=below) if alone else RunFolder(below.path, elder=self)

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
        if self.elder is not None and read_artefact(self.elder.path / name, key) is not None:
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(self.elder.path / name, work)
        if read_artefact(work, key) is None:
            if read_json(work / KEY) != key:
                shutil.rmtree(work, ignore_errors=True)
            work.mkdir(parents=True, exist_ok=True)
            write_text(work / KEY, json.dumps(key))
            begun = time.perf_counter()
            make(work)
            write_manifest(work, key, time.perf_counter() - begun, leave_out=KEY)
        (work / KEY).unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        work.replace(folder)
        self._tidy()
        made = read_artefact(folder, key)
        if made is None:
            raise RuntimeError(f"{folder} changed while it was being written")
        return made

    def discard(self, name: str) -> None:
        """Remove what an attempt at a stage left behind."""
        shutil.rmtree(self.path / WORK / name, ignore_errors=True)
        self._tidy()

    def artefact(self, name: str) -> Artefact:
        """What stands in a stage's folder, whatever it was made from.

        Raises:
            DamagedArtefactError: it is absent or damaged.
        """
        found = read_artefact(self.path / name, None)
        if found is None:
            raise DamagedArtefactError(f"{self.path / name} is damaged. Run alambique distill again.")
        return found

    def finished(self, name: str) -> Path:
        """The folder of a stage that is there.

        Raises:
            RunFolderError: the run has not come so far.
        """
        if not (self.path / name / MANIFEST).is_file():
            raise RunFolderError(f"{self.path} has no {name} yet. Finish it with alambique distill.")
        return self.path / name

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
            if read_artefact(target, None) is None or read_json(target / MANIFEST) != read_json(source / MANIFEST):
                work = self.path / WORK / name
                shutil.rmtree(work, ignore_errors=True)
                shutil.copytree(source, work)
                shutil.rmtree(target, ignore_errors=True)
                target.parent.mkdir(parents=True, exist_ok=True)
                work.replace(target)
        self._tidy()

    def _tidy(self) -> None:
        for folder in (self.path / WORK / TOKENS, self.path / WORK / PREDICTIONS, self.path / WORK):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


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
