"""A lock on a run folder: one process at a time writes there.

The lock is the system's own, taken by ``filelock`` on a file that also says who holds it; it ends with the process, however
that ends. Reading a run takes no lock.
"""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import lock_descriptor

from alambique.errors import RunFolderError

LOCK = ".lock"
_NO_LINK = 0 if sys.platform == "win32" else os.O_NOFOLLOW


@contextmanager
def hold(folder: Path, *, option: str = "--out") -> Iterator[None]:
    """Lock the folder while the block runs. Where the system or file system has no locks, nothing is locked.

    Args:
        folder: an existing one.
        option: of the command line, by which another folder is chosen.

    Raises:
        RunFolderError: another process has it; the message says which, where and since when.
        OSError: the folder cannot be written.
    """
    path = folder / LOCK
    descriptor = _take(path, option)
    try:
        os.ftruncate(descriptor, 0)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        os.write(descriptor, json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}).encode())
        yield
    finally:
        if sys.platform == "win32":  # which removes no file that is open, here or in another process
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
        else:  # removed while it is locked, or else the next process's lock would be
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _take(path: Path, option: str) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK, 0o644)
        try:
            if _locked(descriptor, path, option):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _locked(descriptor: int, path: Path, option: str) -> bool:
    """Lock the open file; False if its last holder has removed it in the meantime."""
    try:
        free = lock_descriptor(descriptor, blocking=False)
    except OSError:  # a file system without locks
        return True
    if not free:
        raise RunFolderError(
            f"{path.parent} is in use by {_holder(descriptor)}. Wait until it is done, stop it, or choose another folder "
            f"with {option}."
        )
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    try:
        os.lseek(descriptor, 1, os.SEEK_SET)  # Windows lets nobody read the byte that is locked, the first
        facts = json.loads(b"{" + os.read(descriptor, 4096))
        return f"process {facts['pid']} on {facts['host']} since {facts['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which has just begun"
