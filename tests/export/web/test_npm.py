import os
from dataclasses import replace

import pytest
from web_host import hosted, tarball

from alambique.export.web import npm
from alambique.export.web.npm import NpmError, Package, cache_folder, fetch, take

CONTENT = {"package/dist/a.js": b"the right one", "package/package.json": b"{}"}
PLACE = "@owner/small/-/small-1.2.3.tgz"


@pytest.fixture(autouse=True)
def _settings_of_nobody(tmp_path, monkeypatch):
    """No npm, no settings of it, no proxies, and a cache that is empty."""
    for name in list(os.environ):
        if name.lower().startswith("npm_config_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def package(tmp_path):
    """A package that is pinned here, and lies in the folder of a registry."""
    pinned = Package("@owner/small", "1.2.3", "", "MIT")
    (tmp_path / "registry" / PLACE).parent.mkdir(parents=True)
    return replace(pinned, integrity=tarball(tmp_path / "registry" / PLACE, CONTENT))


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry on this machine, which npm's settings name; gives its address."""
    (tmp_path / "registry").mkdir(exist_ok=True)
    with hosted(tmp_path / "registry") as address:
        monkeypatch.setenv("npm_config_registry", address)
        yield address.rstrip("/")


def refused(package):
    with pytest.raises(NpmError) as error:
        fetch(package)
    assert error.value.exit_status == 2
    return str(error.value)


def left():
    return sorted(path.name for path in cache_folder().iterdir())


def test_it_is_fetched_once_and_then_used_without_a_network(package, registry, tmp_path, monkeypatch, capfd):
    kept = fetch(package)
    assert kept == tmp_path / "cache" / "alambique" / "npm" / "owner-small-1.2.3.tgz"
    assert kept.read_bytes() == (tmp_path / "registry" / PLACE).read_bytes()
    assert left() == ["owner-small-1.2.3.tgz"]
    assert capfd.readouterr() == ("", "")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    assert fetch(package) == kept


def test_without_a_network(package, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    assert refused(package) == (
        f"The web export needs @owner/small@1.2.3 once, and it cannot be fetched from http://127.0.0.1:9/{PLACE}: "
        "Connection refused (ConnectionError). Connect to the network, or name another registry in npm_config_registry, or "
        f"download that file elsewhere and put it into {cache_folder()} as owner-small-1.2.3.tgz."
    )
    assert left() == []


def test_a_proxy_that_is_not_there(package, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert (
        f"cannot be fetched from https://registry.npmjs.org/{PLACE}: Connection refused (ProxyError). Connect to the network"
    ) in refused(package)


def test_a_tarball_put_there_by_hand_is_used(package, monkeypatch, tmp_path):
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    cache_folder().mkdir(parents=True)
    (tmp_path / "registry" / PLACE).rename(cache_folder() / package.tarball)
    assert fetch(package) == cache_folder() / package.tarball


def test_one_that_was_changed_in_the_cache_is_fetched_again_or_refused(package, registry, monkeypatch):
    kept = fetch(package)
    right = kept.read_bytes()
    kept.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    assert fetch(package).read_bytes() == right

    kept.write_bytes(b"another")
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9")
    assert refused(package).startswith("The web export needs @owner/small@1.2.3 once, and it cannot be fetched from ")
    assert kept.read_bytes() == b"another"


def test_another_package_under_the_same_version_is_not_used(package, registry, tmp_path):
    tarball(tmp_path / "registry" / PLACE, {"package/dist/a.js": b"another"})
    assert refused(package) == (
        f"{registry}/{PLACE} is not the @owner/small@1.2.3 that this version of Alambique is pinned to (its SHA-512 is not "
        f"{package.integrity[7:19]}…), so it is not used. Check the registry that npm_config_registry or .npmrc names."
    )
    assert left() == []


def test_a_registry_that_lacks_it(package, registry, tmp_path):
    (tmp_path / "registry" / PLACE).unlink()
    assert refused(package) == (
        f"The web export needs @owner/small@1.2.3 once, and it cannot be fetched from {registry}/{PLACE}: the answer is 404 "
        "File not found. Connect to the network, or name another registry in npm_config_registry, or download that file "
        f"elsewhere and put it into {cache_folder()} as owner-small-1.2.3.tgz."
    )
    assert left() == []


def test_a_registry_that_says_nothing(package, monkeypatch):
    import socket

    monkeypatch.setattr(npm, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert ": timed out (ReadTimeout). Connect to the network, or" in refused(package)
    assert left() == []


def test_an_answer_that_breaks_off_is_not_kept(package, monkeypatch):
    import socket
    import threading

    def half(server):
        connection, _ = server.accept()
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=half, args=(server,), daemon=True).start()
        monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.getsockname()[1]}")
        assert ": IncompleteRead(4 bytes read, 996 more expected) (ChunkedEncodingError). Connect to" in refused(
            package
        )
    assert left() == []


def test_the_registry_is_looked_up_as_npm_does(package, tmp_path, monkeypatch):
    npmrc = tmp_path / "home" / ".npmrc"
    plain = replace(package, name="small")
    assert package.url == f"https://registry.npmjs.org/{PLACE}"
    assert plain.url == "https://registry.npmjs.org/small/-/small-1.2.3.tgz"
    npmrc.write_text("; mine\n#registry=https://commented\nregistry = 'https://mirror/npm/'\nfund=false\nstray\n")
    assert package.url == f"https://mirror/npm/{PLACE}"
    npmrc.write_text("registry=https://mirror/npm/\n@owner:registry=https://owner\n")
    assert (package.url, plain.url) == (f"https://owner/{PLACE}", "https://mirror/npm/small/-/small-1.2.3.tgz")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", "https://other")
    assert plain.url == "https://other/small/-/small-1.2.3.tgz"
    monkeypatch.delenv("NPM_CONFIG_REGISTRY")
    (tmp_path / "theirs").write_text("registry=https://theirs")
    monkeypatch.setenv("npm_config_userconfig", str(tmp_path / "theirs"))
    assert package.url == f"https://theirs/{PLACE}"


def test_a_registry_that_is_no_address_and_a_password_that_is_not_shown(package, monkeypatch):
    monkeypatch.setenv("npm_config_registry", "mirror")
    assert f"cannot be fetched from mirror/{PLACE}: Invalid URL 'mirror/{PLACE}': No scheme supplied." in refused(
        package
    )
    monkeypatch.setenv("npm_config_registry", "ftp://me:secret@127.0.0.1")
    said = refused(package)
    assert f"cannot be fetched from ftp://127.0.0.1/{PLACE}: No connection adapters were found for" in said
    assert "secret" not in said


def test_a_cache_that_cannot_be_written(package, registry, tmp_path, monkeypatch):
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
    assert sorted(one.name for one in tmp_path.iterdir()) == ["evil.tgz", "home", "out"]
    with pytest.raises(NpmError) as error:
        take(path, {"dist/c.js": target / "c.js"})
    assert str(error.value) == "evil.tgz has no file dist/c.js."
    assert [one.name for one in target.iterdir()] == ["b.js"]
