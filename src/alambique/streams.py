"""Standard streams and arguments: UTF-8 whatever the locale, and no traceback where a stream is closed, full or gone."""

import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TextIO

from alambique.errors import OutputError

_STANDARD = (0, 1, 2)


class _Results(io.TextIOWrapper):
    """Standard output: whoever wants the results is told when they cannot be written."""

    def write(self, text: str) -> int:
        with _reported():
            return super().write(text)

    def flush(self) -> None:
        with _reported():
            super().flush()


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader has what it wanted, as with `| head`
        raise SystemExit(1) from None
    except OSError as error:
        raise OutputError(f"standard output cannot be written: {error.strerror}.") from error


class _Log(io.TextIOWrapper):
    """Standard error: a log that cannot be written is no reason to stop the work that it tells of."""

    def write(self, text: str) -> int:
        with suppress(OSError):
            super().write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            super().flush()


@contextmanager
def standard_streams() -> Iterator[None]:
    """Write standard output and error in UTF-8 while the block runs; half a character is written as its escape.

    Standard output raises OutputError where it cannot be written, and ends the program with status 1 where its reader has
    gone. Standard error drops what it cannot write. A closed descriptor is opened on the null device: no other file gets its
    number, and with it the output of a library.
    """
    _prepare_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _wrapped(before[0], _Results), _wrapped(before[1], _Log)
    try:
        yield
    finally:
        wrapped = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = before
        for stream, old in zip(wrapped, before, strict=True):
            if isinstance(stream, _Results | _Log) and stream is not old:
                _unwrap(stream)


def _prepare_descriptors() -> None:
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
        if sys.platform != "win32":  # a program before may have left the terminal so that it does not wait
            os.set_blocking(number, True)


def _wrapped(stream: TextIO | None, kind: type[_Results | _Log]) -> TextIO:
    if stream is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    return kind(
        stream.buffer, encoding="utf-8", errors="backslashreplace", line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )  # fmt: skip


def _unwrap(stream: _Results | _Log) -> None:
    """Give the buffer back; what it cannot write is dropped, since Python would try again at its end and complain."""
    with suppress(OutputError, SystemExit):
        stream.flush()
    try:
        stream.buffer.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    stream.detach()


def is_utf8(text: str) -> bool:
    """Whether a text from the system is Unicode: bytes that are not UTF-8 come as halves of characters (PEP 383)."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def decode_arguments(command: Sequence[str]) -> None:
    """Start the program again in Python's UTF-8 mode where its arguments are UTF-8 and the locale cannot say so.

    Args:
        command: the program with all its arguments, as :data:`sys.orig_argv` has them.
    """
    if sys.flags.utf8_mode or all(map(is_utf8, command)):
        return
    if all(is_utf8(os.fsencode(part).decode("utf-8", "surrogateescape")) for part in command):
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *command[1:]])  # noqa: S606 - no shell: the same program


@contextmanager
def silenced_libraries() -> Iterator[None]:
    """Keep what C++ libraries and their processes write to the standard descriptors off the terminal while the block runs.

    Our own standard error goes where it went, by a descriptor of its own. What is printed to standard output is dropped.
    """
    sys.stderr.flush()
    with ExitStack() as held:
        nowhere = held.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
        held.enter_context(redirect_stdout(nowhere))
        ours = os.dup(2)
        held.callback(os.close, ours)
        if _writes_to(sys.stderr, 2):
            log = _Log(os.fdopen(os.dup(ours), "wb"), encoding="utf-8", errors="backslashreplace", line_buffering=True)
            held.callback(log.close)
            held.enter_context(redirect_stderr(log))
        os.dup2(nowhere.fileno(), 2)
        held.callback(os.dup2, ours, 2)
        yield


def _writes_to(stream: TextIO, descriptor: int) -> bool:
    try:
        return stream.fileno() == descriptor
    except OSError:  # a notebook's, or a test's
        return False
