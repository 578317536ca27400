"""Files that are whole: hashes, writes that happen whole or not at all, names that stay in their folder."""

import errno
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any


def escapes(folder: Path, name: str) -> bool:
    """Whether a name out of a manifest leads out of its folder: a path from the root, with ``..``, or through a link."""
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor or ".." in parts:
        return True
    return any(folder.joinpath(*parts[: depth + 1]).is_symlink() for depth in range(len(parts)))


def file_hash(path: Path) -> str:
    """SHA-256 of what a file holds."""
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
    try:
        aside.unlink(missing_ok=True)  # were it a link, what it leads to would be written
        with aside.open("x", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        aside.replace(path)
    except OSError:
        with suppress(OSError):  # the first error is the one to tell of
            aside.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(path: Path) -> None:
    """Have the system write a file's content, or a folder's names, to the disk: what is renamed later is then whole."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except PermissionError:  # Windows does not open folders
        return
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EBADF):  # some file systems do not know it for folders
            raise
    finally:
        os.close(descriptor)
