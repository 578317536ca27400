"""Parts of an artefact that a killed attempt leaves to the next: each file is named by the hash of what it holds."""

import os
from pathlib import Path

import numpy as np

from alambique.run.integrity import file_hash, sync


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
