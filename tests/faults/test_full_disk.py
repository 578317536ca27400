"""The disk fills in each stage in turn: one message, exit 1, what was done stays, and with room the same bytes in the end.

The run lies on a small tmpfs, done up to a stage. Ballast leaves it less than the files of that stage take, by a drawn
number of bytes; a training is also given up to six times as much, of which its checkpoints take the most. Then the ballast
goes and the same command finishes the run.
"""

import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest
from campaign import STAGES, distill, reported
from processes import Slice
from sameness import PAGES, differences

from alambique.run.layout import MODELS

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
SIZE = 64 * 2**20
PAGE = 4096
TIMES = 2  # with less than the stage's files take, and again with more in a training
BEGINNING, REPORT = "recipe.yaml", "report"
WAY_ON = "Make room and give the same command again; what is done is kept, and it goes on from there."


@pytest.fixture
def disk(tmp_path):
    """A small disk of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    if sys.platform != "linux":
        pytest.skip("needs a tmpfs, which only Linux has")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", place]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", place], check=True)  # noqa: S607


def fill(disk, left):
    """Ballast, until so many bytes are left, to the page."""
    found = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, found.f_bavail * found.f_frsize - max(left, PAGE) // PAGE * PAGE)
    return ballast


def done_up_to(stage, reference, run):
    """A copy of the reference as it was before that stage; how many bytes the stage's files take."""
    if stage == BEGINNING:
        return PAGE
    shutil.copytree(reference, run)
    sizes = {name: size_of(run / name) for name in STAGES["exported"]} | {
        REPORT: sum(map(size_of, map(run.joinpath, PAGES)))
    }
    order = STAGES["exported"]
    for name in order[order.index(stage) :] if stage in order else ():
        shutil.rmtree(run / name)
    for name in PAGES:
        (run / name).unlink()
    return sizes[stage]


def size_of(path):
    return path.stat().st_size if path.is_file() else sum(size_of(child) for child in path.iterdir())


def manifests(run):
    found = (path for path in run.rglob("manifest.json") if ".work" not in path.parts)
    return {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def test_the_disk_is_full_at_each_stage(campaign, disk, request, tmp_path):
    reference, run, where = campaign.reference("exported"), disk / "run", Counter()
    stages = [BEGINNING, *STAGES["exported"], REPORT]
    with reported(request, "full disk") as figures:
        for stage in campaign.some(stages, 0.08, "disk"):
            chance = campaign.chance(f"disk {stage}")
            need = done_up_to(stage, reference, run)
            rooms = [chance.randrange(need) for _ in range(TIMES)]
            rooms += [chance.randrange(need, 6 * need) for _ in range(TIMES) if stage in MODELS]
            for room in rooms:
                before = manifests(run)
                ballast = fill(disk, room)
                one = Slice(distill("exported", run), tmp_path / "said", forked=True)
                one.wait()
                ballast.unlink()
                assert before.items() <= manifests(run).items()
                if room < need or one.status:
                    check_told(one, run)
                    assert set(before) == set(manifests(run))
                    where[stage] += 1
                    figures |= {"times full": where.total(), "where": dict(where)}
            one = Slice(distill("exported", run), tmp_path / "said", forked=True)
            assert (one.wait(), one.messages()) == (0, [])
            assert before.items() <= manifests(run).items()
            assert differences(run, reference, rewrite=True) == []
            shutil.rmtree(run)


def check_told(one, run):
    messages = one.messages()
    assert (one.status, len(messages)) == (1, 1), one.err()
    assert messages[0].startswith(f"alambique: The disk of {run} is full: "), one.err()
    assert messages[0].endswith(WAY_ON)
