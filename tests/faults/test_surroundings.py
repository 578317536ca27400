"""What surrounds a run: a read-only disk, a second run in the folder, clocks, another place, too little memory."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from campaign import STAGES, distill, reported
from processes import Slice
from sameness import differences
from witness import Witness

from alambique.run.manifest import MANIFEST

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
YEAR = 365.25 * 86400


@pytest.fixture(scope="module")
def halfway(campaign):
    """A run that was killed when its student had two checkpoints; never to be written to."""
    reference, run = campaign.reference("plain"), campaign.folder / "halfway"
    shutil.copytree(reference, run)
    for stage in STAGES["plain"][STAGES["plain"].index("student") :]:
        shutil.rmtree(run / stage)
    one = Slice(distill("plain", run), campaign.folder / "said" / "halfway", forked=True)
    while len(list((run / ".work/student/scratch/checkpoints").glob("*/sealed.json"))) < 2:
        assert one.status is None, one.err()
        time.sleep(0.002)
    one.send(signal.SIGKILL)
    assert one.wait() == -signal.SIGKILL
    return run


@pytest.fixture
def half(halfway, tmp_path):
    """A copy of it."""
    return shutil.copytree(halfway, tmp_path / "half")


def go_on(run, place):
    """Finish a run; the checkpoints and stages it had are not made again."""
    witness = Witness(run)
    witness.look()
    before = set(witness.checkpoints)
    one = Slice(distill("plain", run), place, forked=True)
    while one.status is None:
        witness.look()
        time.sleep(0.005)
    assert (one.wait(), one.messages()) == (0, [])
    witness.look()
    assert witness.done_twice() == []
    newest = max((step for _, step in before), default=0)
    assert all(step > newest for stage, step in set(witness.checkpoints) - before if stage == "student")
    return one


def written(run):
    return {path.parent.relative_to(run).as_posix(): path.stat().st_mtime_ns for path in run.rglob(MANIFEST)}


@pytest.mark.parametrize("jump", ["all in the future", "all long ago", "the oldest last", "at random"])
def test_a_clock_that_jumped_between_two_attempts(campaign, half, tmp_path, jump):
    chance, paths = campaign.chance(jump), sorted(half.rglob("*"), key=lambda path: (path.stat().st_mtime_ns, path))
    now = time.time()
    for place, path in enumerate(paths):
        moment = {
            "all in the future": now + 70 * YEAR, "all long ago": 1.0, "the oldest last": now - place,
            "at random": chance.uniform(0, now + 10 * YEAR),
        }[jump]  # fmt: skip
        os.utime(path, (moment, moment))
    before = written(half)
    go_on(half, tmp_path / "said")
    assert differences(half, campaign.reference("plain"), rewrite=True) == []
    assert before.items() <= written(half).items()


def test_a_clock_that_jumps_meanwhile(campaign, tmp_path, run, monkeypatch):
    reference, folder, chance = campaign.reference("plain"), tmp_path / "run", campaign.chance("jumps")
    monkeypatch.setattr(time, "time", lambda: chance.uniform(0, 3 * 10**9))
    status, _, err = run(*distill("plain", folder))
    monkeypatch.undo()
    assert status == 0, err
    assert differences(folder, reference, rewrite=True) == []
    assert all(seconds >= 0 for seconds in json.loads((folder / "report.json").read_text())["timings"].values())


def test_a_half_finished_run_goes_on_in_another_place(campaign, half, tmp_path):
    (tmp_path / "other" / "place").mkdir(parents=True)
    half.rename(tmp_path / "other" / "place" / "run")
    go_on(tmp_path / "other" / "place" / "run", tmp_path / "said")
    assert differences(tmp_path / "other" / "place" / "run", campaign.reference("plain"), rewrite=True) == []


def test_a_finished_run_works_in_another_place_and_names_none(campaign, tmp_path, run):
    reference, moved = campaign.reference("exported"), tmp_path / "moved"
    naming = [
        path for path in reference.rglob("*") if path.is_file() and str(campaign.folder).encode() in path.read_bytes()
    ]
    assert naming == []
    shutil.copytree(reference, moved)
    before = written(moved)
    assert run(*distill("exported", moved))[0] == 0
    for command in (["predict", moved, "a claim"], ["evaluate", moved], ["report", moved]):
        assert run(*command)[0] == 0
    assert written(moved) == before
    assert differences(moved, reference, rewrite=True) == []


def test_a_second_run_in_the_folder_is_refused_and_the_first_goes_on(campaign, tmp_path):
    reference, folder = campaign.reference("plain"), tmp_path / "run"
    first = Slice(distill("plain", folder), tmp_path / "first", forked=True)
    while not (folder / ".work" / "teacher").exists():
        assert first.status is None, first.err()
        time.sleep(0.002)
    second = Slice(distill("plain", folder), tmp_path / "second", forked=True)
    status, told = second.wait(), second.err()
    assert first.status is None
    who = f"process {first.process.pid} on {socket.gethostname()}"
    wanted = (
        rf"alambique: {re.escape(str(folder))} is in use by {re.escape(who)} "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\. Wait until it is done, stop it, or choose another folder with --out\.\n"
    )
    assert status == 2
    assert re.fullmatch(wanted, told), told
    assert (first.wait(), first.messages()) == (0, [])
    assert differences(folder, reference, rewrite=True) == []


@pytest.fixture
def read_only(half, tmp_path):
    """A half-finished run, whose disk turned read-only."""
    mounts = (["mount", "--bind", half, half], ["mount", "-o", "remount,ro,bind", half])
    if any(subprocess.run(mount, capture_output=True, check=False).returncode for mount in mounts):
        subprocess.run(["umount", half], capture_output=True, check=False)  # noqa: S607
        pytest.skip("needs the right to mount")
    yield half
    subprocess.run(["umount", half], capture_output=True, check=False)  # noqa: S607


def test_a_run_that_turned_read_only(campaign, read_only, tmp_path):
    for out in (read_only, read_only / "below"):
        one = Slice(distill("plain", out), tmp_path / "said", forked=True)
        assert (one.wait(), one.err()) == (
            2, f"alambique: {out} cannot be written: Read-only file system. Choose another with --out.\n"
        )  # fmt: skip
    subprocess.run(["umount", read_only], check=True)  # noqa: S607
    go_on(read_only, tmp_path / "said")
    assert differences(read_only, campaign.reference("plain"), rewrite=True) == []


def test_too_little_memory(campaign, tmp_path, request):
    """An address space that is a drawn size beyond what the process has when it begins."""
    with reported(request, "memory") as figures:
        figures |= {"times too little": 0, "times enough": 0}
        for number in campaign.some(range(40), 0.04, "memory"):
            recipe = ("plain", "exported")[number % 2]
            folder, chance = tmp_path / f"run{number}", campaign.chance(f"memory {number}")
            memory = int(10 ** chance.uniform(5.5, 8.3))
            one = Slice(distill(recipe, folder), tmp_path / "said", forked=True, memory=memory)
            status, before = one.wait(), written(folder) if folder.exists() else {}
            if status:
                check_told(one, f"{recipe} with {memory} bytes")
            figures["times too little" if status else "times enough"] += 1
            again = Slice(distill(recipe, folder), tmp_path / "said", forked=True)
            assert (again.wait(), again.messages()) == (0, [])
            assert before.items() <= written(folder).items() | {
                (one, at) for one, at in before.items() if ".work" in one
            }
            assert differences(folder, campaign.reference(recipe), rewrite=True) == []
            shutil.rmtree(folder)


def check_told(one, case):
    assert one.status == 1, f"{case}: {one.status}: {one.err()}"
    assert len(one.messages()) == 1, f"{case}: {one.err()}"
    assert one.messages()[0].startswith("alambique: Memory ran out"), f"{case}: {one.err()}"
