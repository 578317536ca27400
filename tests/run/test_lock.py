import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from filelock import lock_descriptor

from alambique.errors import RunFolderError
from alambique.run import lock
from alambique.run.lock import LOCK, hold

HOLDER = """
import sys, time, pathlib
from alambique.run.lock import hold
with hold(pathlib.Path(sys.argv[1])):
 time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that has the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)])
    deadline = time.monotonic() + 30
    while not ((tmp_path / LOCK).is_file() and (tmp_path / LOCK).stat().st_size):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield process
    process.kill()
    process.wait()


def test_a_second_process_is_told_who_has_the_folder(holder, tmp_path):
    told = json.loads((tmp_path / LOCK).read_text())
    assert told["pid"] == holder.pid
    with pytest.raises(RunFolderError) as refused, hold(tmp_path):
        pass
    assert str(refused.value) == (
        f"{tmp_path} is in use by process {holder.pid} on {told['host']} since {told['since']}. Wait until it is done, stop "
        "it, or choose another folder with --out."
    )
    assert (tmp_path / LOCK).is_file()


def test_the_message_names_the_option_of_the_command(holder, tmp_path):
    with pytest.raises(RunFolderError) as refused, hold(tmp_path, option="--output"):
        pass
    assert str(refused.value).endswith("stop it, or choose another folder with --output.")


def test_a_killed_process_has_it_no_longer(holder, tmp_path):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert (tmp_path / LOCK).is_file()
    with hold(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_is_a_link_is_not_written_through(tmp_path):
    (tmp_path / "mine").write_text("mine")
    (tmp_path / LOCK).symlink_to(tmp_path / "mine")
    with pytest.raises(OSError, match="symbolic links"), hold(tmp_path):
        pass
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_same_process_has_it_once(tmp_path):
    with hold(tmp_path):
        told = json.loads((tmp_path / LOCK).read_text())
        with pytest.raises(RunFolderError, match=f"is in use by process {os.getpid()} on "), hold(tmp_path):
            pass
        assert json.loads((tmp_path / LOCK).read_text()) == told
    assert list(tmp_path.iterdir()) == []


def test_a_holder_that_has_not_written_its_name_yet(tmp_path):
    descriptor = os.open(tmp_path / LOCK, os.O_RDWR | os.O_CREAT)
    assert lock_descriptor(descriptor, blocking=False)
    with pytest.raises(RunFolderError) as refused, hold(tmp_path):
        pass
    os.close(descriptor)
    assert str(refused.value).startswith(f"{tmp_path} is in use by another process, which has just begun. Wait until")


def test_a_file_that_its_last_holder_removes_is_not_mistaken_for_the_lock(tmp_path, monkeypatch):
    removed = []

    def first_removes(descriptor, *, blocking):
        if not removed:
            removed.append((tmp_path / LOCK).unlink())
        return lock_descriptor(descriptor, blocking=blocking)

    monkeypatch.setattr(lock, "lock_descriptor", first_removes)
    with hold(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert len(removed) == 1
    assert list(tmp_path.iterdir()) == []


def test_where_the_file_system_has_no_locks_nothing_is_locked(tmp_path, monkeypatch):
    def refuse(descriptor, *, blocking):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock, "lock_descriptor", refuse)
    with hold(tmp_path), hold(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []
