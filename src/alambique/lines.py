"""Lines of a stream, answered as they come: many at a time from a file, at once from someone who types."""

import queue
import threading
from collections.abc import Iterator
from typing import IO

from alambique.errors import DataError

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
