"""A Ray cluster for the time of one piece of work: the one that ``RAY_ADDRESS`` names, else a local one of its own.

A local Ray listens on this machine alone and asks for a token that nobody else has. Its folder is removed at the end; that
of a process that was killed is removed by the next one. What Ray would say on the terminal stays in its log files.
"""

import logging
import os
import secrets
import shutil
import socket
import stat
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from alambique.errors import ClusterError, UserInputError, first_line, missing_extra
from alambique.signals import install_handlers
from alambique.streams import silenced_libraries

ADDRESS = "RAY_ADDRESS"
_LOCAL, _AUTO = "local", "auto"  # Ray's own words for no cluster, and for the one that this machine is part of
_PREFIX = "alambique-ray-"
_LOCK = "alambique.lock"
_SETTLED = 60.0  # seconds after which a folder without a lock is nobody's
_LONGEST = 40  # characters of the folder's path: Ray makes sockets below it, whose paths have a limit
_OBJECT_STORE = (2**28, 2**33)  # bytes, the least and the most
_REACHED = 5.0  # seconds in which a connection is made
_SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0"}
_AUTH_MODE = "RAY_AUTH_MODE"  # which Ray sets to "token" by itself where it starts a cluster
_OF_A_CLUSTER = {"RAY_NUM_REDIS_GET_RETRIES": "5"}  # seconds, for what listens and is not Ray
_OF_THIS_MACHINE = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on any system: the node's address is 127.0.0.1
}


class RaySession:
    """A connection to Ray.

    Args:
        ray: the module.
        local: whether Ray was started for this session.
    """

    def __init__(self, ray: Any, *, local: bool) -> None:
        """Note where the processes listen without which nothing goes on."""
        self.ray, self.local = ray, local
        context = ray.get_runtime_context()
        here = next(node for node in ray.nodes() if node["NodeID"] == context.get_node_id())
        head, _, port = str(context.gcs_address).rpartition(":")
        self._needed = [(here["NodeManagerAddress"], here["NodeManagerPort"]), (head.strip("[]"), int(port))]

    def check(self) -> None:
        """Make sure that Ray's processes of this machine, and those that have the cluster, are there.

        Raises:
            ClusterError: they are not.
        """
        for host, port in self._needed:
            try:
                socket.create_connection((host, port), timeout=_REACHED).close()
            except OSError as error:
                where = "on this machine" if self.local else f"at {host}:{port}"
                raise ClusterError(
                    f"Ray has ended {where}. What is finished is kept: the same command goes on from there."
                ) from error

    def places(self, *, gpu: bool) -> int:
        """How many workers the cluster has room for now: one for each GPU, or each core where it has none.

        Args:
            gpu: whether workers gain by a GPU.
        """
        resources = self.ray.cluster_resources()
        return int((resources.get("GPU", 0) if gpu else 0) or resources.get("CPU", 0))

    def has_gpus(self) -> bool:
        """Whether a node of the cluster has a GPU."""
        return bool(self.ray.cluster_resources().get("GPU", 0))


def check_ray(option: str) -> None:
    """Refuse what needs Ray where it is not installed, or nobody answers at its address.

    Args:
        option: of the command or key of the recipe that asks for Ray, as messages call it.

    Raises:
        UserInputError: says what to install or to set.
    """
    if find_spec("ray") is None:
        raise missing_extra(option, "ray", "ray")
    address = _address()
    if address not in (None, _AUTO):
        _reach(str(address))


@contextmanager
def ray_session(cores: int, *, object_bytes: int) -> Iterator[RaySession]:
    """Connect to Ray while the block runs.

    Args:
        cores: of a local Ray.
        object_bytes: about how much a local Ray is given to hold at once.

    Raises:
        UserInputError: there is no cluster at the address.
        ClusterError: a local Ray does not start.
    """
    address = _address()
    with ExitStack() as held:
        held.enter_context(_environment(_SETTINGS | (_OF_A_CLUSTER if address else _OF_THIS_MACHINE | _token())))
        held.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        held.enter_context(silenced_libraries())
        import ray  # noqa: PLC0415 - it reads the environment when it is imported, and is an extra

        logging.getLogger("ray").setLevel(logging.CRITICAL)
        if ray.is_initialized():  # by whoever calls this from Python
            yield RaySession(ray, local=False)
            return
        held.callback(install_handlers)
        held.callback(_shut_down, ray)
        common = {"log_to_driver": False, "logging_level": logging.CRITICAL, "include_dashboard": False}
        try:
            if address is None:
                place = held.enter_context(_folder())
                held.callback(_shut_down, ray)  # before the folder goes
                session = _start(ray, cores, object_bytes, place, common)
            else:
                session = _connect(ray, address, common)
        except SystemExit as error:  # Ray's handler of SIGTERM
            raise KeyboardInterrupt from error
        install_handlers()  # Ray has put its own in their place
        yield session


def _start(ray: Any, cores: int, object_bytes: int, place: Path, common: dict[str, Any]) -> RaySession:
    least, most = _OBJECT_STORE
    try:
        ray.init(
            address=_LOCAL, num_cpus=cores, object_store_memory=min(max(least, object_bytes), most),
            _temp_dir=str(place), **common,
        )  # fmt: skip
        return RaySession(ray, local=True)
    except Exception as error:  # Ray raises it as such
        raise ClusterError(f"Ray does not start on this machine: {first_line(error)}") from error


def _connect(ray: Any, address: str, common: dict[str, Any]) -> RaySession:
    del common["include_dashboard"]
    try:
        ray.init(address=address, **common)
        return RaySession(ray, local=False)
    except Exception as error:
        raise UserInputError(
            f"{ADDRESS}={address}: the cluster cannot be joined ({first_line(error)}). Give the command on a machine of "
            "the cluster (ray start --address), with the same versions of Python and Ray, and with RAY_AUTH_MODE=token "
            "where the cluster asks for a token."
        ) from error


def _reach(address: str) -> None:
    host, port = _parts(address)
    try:
        socket.create_connection((host, port), timeout=_REACHED).close()
    except OSError as error:
        raise UserInputError(
            f"{ADDRESS}={address}: no Ray cluster answers there ({error.strerror or first_line(error)}). Start one with "
            f"ray start --head, or unset {ADDRESS} to use this machine alone."
        ) from error


def _address() -> str | None:
    address = os.environ.get(ADDRESS, "").strip()
    return None if address in {"", _LOCAL} else address


def _parts(address: str) -> tuple[str, int]:
    if address.startswith("ray://"):
        raise UserInputError(
            f"{ADDRESS}={address}: Ray's client is not supported. Give the command on a machine of the cluster, with "
            f"{ADDRESS}=auto."
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or int(port) >= 2**16:
        raise UserInputError(f"{ADDRESS}={address}: an address is HOST:PORT, or auto.")
    return host.strip("[]"), int(port)


def _token() -> dict[str, str]:
    return {"RAY_AUTH_TOKEN": secrets.token_hex(32)}


@contextmanager
def _environment(wanted: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in (*wanted, _AUTH_MODE)}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _shut_down(ray: Any) -> None:
    with suppress(Exception):  # of a cluster that is lost
        ray.shutdown()


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder for Ray's files, locked while it is used; those whose process was killed are removed."""
    above = Path(tempfile.gettempdir())
    if len(str(above)) + len(_PREFIX) + 9 > _LONGEST and sys.platform != "win32":
        above = Path("/tmp")  # noqa: S108 - the folder in it is made for this user alone
    place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
    with FileLock(place / _LOCK):
        _remove_left(place)
        try:
            yield place
        finally:
            _remove(place)


def _remove_left(place: Path) -> None:
    """Remove the folders beside this one that belong to the same user and to no process any more."""
    mine = place.stat().st_uid
    for left in place.parent.glob(f"{_PREFIX}*"):
        with suppress(OSError, Timeout):
            told = left.lstat()
            if left == place or told.st_uid != mine or not stat.S_ISDIR(told.st_mode):
                continue
            if (left / _LOCK).is_file():
                with FileLock(left / _LOCK, timeout=0):
                    _remove(left)
            elif time.time() - told.st_mtime > _SETTLED:
                shutil.rmtree(left, ignore_errors=True)


def _remove(folder: Path) -> None:
    """Remove a folder; the lock last, so that the next process sees what a process of Ray that is ending put there since."""
    for child in folder.iterdir():
        if child.name != _LOCK:
            shutil.rmtree(child, ignore_errors=True) if child.is_dir() and not child.is_symlink() else child.unlink()
    if [child.name for child in folder.iterdir()] == [_LOCK]:
        shutil.rmtree(folder, ignore_errors=True)
