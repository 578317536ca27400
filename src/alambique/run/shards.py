"""Parts of an artefact that a killed attempt leaves to the next: each file is named by the hash of what it holds."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from alambique.run.integrity import file_hash, sync


def in_shards(
    folder: Path,
    count: int,
    size: int,
    make: Callable[[range], np.ndarray],
    *,
    found: Callable[[int], None],
    name: str = "",
) -> Iterator[Path]:
    """Make an array of rows part by part, and take what an attempt before left of it.

    Args:
        folder: where the parts are kept.
        count: of rows.
        size: rows of a part; they are lost if the process is killed.
        make: the array of these rows.
        found: told how many rows a part has that is there already.
        name: of the array, where the folder holds several.

    Yields:
        The file of each part, in the order of the rows.
    """
    for rows, part in parts(count, size, name):
        file = kept_shard(folder, part)
        if file is None:
            file = keep_shard(folder, part, make(rows))
        else:
            found(len(rows))
        yield file


def parts(count: int, size: int, name: str = "") -> Iterator[tuple[range, str]]:
    """The rows of each part of an array, and the name that it is kept under.

    Args:
        count: of rows.
        size: rows of a part.
        name: of the array, where a folder holds several.
    """
    for start in range(0, count, size):
        yield range(start, min(start + size, count)), f"{name}{start:012d}"


def kept_shard(folder: Path, name: str) -> Path | None:
    """The array that was kept under a name; None where there is none. A damaged one is removed.

    Args:
        folder: where it is kept.
        name: of letters, digits and hyphens.
    """
    for file in folder.glob(f"{name}.*.npy"):
        if file.name == _whole_name(name, file):
            return file
        file.unlink()
    return None


def keep_shard(folder: Path, name: str, values: np.ndarray) -> Path:
    """Keep an array under a name: whole or not at all."""
    part = folder / f"{name}.part"
    part.unlink(missing_ok=True)
    with part.open("xb") as stream:
        np.save(stream, values, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    file = part.replace(folder / _whole_name(name, part))
    sync(folder)
    return file


def _whole_name(name: str, file: Path) -> str:
    return f"{name}.{file_hash(file)}.npy"
