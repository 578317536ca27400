"""npm packages at a pinned version: fetched once from the registry, cached, and never used unless their hash is right."""

import base64
import logging
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from alambique.errors import UserInputError, first_line

if TYPE_CHECKING:
    from requests import RequestException

REGISTRY = "https://registry.npmjs.org"
PATIENCE = 60  # seconds without a byte
_CHUNK = 2**20  # bytes


@dataclass(frozen=True)
class Package:
    """One version of a package.

    Attributes:
        name: on the registry.
        version: exactly.
        integrity: SHA-512 of its tarball, as the registry and lock files write it.
        licence: SPDX.
    """

    name: str
    version: str
    integrity: str
    licence: str

    @property
    def tarball(self) -> str:
        """The tarball's name in the cache, which is also the name that ``npm pack`` gives it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    @property
    def url(self) -> str:
        """The tarball's address on the registry that the user's npm settings name for this package."""
        registry = _registry(self.name.partition("/")[0])
        return f"{registry}/{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"


class NpmError(UserInputError):
    """A package cannot be had, or is not what it should be."""


def cache_folder() -> Path:
    """Return the folder in which packages are kept."""
    above = os.environ.get("XDG_CACHE_HOME")
    return (Path(above) if above else Path.home() / ".cache") / "alambique" / "npm"


def fetch(package: Package) -> Path:
    """Return the package's tarball, from the cache or else from the registry. Node.js is not needed.

    Proxies and certificates are those of ``HTTPS_PROXY`` and ``REQUESTS_CA_BUNDLE``, as requests has them.

    Raises:
        NpmError: it cannot be downloaded or stored, or has another hash.
    """
    import pooch  # noqa: PLC0415 - slow, and only this command downloads
    from requests import RequestException  # noqa: PLC0415

    digest = base64.b64decode(package.integrity.removeprefix("sha512-")).hex()
    url = package.url
    identity = {"Accept-Encoding": "identity"}  # the hash is of the bytes as they are stored
    downloader = pooch.HTTPDownloader(chunk_size=_CHUNK, timeout=PATIENCE, headers=identity)
    try:
        with _without_log(pooch.get_logger()):
            return Path(
                pooch.retrieve(url, f"sha512:{digest}", package.tarball, path=cache_folder(), downloader=downloader)
            )
    except RequestException as error:
        raise NpmError(
            f"The web export needs {package.name}@{package.version} once, and it cannot be fetched from {_shown(url)}: "
            f"{_reason(error, url)}. Connect to the network, or name another registry in npm_config_registry, or download "
            f"that file elsewhere and put it into {cache_folder()} as {package.tarball}."
        ) from error
    except ValueError as error:  # pooch's, where the hash differs
        raise NpmError(
            f"{_shown(url)} is not the {package.name}@{package.version} that this version of Alambique is pinned to (its "
            f"SHA-512 is not {package.integrity.removeprefix('sha512-')[:12]}…), so it is not used. Check the registry that "
            "npm_config_registry or .npmrc names."
        ) from error
    except OSError as error:
        raise NpmError(
            f"{cache_folder()}, where npm packages are kept, cannot be written: {error.strerror or 'Permission denied'}. "
            "Set XDG_CACHE_HOME to a folder that can."
        ) from error


def _registry(scope: str) -> str:
    """Return the registry of a package's scope, as npm looks it up: the environment goes before ``.npmrc``."""
    environment = {
        name.lower().removeprefix("npm_config_"): value
        for name, value in os.environ.items()
        if name.lower().startswith("npm_config_") and value
    }
    settings = _npmrc(environment.get("userconfig")) | environment
    return (settings.get(f"{scope}:registry") or settings.get("registry") or REGISTRY).rstrip("/")


def _npmrc(path: str | None) -> dict[str, str]:
    """Return the keys of the user's ``.npmrc``; none where there is no such file."""
    lines: list[str] = []
    with suppress(OSError, RuntimeError):  # RuntimeError: there is no home
        file = Path(path) if path else Path.home() / ".npmrc"
        lines = file.read_text("utf-8", errors="replace").splitlines()
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith(("#", ";")))
    return {key.strip(): value.strip().strip("'\"") for key, equals, value in pairs if equals}


def _shown(url: str) -> str:
    """Return the address without a user name and password, for messages."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _reason(error: "RequestException", url: str) -> str:
    if error.response is not None:
        return f"the answer is {error.response.status_code} {error.response.reason}"
    root: BaseException = error
    while root.__context__ is not None:  # past the wrappers of urllib3, which say little at length
        root = root.__context__
    text = (root.strerror if isinstance(root, OSError) else None) or first_line(root)
    return f"{text.replace(url, _shown(url)).rstrip('.')} ({type(error).__name__})"


@contextmanager
def _without_log(logger: logging.Logger) -> Iterator[None]:
    """Silence a logger's progress notes in the block."""
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def take(tarball: Path, names: dict[str, Path]) -> None:
    """Write single files of a package, and nothing else of it: no name in the archive decides where anything goes.

    Args:
        tarball: of the package.
        names: from the name in the package to where it goes.

    Raises:
        NpmError: it has no such file.
    """
    with tarfile.open(tarball) as archive:
        for name, target in names.items():
            inside = f"package/{name}"
            member = archive.extractfile(inside) if inside in archive.getnames() else None
            if member is None:
                raise NpmError(f"{tarball.name} has no file {name}.")
            with member, target.open("wb") as stream:
                shutil.copyfileobj(member, stream)
