"""Parts of an answer that a killed attempt leaves to the next: each file is named by the hash of what it holds."""

import os
from pathlib import Path

import numpy as np

from alambique.run.integrity import file_hash, sync


def kept_shard(folder: Path, name: str) -> np.ndarray | None:
    """The array that was kept under a name; None where there is none. A damaged one is removed.

    Args:
        folder: where it is kept.
        name: without ``*`` or ``-`` at its end.
    """
    for file in folder.glob(f"{name}.*.npy"):
        if file.name == f"{name}.{file_hash(file)}.npy":
            return np.asarray(np.load(file, allow_pickle=False))
        file.unlink()
    return None


def keep_shard(folder: Path, name: str, values: np.ndarray) -> None:
    """Keep an array under a name: whole or not at all."""
    part = folder / f"{name}.part"
    part.unlink(missing_ok=True)
    with part.open("xb") as stream:
        np.save(stream, values, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(folder / f"{name}.{file_hash(part)}.npy")
    sync(folder)
