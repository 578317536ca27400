"""The vectors that a static student begins with, as a run stores them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

VECTORS = "vectors.npy"


@dataclass(frozen=True)
class TokenVectors:
    """A vector for each entry of a tokenizer's vocabulary.

    Attributes:
        values: (V, W) float32, in the order of the token ids.
        digest: SHA-256 of the artefact.
    """

    values: np.ndarray
    digest: str = ""


def write_token_vectors(values: np.ndarray, folder: Path) -> None:
    """Store (V, W) vectors."""
    np.save(folder / VECTORS, values.astype(np.float32), allow_pickle=False)


def read_token_vectors(folder: Path, digest: str) -> TokenVectors:
    """Map what was stored; it is read when it is used."""
    return TokenVectors(np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False), digest)
