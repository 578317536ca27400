"""The files that a user names as input: paths, patterns, folders and addresses that fsspec knows."""

import glob
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from alambique.batch_prediction.layout import MANIFEST, MARK
from alambique.data.entries import is_table, walk
from alambique.data.files import kind_of
from alambique.data.formats.content import ENDINGS
from alambique.errors import AlambiqueError, DataError, UserInputError, first_line
from alambique.run.integrity import file_hash

FORMS = ("parquet", "json", "csv", "tsv")
READABLE = (
    f".parquet, .jsonl, .ndjson, .json, .csv, .tsv or .tab, the text files also compressed ({', '.join(ENDINGS)})"
)
_NOT_DATA = ("_", ".")  # how names begin that Parquet's readers pass over too


@dataclass(frozen=True)
class InputFile:
    """One file of the input.

    Attributes:
        name: as messages call it, a path or an address.
        path: where it lies, on this machine or in ``storage``.
        storage: the file system of fsspec that has it; None for this machine.
    """

    name: str
    path: str
    storage: Any = None

    @property
    def form(self) -> str:
        """Its form by the ending of its name, one of :data:`FORMS`."""
        return str(kind_of(PurePosixPath(self.path).name))

    @cached_property
    def identity(self) -> dict[str, str]:
        """SHA-256 of a file of this machine; of others, the version that their storage names without sending them.

        Raises:
            DataError: it cannot be read.
        """
        with _explained(self.name):
            if self.storage is None:
                return {"sha256": file_hash(Path(self.path))}
            return {"version": str(self.storage.ukey(self.path))}

    @contextmanager
    def for_arrow(self) -> Iterator[Any]:
        """What Arrow reads it from: its path, or the open file of its storage.

        Raises:
            DataError: it cannot be opened.
        """
        if self.storage is None:
            yield self.path
            return
        with _explained(self.name):
            stream = self.storage.open(self.path, "rb")
        with stream:
            yield stream

    @contextmanager
    def on_this_machine(self) -> Iterator[Path]:
        """A path to it: its own, or that of a copy that lasts as long as the block.

        Raises:
            DataError: it cannot be read.
        """
        if self.storage is None:
            yield Path(self.path)
            return
        with tempfile.TemporaryDirectory(prefix="alambique-") as folder:
            copy = Path(folder) / PurePosixPath(self.path).name
            with _explained(self.name):
                self.storage.get_file(self.path, str(copy))
            yield copy


def find_inputs(names: Sequence[str], *, output: Path) -> list[InputFile]:
    """Find the files that are named, each once, in the order of the names; those of a folder or pattern in their order.

    Args:
        names: files, patterns, folders, or addresses such as ``s3://bucket/folder``.
        output: whose files are never input.

    Raises:
        DataError: there is no such file, or it has not the ending of a form that is read.
        UserInputError: the package for an address is not installed.
    """
    found = [file for name in names for file in (_remote(name) if "://" in name else _local(name, output.resolve()))]
    files = list({(id(file.storage), file.path): file for file in found}.values())
    for file in files:
        if kind_of(PurePosixPath(file.path).name) not in FORMS:
            raise DataError(f"{file.name}: a file to classify ends in {READABLE}.")
    return files


def _local(name: str, output: Path) -> list[InputFile]:
    path = Path(name).expanduser()
    if path.is_dir():
        _refuse_unfinished(path)
        paths = [entry.path for entry in walk(path) if is_table(entry) and _is_data(entry.relative)]
        paths = [found for found in paths if not _is_output(found, path) and output not in found.resolve().parents]
        if not paths:
            raise DataError(f"{name}: there is no file to classify in this folder. One ends in {READABLE}.")
    elif path.exists():
        paths = [path]
    elif glob.has_magic(name):
        paths = sorted(Path(match) for match in glob.glob(str(path), recursive=True))  # noqa: PTH207 - absolute ones too
        paths = [match for match in paths if match.is_file() and output not in match.resolve().parents]
        if not paths:
            raise DataError(f"--input: no file matches {name}.")
    else:
        raise DataError(f"--input: there is no file or folder {name}.")
    return [InputFile(str(found), str(found)) for found in paths]


def _is_data(relative: str) -> bool:
    """Whether a file of a folder is of a form that is read, and not one that describes others."""
    parts = relative.split("/")
    return kind_of(parts[-1]) in FORMS and not any(part.startswith(_NOT_DATA) for part in parts)


def _is_output(path: Path, folder: Path) -> bool:
    """Whether a file lies in predictions that were written below the folder."""
    return any((above / MARK).is_file() for above in path.parents if above.is_relative_to(folder) and above != folder)


def _refuse_unfinished(folder: Path) -> None:
    if (folder / MARK).is_file() and not (folder / MANIFEST).is_file():
        raise DataError(
            f"{folder} holds predictions that are not finished: it has no {MANIFEST}. Give the command again that began "
            "them."
        )


def _remote(name: str) -> list[InputFile]:
    import fsspec  # noqa: PLC0415 - most inputs are files of this machine
    from fsspec.implementations.local import LocalFileSystem  # noqa: PLC0415

    with _explained(name):
        storage, path = fsspec.core.url_to_fs(name)
        if glob.has_magic(path):
            paths = [match for match in sorted(storage.glob(path)) if storage.isfile(match)]
        elif storage.isdir(path):
            below = sorted(storage.find(path))
            paths = [p for p in below if _is_data(p.removeprefix(path).lstrip("/"))]
        else:
            paths = [path] if storage.exists(path) else []
    if not paths:
        raise DataError(f"--input: there is no file to classify at {name}.")
    if isinstance(storage, LocalFileSystem):
        return [InputFile(path, path) for path in paths]
    return [InputFile(str(storage.unstrip_protocol(path)), path, storage) for path in paths]


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """What storage raises, in one line: each kind has errors of its own."""
    try:
        yield
    except AlambiqueError:
        raise
    except ImportError as error:
        raise UserInputError(f"--input {name}: {first_line(error)}.") from error
    except Exception as error:
        raise DataError(f"{name}: cannot be read ({first_line(error)}).") from error
