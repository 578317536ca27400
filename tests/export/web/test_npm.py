import os
import stat
from dataclasses import replace

import pytest
from web_host import tarball

from alambique.export.web.npm import PATIENCE, NpmError, Package, cache_folder, fetch, take

CONTENT = {"package/dist/a.js": b"the right one", "package/package.json": b"{}"}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that is pinned here, and stands on the registry that the npm below asks."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "registry").mkdir()
    pinned = Package("@owner/small", "1.2.3", "", "MIT")
    return replace(pinned, integrity=tarball(tmp_path / "registry" / pinned.tarball, CONTENT))


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """An npm that does what a line of shell says, and writes down how it was called."""

    def install(line):
        path = tmp_path / "bin" / "npm"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f'#!/bin/sh\necho "$PWD $@" >> {tmp_path}/asked\nregistry={tmp_path}/registry\n{line}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")

    return install


@pytest.fixture
def no_npm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))


def refused(package):
    with pytest.raises(NpmError) as error:
        fetch(package)
    assert error.value.exit_status == 2
    return str(error.value)


def left():
    return sorted(path.name for path in cache_folder().iterdir())


def test_it_is_fetched_once_and_then_used_without_npm(package, npm, tmp_path, monkeypatch):
    npm('cp "$registry/owner-small-1.2.3.tgz" .')
    kept = fetch(package)
    assert kept == tmp_path / "cache" / "alambique" / "npm" / "owner-small-1.2.3.tgz"
    folder, *asked = (tmp_path / "asked").read_text().split()
    assert asked == [
        "pack", "@owner/small@1.2.3", "--ignore-scripts", "--pack-destination", folder, "--loglevel", "error",
    ]  # fmt: skip
    assert left() == ["owner-small-1.2.3.tgz"]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fetch(package) == kept


def test_without_npm(package, no_npm, tmp_path):
    assert refused(package) == (
        "The web export needs npm once, to fetch @owner/small@1.2.3, and there is none. Install Node.js, or run "
        "`npm pack @owner/small@1.2.3` where there is npm and put owner-small-1.2.3.tgz into "
        f"{tmp_path}/cache/alambique/npm."
    )
    assert not (tmp_path / "cache").exists()


def test_a_tarball_put_there_by_hand_is_used(package, no_npm, tmp_path):
    cache_folder().mkdir(parents=True)
    (tmp_path / "registry" / package.tarball).rename(cache_folder() / package.tarball)
    assert fetch(package) == cache_folder() / package.tarball


def test_one_that_was_changed_in_the_cache_is_fetched_again_or_refused(package, npm, tmp_path, monkeypatch):
    npm('cp "$registry/owner-small-1.2.3.tgz" .')
    kept = fetch(package)
    right = kept.read_bytes()
    kept.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert fetch(package).read_bytes() == right
    assert len((tmp_path / "asked").read_text().splitlines()) == 2

    kept.write_bytes(b"another")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert refused(package).startswith("The web export needs npm once, to fetch @owner/small@1.2.3, and there is none.")


def test_another_package_under_the_same_version_is_not_used(package, npm, tmp_path):
    found = tarball(tmp_path / "registry" / package.tarball, {"package/dist/a.js": b"another"})
    npm('cp "$registry/owner-small-1.2.3.tgz" .')
    assert refused(package) == (
        "npm gave another @owner/small@1.2.3 than the one this version of Alambique is pinned to (its hash is "
        f"{found[:19]}…, not {package.integrity[:19]}…), so it is not used. Check the registry that npm asks."
    )
    assert left() == []


def test_what_npm_said_is_told_without_its_log_file(package, npm):
    npm(
        'echo "npm error code ENOTFOUND" >&2\necho "npm error no such host" >&2\n'
        'echo "npm error A complete log of this run can be found in: /somewhere" >&2\nexit 1'
    )
    assert refused(package) == (
        "npm pack @owner/small@1.2.3 failed; connect to the network and run again. npm said: npm error code ENOTFOUND npm "
        "error no such host"
    )
    assert left() == []


def test_an_npm_that_makes_nothing_or_hangs(package, npm, monkeypatch):
    npm("true")
    assert refused(package) == "npm pack @owner/small@1.2.3 made no owner-small-1.2.3.tgz."
    monkeypatch.setattr("alambique.export.web.npm.PATIENCE", 0.2)
    npm("exec sleep 20")
    assert refused(package) == (
        "npm pack @owner/small@1.2.3 took more than 0.2 seconds. Try again with a better network."
    )
    assert PATIENCE == 300
    assert left() == []


def test_a_cache_that_cannot_be_written(package, npm, tmp_path, monkeypatch):
    npm("true")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert refused(package) == (
        f"{tmp_path}/file/alambique/npm, where npm packages are kept, cannot be written: Not a directory. Set "
        "XDG_CACHE_HOME to a folder that can."
    )


def test_nothing_but_what_was_named_is_taken_out(tmp_path):
    path, target = tmp_path / "evil.tgz", tmp_path / "out"
    target.mkdir()
    tarball(path, {**CONTENT, "../../escaped": b"x", f"{tmp_path}/absolute": b"x", "package/../../up": b"x"})
    take(path, {"dist/a.js": target / "b.js"})
    assert {one.name: one.read_bytes() for one in target.iterdir()} == {"b.js": b"the right one"}
    assert sorted(one.name for one in tmp_path.iterdir()) == ["evil.tgz", "out"]
    with pytest.raises(NpmError) as error:
        take(path, {"dist/c.js": target / "c.js"})
    assert str(error.value) == "evil.tgz has no file dist/c.js."
    assert [one.name for one in target.iterdir()] == ["b.js"]
