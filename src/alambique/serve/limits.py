"""What a service takes, and what it answers where it does not."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Bounds that keep memory flat whatever comes in.

    Attributes:
        body_bytes: of one request.
        body_seconds: until a request's body must have come.
        held_bytes: of all bodies that are being read.
        texts: of one request.
        characters: of one text.
        waiting: texts accepted and not answered yet, for each model.
    """

    body_bytes: int = 1 << 20
    body_seconds: float = 30.0
    held_bytes: int = 64 << 20
    texts: int = 256
    characters: int = 8192
    waiting: int = 1024


class RequestProblem(Exception):  # noqa: N818 - it is the client's
    """A request that is answered with a status of its own and a sentence."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        """``headers`` go with the answer."""
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


def busy(message: str) -> RequestProblem:
    """Nothing is queued beyond the bounds: the client is asked to come back."""
    return RequestProblem(503, message, {"Retry-After": "1"})
