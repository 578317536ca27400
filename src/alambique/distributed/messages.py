"""Lines of JSON over a socket, between processes that were started together."""

import json
import socket
from contextlib import suppress
from typing import Any

HELLO, BEAT, LEFT, FAILED, END = "hello", "beat", "left", "failed", "end"
_LONGEST = 2**20  # bytes of a line; a traceback has thousands
_SLOW = 5.0  # seconds in which a few bytes must be taken


class Channel:
    """One end of a connection. A line that is not JSON, or is endless, ends it.

    Example:
        >>> import socket
        >>> from alambique.distributed.messages import BEAT, Channel
        >>> ours, theirs = map(Channel, socket.socketpair())
        >>> ours.send(BEAT, rank=1)
        >>> theirs.receive()
        [{'kind': 'beat', 'rank': 1}]
        >>> ours.close()
        >>> theirs.receive(), theirs.is_closed
        ([], True)
    """

    def __init__(self, connection: socket.socket) -> None:
        """Take a connected socket."""
        connection.settimeout(_SLOW)
        self.connection, self.is_closed = connection, False
        self._begun = b""

    def fileno(self) -> int:
        """Of the socket, for ``select``."""
        return self.connection.fileno()

    def send(self, kind: str, **facts: Any) -> None:
        """Send a message; to somebody who is gone, nothing happens."""
        with suppress(OSError):
            self.connection.sendall(json.dumps({"kind": kind, **facts}).encode() + b"\n")

    def receive(self) -> list[dict[str, Any]]:
        """The messages that have come, after ``select`` said that something has; ``is_closed`` after the last."""
        try:
            data = self.connection.recv(65536)
        except OSError:
            data = b""
        *lines, self._begun = (self._begun + data).split(b"\n")
        self.is_closed = not data or len(self._begun) > _LONGEST
        messages = []
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                self.is_closed = True
                break
            messages.append(message)
        return messages

    def close(self) -> None:
        """End the connection."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
        self.connection.close()
