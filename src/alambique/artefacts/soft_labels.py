"""Logits on disk, by row id: soft labels of train, predictions on valid and test."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alambique.errors import CorruptArtefactError

LOGITS, IDS, FACTS = "logits.npy", "ids.npy", "soft_labels.json"
_CHUNK = 2**18  # rows that are looked at together


class RowIds(Sequence[str]):
    """Row ids as they lie on disk, (rows,) UTF-8 bytes of one width; each is decoded when it is asked for."""

    def __init__(self, stored: np.ndarray) -> None:
        """Wrap the stored bytes."""
        self.stored = stored

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.stored)

    def __getitem__(self, row: Any) -> Any:
        """One id, or a tuple of them."""
        if isinstance(row, slice):
            return tuple(value.decode() for value in self.stored[row].tolist())
        return self.stored[row].decode()

    def __eq__(self, other: object) -> bool:
        """Whether another sequence holds the same ids in the same order."""
        return isinstance(other, Sequence) and self[:] == tuple(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class SoftLabels:
    """Logits of the teacher, by row id.

    Attributes:
        ids: the ids of the rows.
        logits: (rows, C) float32, classes in the order of ``label_names``; memory-mapped if they were read from disk.
        label_names: the classes.
        made_from: hashes of teacher, tokenizer and text.
        digest: SHA-256 of the artefact.
        worth: what is known of them: accuracy, confidence, temperatures and weights of the teachers. Empty in runs of
            earlier versions.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.soft_labels import SoftLabels
        >>> logits = np.array([[0.1, 2.0], [1.5, -0.5]], dtype=np.float32)
        >>> labels = SoftLabels(("a", "b"), logits, ("negative", "positive"), made_from={})
        >>> labels.for_rows(["b"]).tolist()
        [[1.5, -0.5]]
    """

    ids: Sequence[str]
    logits: np.ndarray
    label_names: tuple[str, ...]
    made_from: dict[str, str]
    digest: str = ""
    worth: dict[str, Any] = field(default_factory=dict)

    def for_rows(self, ids: Sequence[str]) -> np.ndarray:
        """Logits of the given rows, in the given order: (rows, C) float32. In the stored order, nothing is copied.

        Raises:
            CorruptArtefactError: a row has no soft label.
        """
        places = places_of(self.ids, ids, of="soft label")
        return self.logits if isinstance(places, slice) else self.logits[places]


def places_of(stored: Sequence[str], ids: Sequence[str], *, of: str) -> "np.ndarray | slice":
    """Where rows are stored: (rows,) places, or a slice of all where they are asked for in the stored order.

    Args:
        stored: ids in the stored order.
        ids: of the rows that are wanted.
        of: what is stored, for the message.

    Raises:
        CorruptArtefactError: a row is not stored.
    """
    own, wanted = id_bytes(stored), id_bytes(ids)
    if np.array_equal(own, wanted):
        return slice(None)
    order = np.argsort(own, kind="stable")
    places = order[np.minimum(np.searchsorted(own, wanted, sorter=order), len(own) - 1)] if len(own) else order[:0]
    absent = np.flatnonzero(own[places] != wanted) if len(own) else np.arange(len(wanted))
    if len(absent):
        raise CorruptArtefactError(f"{len(absent)} rows have no {of}, such as {ids[absent[0]]}.")
    return places


def id_bytes(ids: Sequence[str]) -> np.ndarray:
    """Row ids as (rows,) UTF-8 bytes of one width, which can be mapped and compared at once."""
    return ids.stored if isinstance(ids, RowIds) else np.array([row_id.encode() for row_id in ids], dtype=np.bytes_)


@dataclass(frozen=True)
class Part:
    """Logits of one teacher for some rows.

    Attributes:
        file: ``.npy``, (rows of the part, C) float32.
        rows: (rows of the part,) int64, rising positions among all rows; None: all rows.
        temperature: the logits are divided by it.
        weight: how much it counts beside the others that label the same row; above 0.
    """

    file: Path
    rows: np.ndarray | None = None
    temperature: float = 1.0
    weight: float = 1.0


Probabilities = Callable[[np.ndarray], np.ndarray]  # of logits, both (n, C)


def log_probabilities(probabilities: np.ndarray) -> np.ndarray:
    """Logits of a softmax that gives these probabilities."""
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float32).tiny)))


@dataclass(frozen=True)
class Mean:
    """How the logits of several teachers become those of all of them together.

    Attributes:
        probabilities: makes probabilities of logits; the result is the logits of their mean. None: the mean of logits.
        inverse: makes logits of probabilities; by default their logarithms, as for a softmax.
    """

    probabilities: Probabilities | None = None
    inverse: Probabilities = log_probabilities

    def term(self, logits: np.ndarray, temperature: float = 1.0) -> np.ndarray:
        """What is averaged of one teacher's (n, C) logits: float64."""
        scaled = logits / np.float64(temperature)
        return self.probabilities(scaled) if self.probabilities else scaled

    def logits(self, mean: np.ndarray) -> np.ndarray:
        """Logits of a mean of terms."""
        return self.inverse(mean) if self.probabilities else mean


def combine_logits(parts: Sequence[Part], target: Path, rows: int, mean: Mean = Mean()) -> None:
    """Write the weighted mean of the logits that teachers gave each row; memory does not grow with the rows.

    Args:
        parts: of the teachers; each row is in one at least.
        target: the ``.npy`` file to write, (rows, C) float32.
        rows: how many.
        mean: of logits or of probabilities.

    Raises:
        CorruptArtefactError: a row is in no part.
    """
    sources = [np.load(part.file, mmap_mode="r", allow_pickle=False) for part in parts]
    combined = np.lib.format.open_memmap(target, mode="w+", dtype=np.float32, shape=(rows, sources[0].shape[1]))
    for start in range(0, rows, _CHUNK):
        stop = min(start + _CHUNK, rows)
        total = np.zeros((stop - start, combined.shape[1]))
        weights = np.zeros((stop - start, 1))
        for part, source in zip(parts, sources, strict=True):
            bounds = (start, stop) if part.rows is None else np.searchsorted(part.rows, (start, stop))
            places = slice(None) if part.rows is None else part.rows[slice(*bounds)] - start
            total[places] += part.weight * mean.term(source[slice(*bounds)], part.temperature)
            weights[places] += part.weight
        if not weights.all():
            raise CorruptArtefactError(f"{int((weights == 0).sum())} rows are in no fold.")
        combined[start:stop] = mean.logits(total / weights)
    combined.flush()


def write_soft_labels(labels: SoftLabels, folder: Path) -> None:
    """Write ``logits.npy``, ``ids.npy`` and ``soft_labels.json``; logits that lie in ``folder`` already are left there."""
    if not (folder / LOGITS).is_file():
        np.save(folder / LOGITS, labels.logits, allow_pickle=False)
    np.save(folder / IDS, id_bytes(labels.ids), allow_pickle=False)
    facts = {"label_names": labels.label_names, "made_from": labels.made_from, "worth": labels.worth}
    (folder / FACTS).write_text(json.dumps(facts), "utf-8")


def append_soft_labels(labels: SoftLabels, logits: Path, ids: Callable[[], Iterable[np.ndarray]], folder: Path) -> None:
    """Write soft labels with further rows behind them; memory does not grow with these.

    Args:
        labels: of the first rows.
        logits: ``.npy``, (further rows, C) float32.
        ids: gives their ids, parts of them at a time, as UTF-8 bytes.
        folder: as for :func:`write_soft_labels`.
    """
    first, more = id_bytes(labels.ids), np.load(logits, mmap_mode="r", allow_pickle=False)
    rows, width = len(first) + len(more), max([first.itemsize, *(part.itemsize for part in ids())])
    all_ids = np.lib.format.open_memmap(folder / IDS, mode="w+", dtype=f"S{width}", shape=(rows,))
    joined = np.lib.format.open_memmap(folder / LOGITS, mode="w+", dtype=np.float32, shape=(rows, more.shape[1]))
    all_ids[: len(first)], joined[: len(first)] = first, labels.logits
    start = len(first)
    for part in ids():
        all_ids[start : start + len(part)] = part
        start += len(part)
    for begin in range(0, len(more), _CHUNK):
        end = min(begin + _CHUNK, len(more))
        joined[len(first) + begin : len(first) + end] = more[begin:end]
    all_ids.flush()
    joined.flush()
    facts = {"label_names": labels.label_names, "made_from": labels.made_from, "worth": labels.worth}
    (folder / FACTS).write_text(json.dumps(facts), "utf-8")


def read_soft_labels(folder: Path, digest: str = "") -> SoftLabels:
    """Memory-map the soft labels that :func:`write_soft_labels` wrote to a folder.

    Raises:
        CorruptArtefactError: the files do not belong together, or a logit is NaN or infinite.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from alambique.artefacts.soft_labels import SoftLabels, read_soft_labels, write_soft_labels
        >>> logits = np.array([[0.5, 2.0], [1.5, -0.5]], dtype=np.float32)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_soft_labels(SoftLabels(("a", "b"), logits, ("negative", "positive"), {}), Path(folder))
        ...     labels = read_soft_labels(Path(folder))  # of a run: RUN/soft_labels
        ...     labels.label_names, labels.for_rows(["b", "a"]).tolist()
        (('negative', 'positive'), [[1.5, -0.5], [0.5, 2.0]])
    """
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    logits = np.load(folder / LOGITS, mmap_mode="r", allow_pickle=False)
    ids = np.load(folder / IDS, mmap_mode="r", allow_pickle=False)
    if logits.shape != (len(ids), len(facts["label_names"])):
        raise CorruptArtefactError(f"{folder / LOGITS} has shape {logits.shape}, which does not fit {FACTS} beside it.")
    if not all(np.isfinite(logits[start : start + _CHUNK]).all() for start in range(0, len(logits), _CHUNK)):
        raise CorruptArtefactError(
            f"{folder / LOGITS} holds logits that are not finite: the teacher's weights are broken."
        )
    return SoftLabels(
        RowIds(ids), logits, tuple(facts["label_names"]), facts["made_from"], digest, facts.get("worth", {})
    )
