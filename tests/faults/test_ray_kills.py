"""`alambique predict --engine ray` while its processes are killed at drawn moments: nothing lost, twice or half-written.

Killed are the command alone, the command with Ray's processes, a worker, and the raylet, without which Ray is lost; some
attempts are made with the other engine. Part of the campaign:  pytest tests/faults -m slow [--faults-seconds 240]
"""

import os
import shutil
import signal
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from campaign import reported
from processes import Slice

from alambique.batch_prediction.layout import MANIFEST, MARK
from conftest import rows, write_jsonl

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
KILLS, LONGEST, SHARDS, SHARD_ROWS = 50, 10.0, 60, 1500
LOOK = 0.05  # seconds between looks at what is there
COMMAND, GROUP, WORKER, RAYLET, LOCAL = "command", "command and Ray", "worker", "raylet", "command of the other engine"
DRAWN = (COMMAND, GROUP, WORKER, WORKER, RAYLET, LOCAL)
UNBORN = "alambique: Ray does not start on this machine: "
LOST = "alambique: Ray has ended on this machine. What is finished is kept: the same command goes on from there."


def family(process):
    """The processes that a command has started, by what they are called; none where it has ended."""
    found = defaultdict(list)
    try:
        for child in psutil.Process(process.process.pid).children(recursive=True):
            name = (child.cmdline() or [""])[0]
            found[WORKER if name.startswith("ray::_Actor") else Path(name).name].append(child)
    except psutil.NoSuchProcess:
        return defaultdict(list)
    return found


class Watch:
    """Looks at a folder of predictions again and again: a file that has its name is whole, and is never another one."""

    def __init__(self, out):
        self.out, self.seen = out, defaultdict(set)

    def look(self):
        for path in self.out.glob("part-*.parquet"):
            told = path.stat()
            if (told.st_ino, told.st_mtime_ns) not in self.seen[path.name]:
                assert pq.read_metadata(path).num_rows == SHARD_ROWS
                self.seen[path.name].add((told.st_ino, told.st_mtime_ns))

    def until(self, ends):
        while not ends():
            self.look()
            time.sleep(LOOK)
        self.look()


@pytest.fixture
def short(monkeypatch):
    """A folder for temporary files of which nobody else takes any."""
    folder = Path(tempfile.mkdtemp(prefix="rk", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def test_kills_at_drawn_moments(exported, campaign, request, short, tmp_path):
    write_jsonl(tmp_path / "in.jsonl", [{**row, "id": n} for n, row in enumerate(rows(SHARDS * SHARD_ROWS, 9))])

    def begin(out, engine):
        options = ("--prefix", "p_", "--shard-rows", SHARD_ROWS, "--model", "onnx", "--engine", engine)
        workers = ("--workers", 2) if engine == "ray" else ()
        given = ("--input", tmp_path / "in.jsonl", "--output", out)
        return Slice(["predict", exported[0], *given, *options, *workers], tmp_path / "said")

    calm = begin(tmp_path / "calm", "local")
    assert calm.wait() == 0, calm.err()
    reference = {path.name: path.read_bytes() for path in (tmp_path / "calm").iterdir()}
    assert len(reference) == SHARDS + 2
    left, chance = campaign.clock(0.1), campaign.chance("ray kills")
    kills, silent, runs = Counter(), Counter(), 0
    with reported(request, "ray kills") as figures:
        while kills.total() < KILLS and (left() or not runs):
            watch, done = Watch(tmp_path / f"out{runs}"), False
            while not done:
                target = chance.choice(DRAWN) if kills.total() < KILLS and left() else None
                one = begin(watch.out, "local" if target == LOCAL else "ray")
                alive = lambda one=one: one.status is not None  # noqa: E731
                if target is not None:
                    strike(one, target, watch, kills, chance)
                watch.until(alive)
                done = one.wait() == 0
                if target == RAYLET and not done:
                    said = one.messages()
                    assert said in ([], [LOST]) or said[0].startswith(UNBORN), one.err()
                    silent[one.status] += not said  # while it registers, Ray's C++ ends a process of itself
                else:
                    assert done or (one.status, one.messages()) == (-signal.SIGKILL, []), one.err()
                assert not done or (watch.out / MANIFEST).is_file()
            runs += 1
            assert {path.name: path.read_bytes() for path in watch.out.iterdir()} == reference
            assert {name: len(files) for name, files in watch.seen.items() if len(files) != 1} == {}
            assert set(watch.seen) == set(reference) - {MARK, MANIFEST}
            figures |= {
                "kills": kills.total(),
                **kills,
                "folders, all the same": runs,
                "of them without a message": dict(silent),
            }
    undisturbed = begin(tmp_path / "undisturbed", "ray")
    assert undisturbed.wait() == 0, undisturbed.err()
    assert undisturbed.messages() == []
    assert {path.name: path.read_bytes() for path in (tmp_path / "undisturbed").iterdir()} == reference
    left = {path.name: [child.name for child in path.iterdir()] for path in short.glob("alambique-ray-*")}
    assert len(left) <= 1, (
        left
    )  # a later one removed those of the killed, but for what a process writes at its very end


def strike(one, target, watch, kills, chance):
    """Kill at a drawn moment, counted from when Ray starts, or from when its workers are there."""
    since = WORKER if target == WORKER else chance.choice(("raylet", WORKER))
    before = time.monotonic() + (0 if target == LOCAL else 60)
    watch.until(lambda: one.status is not None or family(one)[since] or time.monotonic() > before)
    moment = time.monotonic() + chance.uniform(0, LONGEST)
    watch.until(lambda: one.status is not None or time.monotonic() > moment)
    there = family(one)
    if one.status is not None or (target in (WORKER, RAYLET) and not there[target]):
        return
    kills[target] += 1
    if target in (WORKER, RAYLET):
        chance.choice(there[target]).kill()
        return
    if target == GROUP:
        one.send(signal.SIGKILL)
    os.kill(one.process.pid, signal.SIGKILL)
    others = [each for name in (WORKER, "raylet", "gcs_server") for each in there[name]]
    assert psutil.wait_procs(others, timeout=20)[1] == []
