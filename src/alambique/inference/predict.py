"""Classify texts with the student of a run."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from alambique.errors import DataError
from alambique.inference.classifier import open_classifier
from alambique.signals import wait_for_input

if TYPE_CHECKING:
    from io import BufferedReader

CHUNK = 256


def predict(
    folder: Path, chunks: Iterable[list[str]], *, model: str | None = None, calibrated: bool = False
) -> Iterator[dict[str, Any]]:
    """Classify lines in their order, with one chunk of them in memory at a time.

    Args:
        folder: a run.
        chunks: texts, a few or many at a time, answered together; a tab parts the two segments of a pair.
        model: ``int8``, ``onnx`` or ``torch``; by default the fastest that the run has.
        calibrated: divide the logits by the temperature fitted on valid.

    Yields:
        ``label``, its ``probability``, and ``scores``: every label's probability. Where rows have any number of labels,
        ``labels``, those whose probability reaches their threshold, and ``scores``.

    Raises:
        RunFolderError: the folder is not a run, or has no such model.
        ModelError: its student cannot be loaded.
        CorruptArtefactError: the model's file is damaged.
    """
    classifier = open_classifier(folder, model)
    for lines in chunks:
        segments = [classifier.segments(line) for line in lines]
        yield from classifier.answers(classifier.logits(segments), calibrated=calibrated)


def chunked(texts: list[str]) -> Iterator[list[str]]:
    """Yield :data:`CHUNK` texts at a time."""
    for start in range(0, len(texts), CHUNK):
        yield texts[start : start + CHUNK]


_BLOCK = 2**18  # bytes read at once, at most


def waiting_lines(stream: IO[bytes], most: int) -> Iterator[list[str]]:
    """Read lines in chunks without waiting for a chunk to fill: whoever types a line gets its answer at once.

    Args:
        stream: UTF-8 text with a ``read1``, as standard input's buffer has; a byte-order mark at its start is dropped.
        most: lines per chunk.

    Raises:
        DataError: a line is not UTF-8; the lines before it come first.
    """
    number = 0
    for lines in _arrived(cast("BufferedReader", stream)):
        for start in range(0, len(lines), most):
            chunk = []
            for line in lines[start : start + most]:
                number += 1
                try:
                    chunk.append(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r"))
                except UnicodeDecodeError as error:
                    if chunk:
                        yield chunk
                    raise DataError(f"standard input, line {number}: not UTF-8 text.") from error
            yield chunk


def _arrived(stream: "BufferedReader") -> Iterator[list[bytearray]]:
    """Yield the whole lines of what has arrived, without their ends, as soon as there is one."""
    rest = bytearray()
    while data := _read(stream):
        rest += data
        if b"\n" in data:
            *lines, rest = rest.split(b"\n")
            yield lines
    if rest:
        yield [rest]


def _read(stream: "BufferedReader") -> bytes:
    """Read what is there, and wait for no more."""
    try:
        wait_for_input(stream)
        return stream.read1(_BLOCK)
    except OSError as error:
        raise DataError(f"standard input cannot be read: {error.strerror or error}.") from error
