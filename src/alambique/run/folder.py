"""The run folder: one place that says where everything is, and when a stage may be skipped.

A stage works in ``.work/NAME`` and is moved to its place when it is whole; its manifest, written last, holds the key it
was made from and a hash of each file. The same key and the same hashes: the stage is skipped. Library versions are
recorded, never matched. What a killed attempt must find again (checkpoints, shards) lies in ``.work/NAME/scratch``, which
goes when the manifest is there.
"""

import errno
import hashlib
import json
import shutil
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml

from alambique.errors import AlambiqueError, CorruptArtefactError, RunFolderError, UserInputError
from alambique.run.integrity import read_json, write_text
from alambique.run.layout import (
    ASKED,
    BENCHMARK,
    CONTRADICTED,
    DATA,
    ENSEMBLE,
    IN_SAMPLE,
    MIXED_LABELS,
    MODEL_CARD,
    ONNX,
    PREDICTIONS,
    RECIPE,
    REPORT_HTML,
    REPORT_JSON,
    SEED_STAGES,
    SEEDS,
    STUDENTS,
    TEACHERS,
    TOKEN_VECTORS,
    TOKENS,
    UNDISTILLED,
    UNDISTILLED_ONCE,
    UNLABELLED,
    VIEW_TEXTS,
    VIEWS,
    WORK,
)
from alambique.run.lock import LOCK, hold
from alambique.run.manifest import MANIFEST, Artefact, damage, read_artefact
from alambique.run.system_errors import explain_system_error
from alambique.run.work import fill, has_finished_stage, publish, remove, remove_new, take_over

if TYPE_CHECKING:
    from alambique.recipe.recipe import Recipe

# stages of a seed that not every run has
_FURTHER = (
    f"{TEACHERS}/*", IN_SAMPLE, CONTRADICTED, MIXED_LABELS, f"{VIEWS}/*", UNDISTILLED_ONCE, f"{PREDICTIONS}/{ENSEMBLE}",
    f"{PREDICTIONS}/{UNDISTILLED_ONCE}", TOKEN_VECTORS,
)  # fmt: skip
_TWIN = (UNDISTILLED, f"{PREDICTIONS}/{UNDISTILLED}")  # of a seed, where train has labels
_HASH = b"# SHA-256 of what follows: "


class RunFolder:
    """A folder with the artefacts of one run (or of one seed of it, or of one further student)."""

    def __init__(
        self,
        path: Path,
        *,
        fallbacks: tuple[Path, ...] = (),
        say: Callable[[str], None] = lambda _: None,
        may_write: bool = True,
        whole: dict[Path, Artefact] | None = None,
        root: Path | None = None,
    ) -> None:
        """See :meth:`create` and :meth:`existing`; this looks at nothing.

        Args:
            path: the folder.
            fallbacks: where the same stage may stand already: in this run, of when its seeds were others; in other runs.
            say: told of artefacts that are damaged and made again.
            may_write: whether stages may be made; see :meth:`read_only`.
            whole: where artefacts are noted whose files :meth:`stage` compared with their hashes.
            root: of the run; by default the folder itself.
        """
        self.path, self.fallbacks, self.say, self.may_write = path, fallbacks, say, may_write
        self.whole, self.root = {} if whole is None else whole, root or path

    @classmethod
    @contextmanager
    def create(
        cls, path: Path, *, say: Callable[[str], None] = lambda _: None, fallbacks: tuple[Path, ...] = ()
    ) -> Iterator[Self]:
        """A new folder, or one that is a run already, locked.

        On the user's error a folder made here is taken away again, unless a stage was finished in it.

        Args:
            path: the folder.
            say: told of artefacts that are damaged and made again.
            fallbacks: other runs, whose artefacts are taken over where their keys are the same.

        Raises:
            RunFolderError: the folder holds other things, cannot be written, or another process has it.
        """
        path = path.absolute()
        run = cls(path, say=say, fallbacks=tuple(each.absolute() for each in fallbacks))
        try:
            if path.exists() and not path.is_dir():
                raise RunFolderError(f"{path} is a file; --out must name a folder.")
            run._refuse_foreign()
            above = next(parent for parent in (path, *path.parents) if parent.exists())
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise run._unwritable(error) from error
        with run.locked():
            run._refuse_foreign()  # again: another process may have had it until now
            fresh = not run._content()
            try:
                yield run
            except BaseException as error:
                unwanted = isinstance(error, UserInputError) or run.run_id() is None
                if fresh and unwanted and not has_finished_stage(path):
                    remove_new(path, above)
                raise

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder while the block runs; what the machine runs out of meanwhile becomes a message.

        Raises:
            RunFolderError: it cannot be written, or another process has it.
        """
        with ExitStack() as held:
            try:
                held.enter_context(hold(self.path))
            except OSError as error:
                raise self._unwritable(error) from error
            try:
                yield
            except Exception as error:
                explained = explain_system_error(error, self.path)
                if explained is None:
                    raise
                raise explained from error

    def _unwritable(self, error: OSError) -> AlambiqueError:
        refused = RunFolderError(f"{self.path} cannot be written: {error.strerror}. Choose another with --out.")
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return (explain_system_error(error, self.path) if full else None) or refused

    def _content(self) -> set[str]:
        """What a run that was killed at its very start does not leave."""
        return {child.name for child in self.path.iterdir()} - {LOCK, f".{RECIPE}.part"}

    def _refuse_foreign(self) -> None:
        if not self.path.is_dir() or not self._content():
            return
        ours = self.run_id() is not None or (
            (self.path / RECIPE).is_file() and isinstance(read_json(self.path / DATA / MANIFEST), dict)
        )  # a recipe.yaml that was damaged is written anew
        if not ours:
            raise RunFolderError(
                f"{self.path} holds other files and no {RECIPE} of a run, so nothing is written there. "
                "Choose another folder with --out."
            )
        folders = (WORK, SEEDS, STUDENTS, TOKENS, PREDICTIONS, VIEW_TEXTS, ASKED)
        within = [self.path / name for name in folders]
        within += [child for folder in within[:3] if folder.is_dir() for child in folder.iterdir()]
        links = [path for path in within if path.is_symlink()]
        if links:
            raise RunFolderError(
                f"{links[0]} is a link: writing through it could change files elsewhere. Remove it, or choose another "
                "folder with --out."
            )

    def read_only(self) -> "RunFolder":
        """The same folder, whose stages are looked up and never made: :meth:`stage` refuses one that is not current."""
        return RunFolder(self.path, fallbacks=self.fallbacks, say=self.say, may_write=False)

    def recipe(self) -> "Recipe":
        """The recipe in the folder."""
        from alambique.recipe.recipe import Recipe  # noqa: PLC0415 - half a second, which predict can save

        return Recipe.load(self.path / RECIPE)

    @classmethod
    def existing(cls, path: Path) -> Self:
        """A folder that a run was made in.

        Raises:
            RunFolderError: it is none.
            CorruptArtefactError: its recipe.yaml is not what was written there.
        """
        run = cls(path)
        if run.run_id() is None:
            raise RunFolderError(f"{path} is not a run folder: it has no {RECIPE} with a run id.")
        if not run._recipe_is_whole():
            raise _damaged(f"{path / RECIPE} has not the SHA-256 that its first line names")
        return run

    def _recipe_is_whole(self) -> bool:
        """Whether recipe.yaml holds what its first line says; if that is not a hash, there is nothing to compare."""
        first, _, rest = (self.path / RECIPE).read_bytes().partition(b"\n")
        return not first.startswith(_HASH) or first == _HASH + hashlib.sha256(rest).hexdigest().encode()

    def run_id(self) -> str | None:
        """The id in recipe.yaml, or None if this is not a run."""
        try:
            found = yaml.safe_load((self.path / RECIPE).read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError):
            return None
        identity = found.get("run_id") if isinstance(found, dict) else None
        return identity if isinstance(identity, str) else None

    def write_recipe(self, recipe: "Recipe") -> None:
        """Write recipe.yaml, which makes the folder ours. The id of an earlier run here is kept, if the file is whole."""
        identity = self.run_id()
        if identity is None or not self._recipe_is_whole():
            identity = uuid.uuid4().hex
        content = f"run_id: {identity}\n{recipe.to_yaml()}"
        text = f"{_HASH.decode()}{hashlib.sha256(content.encode()).hexdigest()}\n{content}"
        self.path.mkdir(parents=True, exist_ok=True)
        path = self.path / RECIPE
        if path.is_file() and path.read_bytes() != text.encode():
            for stale in (REPORT_JSON, REPORT_HTML, MODEL_CARD):  # what they say is no longer what stands here
                (self.path / stale).unlink(missing_ok=True)
        write_text(path, text)

    def seed(self, seed: int, *, alone: bool) -> "RunFolder":
        """Where one seed's artefacts lie: here if it is alone, else under seeds/N."""
        places = (self.path, self.path / SEEDS / str(seed))
        path, other = places if alone else places[::-1]
        return self._within(path, (other, *(each / path.relative_to(self.path) for each in self.fallbacks)))

    def seeds_of(self, recipe: "Recipe") -> "dict[int, RunFolder]":
        """Where the artefacts of each seed of a recipe lie, in its order."""
        return {seed: self.seed(seed, alone=len(recipe.seeds) == 1) for seed in recipe.seeds}

    def student(self, number: int) -> "RunFolder":
        """Where a training of student and twin lies: the first, number 0, here; further ones under students/N, N from 2."""
        if number == 0:
            return self
        place = f"{STUDENTS}/{number + 1}"
        return self._within(self.path / place, tuple(each / place for each in self.fallbacks))

    def _within(self, path: Path, fallbacks: tuple[Path, ...]) -> "RunFolder":
        return RunFolder(
            path, fallbacks=fallbacks, say=self.say, may_write=self.may_write, whole=self.whole, root=self.root
        )

    def stage(self, name: str, key: dict[str, Any], make: Callable[[Path], None]) -> Artefact:
        """Skip a stage whose manifest still holds, or make it.

        Args:
            name: its folder, below this one.
            key: all that the result depends on, as JSON values.
            make: writes the files into the folder it is given. In it, ``scratch`` is as an interrupted attempt with the
                same key left it; it is not part of the result.

        Raises:
            RunFolderError: the folder is :meth:`read_only`, and the artefact is not current.
        """
        key = json.loads(json.dumps(key))
        done = read_artefact(self.path / name, key)
        if done is not None:
            self.whole[self.path / name] = done
            return done
        if not self.may_write:
            if (self.path / name).is_dir():
                self.require(name)
            raise RunFolderError(f"{self.path} is not finished for the recipe in it. Run alambique distill again.")
        folder, work = self.path / name, self.path / WORK / name
        self._say_damage(folder, key)
        try:
            there = next((f for f in self.fallbacks if read_artefact(f / name, key) is not None), None)
            if there is not None:
                remove(work)
                # of the same run it is a second copy, which damage to the first must not reach
                take_over(there / name, work, link=not there.is_relative_to(self.root))
            if read_artefact(work, key) is None:
                fill(work, key, make)
            publish(work, folder)
        except Exception as error:
            explained = explain_system_error(error, self.path, doing=name)
            if explained is None:
                raise
            raise explained from error
        self._tidy()
        made = read_artefact(folder, key)
        if made is None:
            raise CorruptArtefactError(f"{damage(folder) or folder}: it changed while it was written. Run it again.")
        return made

    def _say_damage(self, folder: Path, key: dict[str, Any]) -> None:
        manifest = read_json(folder / MANIFEST)
        wrong = damage(folder) if folder.is_dir() else None
        if wrong is not None and (not isinstance(manifest, dict) or manifest.get("key", key) == key):
            self.say(f"{wrong}: it is damaged, is not used, and is made again")

    def discard(self, name: str) -> None:
        """Remove what an attempt at a stage left behind."""
        remove(self.path / WORK / name)
        self._tidy()

    def artefact(self, name: str) -> Artefact:
        """What stands in a stage's folder, whatever it was made from.

        Raises:
            CorruptArtefactError: it is absent or damaged.
        """
        if not self.may_write and self.path / name in self.whole:  # nothing is written between the two looks
            return self.whole[self.path / name]
        found = read_artefact(self.path / name, None)
        if found is None:
            raise _damaged(damage(self.path / name) or str(self.path / name))
        return found

    def require(self, name: str) -> Path:
        """The folder of a stage that is there and whole.

        Raises:
            RunFolderError: the run has not come so far.
            CorruptArtefactError: a file of it does not hold what its manifest says.
        """
        if not (self.path / name / MANIFEST).is_file():
            raise RunFolderError(f"{self.path} has no {name} yet. Finish it with alambique distill.")
        wrong = damage(self.path / name)
        if wrong is not None:
            raise _damaged(wrong)
        return self.path / name

    def check(self, whole: Collection[Path] = ()) -> None:
        """Look at every artefact that a report is made of, as far as it is there.

        Args:
            whole: folders of artefacts that were looked at just now, and are not again: large models take seconds.

        Raises:
            CorruptArtefactError: a file does not hold what its manifest says.
        """
        scored = {path.relative_to(self.path).as_posix() for path in (self.path / PREDICTIONS).glob("*")}
        scored.discard(f"{PREDICTIONS}/{TEACHERS}")  # whose folders are among the seed's stages
        for name in sorted({DATA, UNLABELLED, BENCHMARK, ONNX, *self.seed_stages(), *scored}):
            if (self.path / name).is_dir() and self.path / name not in whole:
                self.require(name)
        for room in sorted([*(self.path / SEEDS).glob("*"), *(self.path / STUDENTS).glob("*")]):
            RunFolder(room).check(whole)

    def recorded_key(self, name: str) -> dict[str, Any]:
        """The key in the manifest of a stage, as JSON values; empty if there is no such manifest."""
        manifest = read_json(self.path / name / MANIFEST)
        key = manifest.get("key") if isinstance(manifest, dict) else None
        return key if isinstance(key, dict) else {}

    def seed_stages(self) -> tuple[str, ...]:
        """The stages of one seed: those that every run has, and of the others those that stand here."""
        usual = (name for name in SEED_STAGES if name not in _TWIN or (self.path / name / MANIFEST).is_file())
        further = sorted(
            path.parent.relative_to(self.path).as_posix()
            for pattern in (*_FURTHER, f"{PREDICTIONS}/{TEACHERS}/*")
            for path in self.path.glob(f"{pattern}/{MANIFEST}")
        )  # fmt: skip
        return (*usual, *further)

    def seconds(self, name: str) -> float | None:
        """How long a stage took, or None if it is not there."""
        manifest = read_json(self.path / name / MANIFEST)
        return float(manifest["seconds"]) if isinstance(manifest, dict) else None

    def promote(self, best: "RunFolder") -> None:
        """Copy the artefacts of the best seed here, where a run with one seed has them."""
        if best.path == self.path:
            return
        for name in best.seed_stages():
            target, source = self.path / name, best.path / name
            if read_artefact(target, None) is None or read_json(target / MANIFEST) != read_json(source / MANIFEST):
                self._say_damage(target, read_json(source / MANIFEST)["key"])
                work = self.path / WORK / name
                remove(work)
                shutil.copytree(source, work)
                publish(work, target)
        self._tidy()

    def _tidy(self) -> None:
        for left in (self.path / WORK).rglob(".*.old"):
            remove(left)
        tokens = (f"{TOKENS}/mixed/{TEACHERS}", f"{TOKENS}/mixed", f"{TOKENS}/{TEACHERS}", TOKENS)
        for name in (*tokens, f"{PREDICTIONS}/{TEACHERS}", PREDICTIONS, TEACHERS, VIEWS, VIEW_TEXTS, "."):
            folder = self.path / WORK / name
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


def _damaged(wrong: str) -> CorruptArtefactError:
    return CorruptArtefactError(f"{wrong}: it is damaged and is not used. Make it again with alambique distill.")
