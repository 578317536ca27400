"""The folder that predictions are written to: ours by a mark, locked, gone on with, whole by a manifest."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from alambique.batch_prediction.layout import BEFORE, MANIFEST, MARK, RECORDS, SHARD_NAME, UNFINISHED
from alambique.batch_prediction.records import ShardRecord, drop_records
from alambique.errors import RunFolderError
from alambique.run.integrity import digest_of, escapes, file_hash, read_json, sync, write_text
from alambique.run.lock import LOCK, hold
from alambique.run.manifest import environment
from alambique.run.system_errors import explain_system_error
from alambique.run.work import remove_new

_OPTION = "--output"
_FORMAT = 1


@dataclass(frozen=True)
class OutputFolder:
    """A folder of predictions, which one process at a time writes to.

    Attributes:
        path: where it is.
    """

    path: Path

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Iterator[Self]:
        """A new folder, or one that is ours already, locked while the block runs.

        On an error a folder made here is taken away again, unless a shard was finished in it.

        Raises:
            RunFolderError: the folder holds other things, cannot be written, or another process has it.
            DiskError: the disk is full or broken.
        """
        folder = cls(path.absolute())
        folder._refuse_foreign()
        above = next(parent for parent in (folder.path, *folder.path.parents) if parent.exists())
        with ExitStack() as held:
            try:
                folder.path.mkdir(parents=True, exist_ok=True)
                held.enter_context(hold(folder.path, option=_OPTION))
            except OSError as error:
                raise RunFolderError(
                    f"{folder.path} cannot be written: {error.strerror}. Choose another with {_OPTION}."
                ) from error
            folder._refuse_foreign()  # again: another process may have had it until now
            fresh = not folder._content()
            try:
                for left in folder.path.glob(UNFINISHED):
                    left.unlink()
                yield folder
            except BaseException as error:
                if fresh and not folder.shards():
                    remove_new(folder.path, above)
                explained = explain_system_error(error, folder.path) if isinstance(error, Exception) else None
                if explained is None:
                    raise
                raise explained from error

    def _content(self) -> set[str]:
        """What a process that was killed at its very start does not leave."""
        return {child.name for child in self.path.iterdir()} - {LOCK, f".{MARK}.part"}

    def _refuse_foreign(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise RunFolderError(f"{self.path} is a file; {_OPTION} must name a folder.")
        if not self.path.is_dir() or not self._content():
            return
        mark = read_json(self.path / MARK)
        if not isinstance(mark, dict) or mark.get("format") != _FORMAT:
            raise RunFolderError(
                f"{self.path} holds other files and no {MARK} of alambique predict, so nothing is written there. Choose "
                f"another folder with {_OPTION}."
            )
        if (self.path / RECORDS).is_symlink():
            raise RunFolderError(
                f"{self.path / RECORDS} is a link: writing through it could change files elsewhere. Remove it, or choose "
                f"another folder with {_OPTION}."
            )

    def shards(self) -> list[Path]:
        """The files of shards that are there, of whatever they were made."""
        return [path for path in self.path.iterdir() if SHARD_NAME.fullmatch(path.name)]

    def manifest(self) -> dict[str, Any] | None:
        """What the manifest says; None if there is none, or it is not what was written."""
        found = read_json(self.path / MANIFEST)
        if not isinstance(found, dict) or found.pop("digest", None) != digest_of(found):
            return None
        return found

    def damage(self, manifest: Mapping[str, Any]) -> str | None:
        """The first file that is not what the manifest says; None if all are."""
        for shard in manifest["shards"]:
            path = self.path / shard["file"]
            if escapes(self.path, shard["file"]) or not path.is_file():
                return f"{path} is missing"
            if file_hash(path) != shard["sha256"]:
                return f"{path} is not what was written there"
        return None

    def begin(self) -> None:
        """Mark the folder as ours; from now on it is not whole, until :meth:`finish`."""
        if read_json(self.path / MARK) is None:
            write_text(self.path / MARK, json.dumps({"made_by": "alambique predict", "format": _FORMAT}, indent=2))
        if (self.path / MANIFEST).exists():
            (self.path / MANIFEST).replace(self.path / BEFORE)
            sync(self.path)

    def finish(self, facts: Mapping[str, Any], shards: Sequence[ShardRecord]) -> None:
        """Remove the shards of another input or model, and write the manifest.

        Args:
            facts: what the predictions were made from, as JSON values.
            shards: all of them, in order.
        """
        names = {shard.file for shard in shards}
        for path in self.shards():
            if path.name not in names:
                path.unlink()
        sync(self.path)
        content = {
            "made_by": "alambique predict", "format": _FORMAT, **facts,
            "rows": sum(shard.rows for shard in shards),
            "not_classified": sum(shard.not_classified for shard in shards),
            "shards": [asdict(shard) for shard in shards], "environment": environment(),
        }  # fmt: skip
        content = json.loads(json.dumps(content))
        write_text(self.path / MANIFEST, json.dumps(content | {"digest": digest_of(content)}, indent=2))
        drop_records(self.path)
