"""A lock on a run folder: one process at a time writes there.

The lock is the system's own (``flock``), so that it ends with the process, however that ends; the file beside it only tells
who holds it. Reading a run takes no lock.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alambique.errors import RunFolderError

if sys.platform != "win32":
    import fcntl

LOCK = ".lock"
_NO_LINK = 0 if sys.platform == "win32" else os.O_NOFOLLOW


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Have the folder for oneself while the block runs. Where the system or file system has no locks, nothing is locked.

    Raises:
        RunFolderError: another process has it; the message says which, where and since when.
        OSError: the folder cannot be written.
    """
    path = folder / LOCK
    descriptor = _take(path)
    try:
        os.ftruncate(descriptor, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _take(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
        try:
            if sys.platform == "win32" or _locked(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _locked(descriptor: int, path: Path) -> bool:
    """Lock the open file; False if it was taken away by its last holder in the meantime."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunFolderError(
            f"{path.parent} is in use by {_holder(descriptor)}. Wait until it is done, stop it, or choose another folder "
            "with --out."
        ) from error
    except OSError:  # a file system without locks
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    try:
        told = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {told['pid']} on {told['host']} since {told['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which has just begun"
