"""The tokens that a student's vocabulary was cut down to, as they are kept in a run."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alambique.run.folder import RunFolder
from alambique.run.layout import VOCABULARY, VOCABULARY_FACTS

IDS = "kept.npy"


@dataclass(frozen=True)
class KeptVocabulary:
    """Which tokens of a tokenizer stay.

    Attributes:
        ids: (K,) int64 token ids in rising order.
        whole: how many tokens the tokenizer has.
        unchanged: share of the rows of valid that are cut into the same tokens as before, from 0 to 1.
        digest: SHA-256 of the artefact.
    """

    ids: np.ndarray
    whole: int
    unchanged: float
    digest: str = ""


def write_kept_vocabulary(kept: KeptVocabulary, folder: Path) -> None:
    """Write the ids and the facts."""
    np.save(folder / IDS, kept.ids)
    facts = {"whole": kept.whole, "kept": len(kept.ids), "valid_rows_unchanged": kept.unchanged}
    (folder / VOCABULARY_FACTS).write_text(json.dumps(facts, indent=1), "utf-8")


def recorded_vocabulary(run: RunFolder) -> KeptVocabulary:
    """What a finished run keeps in ``vocabulary``.

    Raises:
        RunFolderError: it has none.
        CorruptArtefactError: a file does not hold what its manifest says.
    """
    artefact = run.artefact(VOCABULARY)
    return read_kept_vocabulary(artefact.folder, artefact.digest)


def read_kept_vocabulary(folder: Path, digest: str) -> KeptVocabulary:
    """Read what was written."""
    facts = json.loads((folder / VOCABULARY_FACTS).read_text("utf-8"))
    ids = np.load(folder / IDS, allow_pickle=False)
    return KeptVocabulary(ids, int(facts["whole"]), float(facts["valid_rows_unchanged"]), digest)
