"""From a run folder to a service that listens, until it is asked to stop."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import uvicorn

from alambique.classifier import TORCH, Classifier, open_classifier, open_teacher
from alambique.cores import available_cores
from alambique.errors import AddressError, AlambiqueError
from alambique.manifest import MANIFEST
from alambique.onnx_model import BATCH
from alambique.run import TEACHER
from alambique.serve.app import SecurityHeaders, build_app
from alambique.serve.limits import Limits

BACKLOG = 2048
LAST_ANSWERS = 30  # seconds, after which a stop no longer waits


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
        RunFolderError: the folder is no run, or has no such model.
        AddressError: the address cannot be had.
    """
    # a short text is done sooner by one thread than by several that wake each other; cores share requests instead
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    student = open_classifier(folder, model, threads=1)
    workers = 1 if student.model == TORCH else available_cores()
    has_teacher = teacher and (folder / TEACHER / MANIFEST).is_file()
    app = build_app(warm(student), partial(_open_teacher, folder) if has_teacher else None, limits, workers=workers)
    listener = listen(host, port)
    with listener:
        # before uvicorn sets its own: stopped, it raises the signal once more, and the default would end with 143
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        shown = f"[{host}]" if ":" in host else host
        listening(f"http://{shown}:{listener.getsockname()[1]}")
        config = uvicorn.Config(
            SecurityHeaders(app), log_level="error", access_log=False, lifespan="on", server_header=False, ws="none",
            timeout_graceful_shutdown=LAST_ANSWERS,
        )  # fmt: skip
        uvicorn.Server(config).run(sockets=[listener])


def warm(model: Classifier) -> Classifier:
    """Run a model once at its largest batch, so that neither the first request nor memory depends on what comes."""
    text = "a " * model.max_length
    model.logits([model.segments(text)] * BATCH)
    model.logits([model.segments("a")])
    return model


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
    except OSError as error:
        raise AddressError(f"--host: {host} is no address of this machine ({error.strerror}).") from error
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
        return f"--host: {host} is no address of this machine."
    return f"--port: {port} cannot be had on {host}: {error.strerror}."
