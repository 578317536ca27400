"""The command in a process of its own, to be killed: whole, or forked from a process that has imported everything.

Importing the libraries takes seconds, as does a short run; a fork has them already, so that hundreds of kills fall into the
work and not into the imports. Both have one thread.
"""

import atexit
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

ENVIRONMENT = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1", "COLUMNS": "200",
               "TORCH_CPP_LOG_LEVEL": "ERROR"}  # fmt: skip
LONGEST = 300.0  # seconds, for what nothing stops
_LOADED = ["alambique.cli", "alambique.pipeline", "alambique.doctor", "onnxscript", "matplotlib.figure",
           "torch.nn.parallel.distributed", "torch._dynamo"]  # fmt: skip
_FORKS = get_context("forkserver")
_FORKS.set_forkserver_preload(_LOADED)


class Slice:
    """One process at the command, in a group of its own; what it says goes to two files in ``place``.

    Args:
        arguments: of the command.
        place: the working folder.
        forked: from a process that has the libraries.
        memory: bytes of address space that a forked one may have beyond what it begins with.
        environment: variables of a forked one.
    """

    def __init__(self, arguments, place, *, forked=False, memory=None, environment=None):
        place.mkdir(parents=True, exist_ok=True)
        self.arguments = [str(argument) for argument in arguments]
        self.said, self.told = place / "stdout", place / "stderr"
        self.forked, self.begun = forked, time.monotonic()
        os.environ.update(ENVIRONMENT)
        if forked:
            self.process = _FORKS.Process(target=_in_fork, args=(self.arguments, place, memory, environment or {}))
            self.process.start()
        else:
            with self.said.open("wb") as out, self.told.open("wb") as err:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "alambique", *self.arguments], cwd=place, stdout=out, stderr=err,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
        atexit.register(self.send, signal.SIGKILL)

    @property
    def status(self):
        """None while it runs; negative if a signal ended it."""
        return self.process.exitcode if self.forked else self.process.poll()

    def send(self, number):
        """Send a signal to the whole group, if it is there yet and still."""
        if self.status is not None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def wait(self, seconds=LONGEST):
        """The exit status, within so many seconds."""
        deadline = time.monotonic() + seconds
        while self.status is None:
            if time.monotonic() > deadline:
                self.send(signal.SIGKILL)
                raise TimeoutError(f"still at {self.arguments} after {seconds} s: {self.err()}")
            time.sleep(0.005)
        atexit.unregister(self.send)
        return self.status

    def out(self):
        return self.said.read_text("utf-8")

    def err(self):
        return self.told.read_text("utf-8")

    def messages(self):
        """What it said on standard error that is not a line of the log."""
        return [line for line in self.err().splitlines() if not _is_log(line)]


def _is_log(line):
    return line[2:3] == ":" and line[5:6] == ":" and line[:2].isdigit()


def _in_fork(arguments, place, memory, environment):
    os.setsid()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the fork server may have been started with it ignored
    os.chdir(place)
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        file = os.open(place / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(file, descriptor)
        os.close(file)
    if memory is not None:
        most = memory + int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    sys.argv = ["alambique", *arguments]
    from alambique import cli

    cli.main()
