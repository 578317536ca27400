import json
import os
import signal
import subprocess
import sys
import time

import pytest

from alambique.errors import RunFolderError
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
