"""Connections between the first process and each other one, by which the death of one ends all within seconds.

A collective operation of torch waits for a process that is gone for minutes, and cannot be interrupted. So a thread of each
process watches its connection. The system closes that of a process which ends, however it ends; a machine that is lost is
silent. What a thread finds ends its process at once, as a kill would: what is done is kept on disk.
"""

import os
import secrets
import select
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

from alambique.distributed.messages import BEAT, END, FAILED, HELLO, LEFT, Channel
from alambique.errors import UserInputError
from alambique.signals import ignore_signals
from alambique.terminal import sanitise

EVERY = 1.0  # seconds between signs of life
SILENT = 20.0  # seconds without one, after which a process counts as lost
GRACE = 5.0  # seconds in which the first process may end by itself, of the same error or signal
LINGER = 2.0  # seconds between the end of the first process's connection and that of the process
JOIN = 300.0  # seconds in which all must have come
INTERRUPTED = 130
_KEPT = "What is done is kept: the same command goes on from there."
_SHOW_CURSOR = "\x1b[?25h"  # which a progress bar has hidden


def end_process(status: int, message: str = "") -> NoReturn:
    """End this process at once, from any thread; a message goes to standard error first."""
    if message:
        shown = _SHOW_CURSOR if sys.stderr.isatty() else ""
        print(f"{shown}alambique: {sanitise(message)}", file=sys.stderr, flush=True)  # noqa: T201
    os._exit(status)


class Hub:
    """The first process's connections to all others.

    Args:
        processes: that were started, this one among them.
        one_machine: whether all are here.
        end: ends this process, with a status and a message.
    """

    def __init__(self, processes: int, *, one_machine: bool, end: Callable[[int, str], object] = end_process) -> None:
        """Listen; see :meth:`wait_for_all`."""
        self.processes, self.end_process = processes, end
        self.token = secrets.token_hex(16)
        self._server = socket.create_server(("127.0.0.1" if one_machine else "", 0), backlog=processes)
        self.port: int = self._server.getsockname()[1]
        self._channels: dict[int, Channel] = {}
        self._names: dict[int, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lifeline", daemon=True)

    def wait_for_all(self, seconds: float = JOIN) -> None:
        """Take in all others, and begin to watch them.

        Raises:
            UserInputError: some have not come.
        """
        deadline = time.monotonic() + seconds
        with self._server:
            while len(self._channels) < self.processes - 1:
                left = deadline - time.monotonic()
                if left <= 0 or not select.select([self._server], [], [], left)[0]:
                    raise UserInputError(self._missing(seconds))
                self._take_in(Channel(self._server.accept()[0]))
        self._thread.start()

    def _take_in(self, channel: Channel) -> None:
        messages: list[dict[str, Any]] = []
        while not messages and not channel.is_closed:
            messages = channel.receive()
        hello = messages[0] if messages else {}
        rank = hello.get("rank")
        if hello.get("kind") != HELLO or hello.get("token") != self.token or not isinstance(rank, int):
            channel.close()  # nobody of ours
            return
        self._channels[rank] = channel
        self._names[rank] = f"Process {rank} of {self.processes} (process id {hello['pid']} on {hello['host']})"

    def _missing(self, seconds: float) -> str:
        ranks = [str(rank) for rank in range(1, self.processes) if rank not in self._channels]
        return (
            f"{self.processes} processes were announced (WORLD_SIZE), and of rank {', '.join(ranks)} none has come within "
            f"{seconds:.0f} s. Start all of them, on every machine, with the same command."
        )

    def finish(self, status: int) -> None:
        """Tell all that this process ends, and stop watching them."""
        self._ended.set()
        for channel in self._channels.values():
            channel.send(END, status=status)
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(2 * EVERY)

    def close(self) -> None:
        """Close the connections, by which the others know that this process is at its end."""
        for channel in self._channels.values():
            channel.close()
        self._server.close()

    def wait_for_end(self, seconds: float) -> None:
        """Give the watching thread time to find who is lost, after an operation with the others has failed."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _watch(self) -> None:
        heard = dict.fromkeys(self._channels, time.monotonic())
        gone: tuple[float, int, str] | None = None  # when to end, with which status and message
        looked = time.monotonic()
        while not self._ended.is_set():
            ready = select.select(list(self._channels.values()), [], [], EVERY)[0]
            now = time.monotonic()
            if now - looked > SILENT / 2:  # it was this process that stood still, as by Ctrl-Z
                heard = dict.fromkeys(heard, now)
            looked = now
            for rank, channel in list(self._channels.items()):
                if channel in ready:
                    heard[rank] = now
                    for message in channel.receive():
                        gone = gone or self._gone(rank, message, now)
                    if channel.is_closed:
                        del self._channels[rank]
                        lost = f"{self._names[rank]} has ended, killed perhaps, so all end. {_KEPT}"
                        gone = gone or (now, 1, lost)
                elif now - heard[rank] > SILENT:
                    silent = f"{self._names[rank]} has not been heard of for {SILENT:.0f} s, so all end. {_KEPT}"
                    gone = gone or (now, 1, silent)
                channel.send(BEAT)
            if gone is not None and now >= gone[0] and not self._ended.is_set():
                self._ended.set()
                for channel in self._channels.values():
                    channel.send(END, status=gone[1])
                self.end_process(gone[1], gone[2])

    def _gone(self, rank: int, message: dict[str, Any], now: float) -> tuple[float, int, str] | None:
        if message["kind"] == LEFT:
            return now + GRACE, INTERRUPTED, f"interrupted: {self._names[rank]} was told to stop. {_KEPT}"
        if message["kind"] == FAILED:
            return now + GRACE, int(message["status"]), f"{self._names[rank]}: {message['error']}"
        return None


class Line:
    """A further process's connection to the first.

    Args:
        address: host and port of the :class:`Hub`.
        token: of the hub.
        rank: of this process.
        speaks: whether this process says that the first is gone: one of them on each machine.
        end: ends this process, with a status and a message.
    """

    def __init__(
        self, address: tuple[str, int], token: str, rank: int, *, speaks: bool,
        end: Callable[[int, str], object] = end_process,
    ) -> None:  # fmt: skip
        """Connect, and begin to watch."""
        self.speaks, self.end_process = speaks, end
        self._channel = Channel(socket.create_connection(address, timeout=JOIN))
        self._channel.send(HELLO, rank=rank, token=token, pid=os.getpid(), host=socket.gethostname())
        self._status: int | None = None  # the first process has said that it ends
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="lifeline", daemon=True)
        self._thread.start()

    def leave(self) -> None:
        """Say that this process was told to stop, and end with the first one."""
        self._channel.send(LEFT)
        self._follow(INTERRUPTED)

    def fail(self, error: str, status: int) -> None:
        """Say what went wrong here, and end with the first process, which prints it."""
        self._channel.send(FAILED, error=error, status=status)
        self._follow(status)

    def _follow(self, status: int) -> None:
        """End after the first process: a launcher would otherwise kill it while it says what there is to say."""
        ignore_signals()
        self._thread.join(SILENT + 2 * GRACE)
        self.end_process(status, "")

    def close(self) -> None:
        """All is done: stop watching."""
        self._closing.set()
        self._thread.join(2 * EVERY)
        self._channel.close()

    def _watch(self) -> None:
        heard = looked = time.monotonic()
        while not self._closing.is_set():
            ready = select.select([self._channel], [], [], EVERY)[0]
            now = time.monotonic()
            if now - looked > SILENT / 2:
                heard = now
            looked = now
            if ready:
                heard = now
                for message in self._channel.receive():
                    if message["kind"] == END:
                        self._status = int(message["status"])
            if self._channel.is_closed or now - heard > SILENT:
                self._ended()
                return
            self._channel.send(BEAT)

    def _ended(self) -> None:
        if self._closing.is_set() or self._status == 0:
            return
        if self._status is not None:
            time.sleep(LINGER)
            self.end_process(self._status, "")
            return
        said = f"The first process has ended, killed perhaps, or its machine is lost, so all end. {_KEPT}"
        self.end_process(1, said if self.speaks else "")
