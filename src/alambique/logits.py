"""Logits on disk, by row id: soft labels of train, predictions on valid and test."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from alambique.errors import DamagedArtefactError

LOGITS, FACTS = "logits.npy", "soft_labels.json"


@dataclass(frozen=True)
class SoftLabels:
    """The teacher's logits by row id.

    Attributes:
        ids: of the rows.
        logits: (rows, C) float32, classes in the order of ``label_names``.
        label_names: the classes.
        made_from: hashes of teacher, tokenizer and text.
        digest: SHA-256 of the artefact.
    """

    ids: tuple[str, ...]
    logits: np.ndarray
    label_names: tuple[str, ...]
    made_from: dict[str, str]
    digest: str = ""

    def for_rows(self, ids: tuple[str, ...]) -> np.ndarray:
        """The logits of these rows, in this order: (rows, C) float32.

        Raises:
            DamagedArtefactError: a row has none.
        """
        place = {row_id: i for i, row_id in enumerate(self.ids)}
        absent = [row_id for row_id in ids if row_id not in place]
        if absent:
            raise DamagedArtefactError(f"{len(absent)} rows have no soft label, such as {absent[0]}.")
        return self.logits[[place[row_id] for row_id in ids]]


def write_soft_labels(labels: SoftLabels, folder: Path) -> None:
    """Write ``logits.npy`` and ``soft_labels.json``."""
    np.save(folder / LOGITS, labels.logits, allow_pickle=False)
    facts = {"label_names": labels.label_names, "made_from": labels.made_from, "ids": labels.ids}
    (folder / FACTS).write_text(json.dumps(facts), "utf-8")


def read_soft_labels(folder: Path, digest: str = "") -> SoftLabels:
    """Read what :func:`write_soft_labels` wrote.

    Raises:
        DamagedArtefactError: the files do not belong together, or hold what is no finite number.
    """
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    logits = np.load(folder / LOGITS, allow_pickle=False)
    if logits.shape != (len(facts["ids"]), len(facts["label_names"])):
        raise DamagedArtefactError(f"{folder / LOGITS} has shape {logits.shape}, which does not fit {FACTS} beside it.")
    if not np.isfinite(logits).all():
        raise DamagedArtefactError(
            f"{folder / LOGITS} holds logits that are not finite: the teacher's weights are broken."
        )
    return SoftLabels(tuple(facts["ids"]), logits, tuple(facts["label_names"]), facts["made_from"], digest)


def write_predictions(path: Path, ids: tuple[str, ...], labels: np.ndarray, logits: np.ndarray) -> None:
    """One Parquet file: id, label, logits (a list of C float32) for each row."""
    flat = pa.array(logits.astype(np.float32).ravel())
    nested = pa.FixedSizeListArray.from_arrays(flat, logits.shape[1])
    pq.write_table(pa.table({"id": pa.array(ids), "label": pa.array(labels), "logits": nested}), path)


def read_predictions(path: Path, ids: tuple[str, ...]) -> np.ndarray:
    """The logits of these rows, (rows, C) float32.

    Raises:
        DamagedArtefactError: the file holds other rows.
    """
    table = pq.read_table(path)
    if tuple(table["id"].to_pylist()) != ids:
        raise DamagedArtefactError(f"{path} holds predictions for other rows than the data.")
    nested = table["logits"].combine_chunks()
    return np.asarray(nested.flatten()).reshape(len(ids), -1)
