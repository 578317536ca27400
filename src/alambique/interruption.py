"""Ctrl-C and SIGTERM: put off until what is in hand can be kept, never lost."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Request:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        """Nobody did."""
        self.made = False

    def honour(self) -> None:
        """Stop here, if that was asked for.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self.made:
            self.made = False
            raise KeyboardInterrupt


def end_like_ctrl_c() -> None:
    """From now on SIGTERM, by which machines are taken back, does what Ctrl-C does."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


@contextmanager
def put_off(notice: str) -> Iterator[Request]:
    """Note the first signal while the block runs, for it to honour where nothing is lost; the second stops at once.

    What was asked for and not honoured is honoured at the end of the block. Threads other than the main one get no signals,
    and change nothing here.

    Args:
        notice: for standard error, when the first signal comes.
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:
        if request.made:
            _interrupt(number, frame)
        request.made = True
        print(notice, file=sys.stderr, flush=True)  # noqa: T201 - whoever pressed the keys waits for an answer

    before: dict[signal.Signals, Any] = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    request.honour()
