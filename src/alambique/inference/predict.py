"""Classify texts with the student of a run."""

import queue
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from alambique.errors import DataError
from alambique.inference.classifier import open_classifier

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
        CorruptArtefactError: the model's file is damaged.
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


_WAITING = 1024  # lines read ahead, at most


def waiting_lines(stream: IO[bytes], most: int) -> Iterator[list[str]]:
    """Chunks of decoded lines: each begins with the next line and takes up to ``most`` of those that wait already.

    Args:
        stream: UTF-8 text; a byte-order mark at its start is dropped.
        most: lines a chunk.

    Raises:
        DataError: a line is no UTF-8; the lines before it come first.
    """
    lines: queue.Queue[bytes | Exception | None] = queue.Queue(_WAITING)
    threading.Thread(target=_read, args=(stream, lines), daemon=True).start()
    number, chunk = 0, list[str]()
    while True:
        try:
            line = lines.get(block=not chunk)
        except queue.Empty:
            yield chunk
            chunk = []
            continue
        if isinstance(line, bytes):
            number += 1
            try:
                chunk.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"))
            except UnicodeDecodeError as error:
                if chunk:
                    yield chunk
                raise DataError(f"standard input, line {number}: not UTF-8 text.") from error
        if chunk and (len(chunk) == most or not isinstance(line, bytes)):
            yield chunk
            chunk = []
        if isinstance(line, Exception):
            raise line
        if line is None:
            return


def _read(stream: IO[bytes], lines: "queue.Queue[bytes | Exception | None]") -> None:
    try:
        for line in stream:
            lines.put(line)
    except (OSError, ValueError) as error:  # closed while it was read
        lines.put(error)
        return
    lines.put(None)
