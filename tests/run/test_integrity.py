import errno
import os

import pytest

from alambique.run.integrity import digest_of, escapes, file_hash, read_json, sync, write_text


@pytest.mark.parametrize(
    ("name", "outside"),
    [
        ("model.safetensors", False),
        ("folder/model.safetensors", False),
        ("..model", False),
        ("", True),
        (".", True),
        ("..", True),
        ("folder/../../secret", True),
        ("/etc/passwd", True),
        ("C:\\secret", True),
        ("\\\\host\\share", True),
        ("link", True),
        ("linked/model.safetensors", True),
    ],
)
def test_names_that_lead_out_of_their_folder(tmp_path, name, outside):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "linked").symlink_to(tmp_path)
    assert escapes(tmp_path, name) == outside


def test_the_hash_of_a_file_is_sha256(tmp_path):
    (tmp_path / "abc").write_bytes(b"abc")  # the first example of FIPS 180-4
    assert file_hash(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_the_digest_of_values_does_not_depend_on_the_order_of_keys():
    # SHA-256 of {}, and of {"a": 1, "b": [2, null]}: keys in manifests of older runs hold such digests
    assert digest_of({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert digest_of({"a": 1, "b": [2, None]}) == digest_of({"b": (2, None), "a": 1})
    assert digest_of({"a": 1}) != digest_of({"a": "1"})


@pytest.mark.parametrize("content", [None, b"{", b"\xff", b""])
def test_json_that_cannot_be_read_is_none(tmp_path, content):
    if content is not None:
        (tmp_path / "x.json").write_bytes(content)
    assert read_json(tmp_path / "x.json") is None


def test_json_is_read(tmp_path):
    (tmp_path / "x.json").write_text('{"a": [1, null]}')
    assert read_json(tmp_path / "x.json") == {"a": [1, None]}


def test_a_text_takes_the_place_of_another(tmp_path):
    path = tmp_path / "report.json"
    path.write_text("old")
    write_text(path, "né\n")
    assert path.read_bytes() == "né\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("step", ["replace", "fsync"])
def test_a_text_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch, step):
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace" if step == "replace" else "os.fsync", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_text_is_not_written_through_a_link(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / ".report.json.part").symlink_to(tmp_path / "mine")
    write_text(tmp_path / "report.json", "new")
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "report.json").is_symlink()
    assert (tmp_path / "report.json").read_text() == "new"


@pytest.mark.parametrize(("code", "raised"), [(errno.EINVAL, False), (errno.EBADF, False), (errno.EIO, True)])
def test_file_systems_that_do_not_sync_folders(tmp_path, monkeypatch, code, raised):
    closed = []
    monkeypatch.setattr("os.close", closed.append)
    opened = os.open(tmp_path, os.O_RDONLY)
    monkeypatch.setattr("os.open", lambda *_: opened)

    def refuse(descriptor):
        raise OSError(code, "x")

    monkeypatch.setattr("os.fsync", refuse)
    if raised:
        with pytest.raises(OSError, match="x"):
            sync(tmp_path)
    else:
        sync(tmp_path)
    assert closed == [opened]
    monkeypatch.undo()
    os.close(opened)


def test_systems_that_do_not_open_folders(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr("os.open", refuse)
    monkeypatch.setattr("os.fsync", lambda _: pytest.fail("nothing was opened"))
    sync(tmp_path)
