"""Classify texts with the student of a run."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from alambique.classifier import open_classifier

CHUNK = 256


def predict(
    folder: Path, chunks: Iterable[list[str]], *, model: str | None = None, calibrated: bool = False
) -> Iterator[dict[str, Any]]:
    """Answers in the order of the lines, one chunk of them in memory at a time.

    Args:
        folder: a run.
        chunks: texts, a few or many at a time, answered together; a tab parts the two segments of a pair.
        model: ``int8``, ``onnx`` or ``torch``; the fastest that is there by default.
        calibrated: divide the logits by the temperature fitted on valid.

    Yields:
        ``label``, its ``probability``, and ``scores``: every label's probability.

    Raises:
        RunFolderError: the folder is no run, or has no such model.
        ModelError: its student cannot be loaded.
        DamagedArtefactError: the model's file is damaged.
    """
    classifier = open_classifier(folder, model)
    for lines in chunks:
        segments = [classifier.segments(line) for line in lines]
        for row in classifier.probabilities(segments, calibrated=calibrated):
            yield classifier.answer(row)


def chunked(texts: list[str]) -> Iterator[list[str]]:
    """Texts that are there already, :data:`CHUNK` at a time."""
    for start in range(0, len(texts), CHUNK):
        yield texts[start : start + CHUNK]
