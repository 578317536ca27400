"""npm packages at a pinned version: taken once with npm, kept in the user's cache, never used unless their hash is right."""

import base64
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alambique.errors import UserInputError

PATIENCE = 300  # seconds for a download


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
        """The name that ``npm pack`` gives its file."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"


class NpmError(UserInputError):
    """A package cannot be had, or is not what it should be."""


def cache_folder() -> Path:
    """Where packages are kept."""
    above = os.environ.get("XDG_CACHE_HOME")
    return (Path(above) if above else Path.home() / ".cache") / "alambique" / "npm"


def fetch(package: Package) -> Path:
    """The package's tarball, from the cache or else with npm.

    Raises:
        NpmError: npm is missing or fails, or the tarball has another hash.
    """
    kept = cache_folder() / package.tarball
    if kept.is_file() and integrity(kept) == package.integrity:
        return kept
    wanted = f"{package.name}@{package.version}"
    npm = shutil.which("npm")
    if npm is None:
        raise NpmError(
            f"The web export needs npm once, to fetch {wanted}, and there is none. Install Node.js, or run "
            f"`npm pack {wanted}` where there is npm and put {package.tarball} into {kept.parent}."
        )
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            _pack(npm, wanted, folder)
            _checked(Path(folder) / package.tarball, package, wanted).replace(kept)
    except OSError as error:
        raise NpmError(
            f"{kept.parent}, where npm packages are kept, cannot be written: {error.strerror}. Set XDG_CACHE_HOME to "
            "a folder that can."
        ) from error
    return kept


def _checked(fetched: Path, package: Package, wanted: str) -> Path:
    if not fetched.is_file():
        raise NpmError(f"npm pack {wanted} made no {package.tarball}.")
    found = integrity(fetched)
    if found != package.integrity:
        raise NpmError(
            f"npm gave another {wanted} than the one this version of Alambique is pinned to (its hash is {found[:19]}…, not "
            f"{package.integrity[:19]}…), so it is not used. Check the registry that npm asks."
        )
    return fetched


def _pack(npm: str, wanted: str, folder: str) -> None:
    command = [npm, "pack", wanted, "--ignore-scripts", "--pack-destination", folder, "--loglevel", "error"]
    try:
        done = subprocess.run(  # noqa: S603 - constants of this module
            command, capture_output=True, encoding="utf-8", errors="replace", timeout=PATIENCE, cwd=folder, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise NpmError(
            f"npm pack {wanted} took more than {PATIENCE} seconds. Try again with a better network."
        ) from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "A complete log of this run" not in line and line.strip()]
        raise NpmError(
            f"npm pack {wanted} failed; connect to the network and run again. npm said: {' '.join(lines)[:300]}"
        )


def integrity(path: Path) -> str:
    """SHA-512 of a file as npm writes it."""
    with path.open("rb") as stream:
        return "sha512-" + base64.b64encode(hashlib.file_digest(stream, "sha512").digest()).decode()


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
