"""From a run folder to a service that listens, until it is asked to stop."""

import errno
import os
import signal
import socket
import sys
import timeit
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import uvicorn

from alambique.cpu import available_cores
from alambique.errors import AddressError, AlambiqueError
from alambique.inference.classifier import TORCH, Classifier, gives_weights, open_classifier, open_teacher
from alambique.inference.token_batches import BATCH, rows_together
from alambique.run.layout import TEACHER
from alambique.run.manifest import MANIFEST
from alambique.serve.app import build_app
from alambique.serve.batching import SoloModel
from alambique.serve.limits import Limits
from alambique.signals import SIGNALS

BACKLOG = 2048
LOOP_SECONDS = 0.005  # that one run may keep the event loop from anything else, where nothing disturbs it
CHARACTERS = 3  # a token, its space among them: English has more; where each character is a token, a run takes longer
SPIN = 500  # microseconds: what a client on this machine takes from an answer to its next request, and a little more
SHUTDOWN_TIMEOUT_S = 30  # seconds, after which a stop no longer waits


def serve(
    folder: Path,
    *,
    host: str,
    port: int,
    model: str | None = None,
    teacher: bool = True,
    limits: Limits | None = None,
    listening: Callable[[str], None] = lambda _: None,
) -> None:
    """Serve a run's student until SIGTERM or SIGINT; what was accepted is answered first.

    Args:
        folder: the run.
        host: a name or address of this machine.
        port: 0 lets the system choose.
        model: ``int8``, ``onnx`` or ``torch``; the fastest that is there by default.
        teacher: offer the run's teacher too; it is loaded when it is first asked for.
        limits: on requests.
        listening: called once, with the address, when requests are taken.

    Raises:
        RunFolderError: the folder is not a run, or has no such model.
        AddressError: the address cannot be had.
    """
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    student = open_classifier(folder, model, threads=1)  # requests that come together share the cores
    workers, alone = 1 if student.backend == TORCH else available_cores(), None
    warm(student, workers)
    if student.backend != TORCH:
        alone = run_alone(student, _with_all_cores(folder, student))
    has_teacher = teacher and (folder / TEACHER / MANIFEST).is_file() and gives_weights(folder)
    open_it = partial(_open_teacher, folder) if has_teacher else None
    app = build_app(student, open_it, limits, workers=workers, alone=alone)
    listener = listen(host, port)
    with listener:
        config = uvicorn.Config(
            app, log_level="error", access_log=False, lifespan="on", server_header=False, ws="none",
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        )  # fmt: skip
        server = _Server(config)
        for number in SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, server.handle_exit)
        shown = f"[{host}]" if ":" in host else host
        listening(f"http://{shown}:{listener.getsockname()[1]}")
        server.run(sockets=[listener])


class _Server(uvicorn.Server):
    """Leaves the handlers of signals as they are.

    Uvicorn's would hear a SIGINT that is ignored, as in the background of a script, and once it has stopped it raises the
    signal again, which would end the process with another status than 0.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def warm(model: Classifier, threads: int = 1) -> Classifier:
    """Run a model at its largest batch in so many threads: neither the first request nor memory depends on what comes."""
    rows = BATCH if model.backend == TORCH else min(BATCH, rows_together(model.max_length))
    texts = [model.segments("a " * model.max_length)] * rows
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(model.logits, [texts] * threads))
    model.logits([model.segments("a")])
    return model


def _with_all_cores(folder: Path, student: Classifier) -> Classifier:
    return student if available_cores() == 1 else warm(open_classifier(folder, student.backend, spin=SPIN))


def run_alone(on_one_core: Classifier, on_all_cores: Classifier) -> SoloModel:
    """Measure how long a text may be to keep the event loop for about :data:`LOOP_SECONDS`, whichever of both runs it."""
    seconds = max(_seconds(on_one_core), _seconds(on_all_cores))
    # what a run takes grows with its tokens, or faster
    return SoloModel(on_all_cores, int(CHARACTERS * on_one_core.max_length * LOOP_SECONDS / seconds))


def _seconds(model: Classifier) -> float:
    """What one text of the greatest length takes, undisturbed."""
    longest = [model.segments("a " * model.max_length)]
    return min(timeit.repeat(lambda: model.logits(longest), number=1, repeat=3))


def _open_teacher(folder: Path) -> Classifier:
    try:
        return warm(open_teacher(folder))
    except AlambiqueError as error:
        print(f"alambique: {error}", file=sys.stderr)  # noqa: T201 - the client is not told of this machine's folders
        raise


def listen(host: str, port: int) -> socket.socket:
    """A socket that is bound, so that a port in use is known before anything else is said.

    Raises:
        AddressError: it cannot be had.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:  # the second: no name, as too long a part of one
        why = f" ({error.strerror})" if isinstance(error, OSError) else ""
        raise AddressError(f"--host: {host} is not an address of this machine{why}.") from error
    listener = socket.socket(family, kind, proto)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise AddressError(_why(error, host, port)) from error
    return listener


def _why(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"--port: {port} is in use on {host}. Choose another, as in --port {port + 1}, or stop what listens there."
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return f"--host: {host} is not an address of this machine."
    return f"--port: {port} cannot be had on {host}: {error.strerror}."
