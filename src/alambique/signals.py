"""Defer SIGINT and SIGTERM: a handler sets a flag, the trainer saves at the end of the step and then stops.

A process that a script starts in the background (``nohup``, ``&``, cron) has SIGINT ignored from the start, so that Ctrl-C
in the terminal does not reach it. It stays ignored here: SIGTERM alone stops such a process, and nothing depends on SIGINT.
"""

import _thread
import select
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any, cast

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_RETRY_AFTER = 0.05  # seconds


class StopRequest:
    """Whether somebody asked to stop."""

    def __init__(self) -> None:
        """Nobody did."""
        self.made = False

    def raise_if_set(self) -> None:
        """Stop here, if that was asked for.

        Raises:
            KeyboardInterrupt: it was.
        """
        if self.made:
            self.made = False
            raise KeyboardInterrupt


def install_handlers() -> None:
    """Make SIGTERM, by which machines are taken back, do what Ctrl-C does, and lose neither.

    Python drops what is raised in a finaliser or in the callback of a weak reference, and a signal may come while a library
    is in one: then it is raised again a moment later.
    """
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, _interrupt)
        sys.unraisablehook = _retry_interrupt


def restore_handlers() -> None:
    """Let SIGINT and SIGTERM end the process at once, without a traceback, while it is at its end anyway."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)


def ignore_signals() -> None:
    """Take no notice of SIGINT and SIGTERM any more: the process is about to end, when another one says so."""
    if threading.current_thread() is threading.main_thread():
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def wait_for_input(stream: IO[bytes]) -> None:
    """Wait until there is something to read, or a signal for the main thread; what is not a file of the system is ready.

    A signal that comes just before a read has begun would not end it: Python looks for signals before and after, not in it.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        return
    try:
        descriptor = stream.fileno()
    except OSError:
        return
    woken, wake = socket.socketpair()
    with woken, wake:
        wake.setblocking(False)  # noqa: FBT003
        before = signal.set_wakeup_fd(wake.fileno())
        try:
            select.select([descriptor, woken.fileno()], [], [])
        finally:
            signal.set_wakeup_fd(before)


def _retry_interrupt(dropped: "sys.UnraisableHookArgs") -> None:
    if not issubclass(dropped.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(dropped)
        return
    timer = threading.Timer(_RETRY_AFTER, _interrupt_main)
    timer.daemon = True
    with suppress(RuntimeError):  # the process is at its end anyway
        timer.start()


def _interrupt_main() -> None:
    """Raise in the main thread, by SIGTERM, whose handler is ours whether SIGINT is ignored or not."""
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:  # which also wakes a thread that waits for the system
        signal.pthread_kill(cast("int", threading.main_thread().ident), signal.SIGTERM)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt


@contextmanager
def defer_signals(notice: str | None) -> Iterator[StopRequest]:
    """Note the first signal while the block runs, for it to raise_if_set where nothing is lost; the second stops at once.

    What was asked for and not honoured is honoured at the end of the block. Threads other than the main one get no signals,
    and change nothing here. A signal that is ignored stays ignored.

    Args:
        notice: for standard error, when the first signal comes; None: another process says it.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def note(number: int, frame: FrameType | None) -> None:
        if request.made:
            _interrupt(number, frame)
        request.made = True
        if notice is not None:  # whoever pressed the keys waits for an answer
            print(notice, file=sys.stderr, flush=True)  # noqa: T201

    heard = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, note) for number in heard}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    request.raise_if_set()
