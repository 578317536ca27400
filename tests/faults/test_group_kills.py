"""Two processes train as a group; whichever is killed at whatever moment, all end, and the same command goes on.

The full campaign has 50 kills:  pytest tests/faults/test_group_kills.py -m slow
"""

import re
import signal
import time

import pytest
from campaign import distill, reported
from groups import GroupSlice
from processes import LONGEST, Slice
from sameness import differences

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
KILLS = 50
LOST = re.compile(
    r"alambique: (Process 1 of 2 \(process id \d+ on .+\) has ended, killed perhaps|The first process has ended, killed "
    r"perhaps, or its machine is lost), so all end\. What is done is kept: the same command goes on from there\."
)


@pytest.fixture(scope="module")
def whole(campaign):
    """A run of two processes that nothing disturbed, and its seconds."""
    out, begun = campaign.folder / "group" / "whole", time.monotonic()
    group = GroupSlice(distill("plain", out), campaign.folder / "group" / "said")
    assert group.wait(LONGEST) == [0, 0], group.messages()
    assert group.messages() == []
    assert group.members[1].out() == group.members[1].err() == ""  # the first process alone prints
    return out, time.monotonic() - begun


def test_killed_at_any_moment_a_group_goes_on_to_the_same_bytes(campaign, request, whole):
    reference, seconds = whole
    left, chance = campaign.clock(0.4), campaign.chance("group kills")
    with reported(request, "group kills") as figures:
        figures |= {"kills": 0, "of the first": 0, "of the other": 0, "of both": 0, "runs": 0}
        while figures["kills"] < KILLS and (left() or not figures["runs"]):
            out = campaign.folder / "group" / str(figures["runs"])
            attempts = 0
            while True:
                attempts += 1
                group = GroupSlice(distill("plain", out), campaign.folder / "group" / "said")
                ends = attempts > 12 or figures["kills"] >= KILLS or not (left() or attempts == 1)
                victims = ([1], [0, 1], [0])[figures["kills"] % 3]
                moment = time.monotonic() + (LONGEST if ends else chance.uniform(0, 0.7 * seconds))
                while group.is_running and time.monotonic() < moment:
                    time.sleep(0.001)
                if not group.is_running:
                    break
                group.send(signal.SIGKILL, victims)
                statuses = group.wait()
                for rank, status in enumerate(statuses):
                    assert status in {-signal.SIGKILL if rank in victims else 1, 0}, group.messages()
                said = group.messages()
                assert len(said) <= 1, said
                assert all(LOST.fullmatch(line) for line in said), said
                figures["kills"] += 1
                figures[{1: "of the first", 2: "of the other", 3: "of both"}[sum(rank + 1 for rank in victims)]] += 1
            assert group.wait() == [0, 0], group.messages()
            assert differences(out, reference, rewrite=True) == []
            figures["runs"] += 1


def interrupted(campaign, name, number, ranks=None):
    """A group that is interrupted in the training of the student."""
    out = campaign.folder / "group" / name
    group = GroupSlice(distill("plain", out), campaign.folder / "group" / "said")
    deadline = time.monotonic() + LONGEST
    while not (out / ".work/student/scratch/checkpoints").is_dir():
        assert group.is_running, group.messages()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    group.send(number, ranks)
    return out, group


@pytest.mark.parametrize("ranks", [[0, 1], [1]])
def test_ctrl_c_saves_a_checkpoint_and_is_answered_once(campaign, whole, ranks):
    out, group = interrupted(campaign, f"interrupted {ranks}", signal.SIGINT, ranks)
    assert group.wait() == [130, 130], group.messages()
    told = [line for line in group.messages() if "a checkpoint is saved" not in line]
    assert told == ["alambique: interrupted; what is done is kept. The same command goes on from there"]
    assert list((out / ".work/student/scratch/checkpoints").glob("*/sealed.json"))
    alone = Slice(distill("plain", out), campaign.folder / "group" / "alone", forked=True)  # by one process: allowed
    assert alone.wait() == 0, alone.messages()
    assert "teacher/model.safetensors" not in differences(out, whole[0])  # what two have finished stands


def test_a_process_that_stands_still_as_if_its_machine_was_lost_ends_all(campaign):
    _, group = interrupted(campaign, "silent", signal.SIGSTOP, [1])
    begun = time.monotonic()
    assert group.first.wait(40) == 1
    assert time.monotonic() - begun < 35
    (said,) = group.first.messages()
    assert re.fullmatch(
        r"alambique: Process 1 of 2 \(process id \d+ on .+\) has not been heard of for 20 s, so all end\. What is done is "
        r"kept: the same command goes on from there\.", said,
    )  # fmt: skip
    group.send(signal.SIGKILL)


def test_a_bad_recipe_is_told_once(campaign):
    group = GroupSlice(["distill", "quickstrat"], campaign.folder / "group" / "said")
    assert group.wait() == [2, 2]
    assert len([line for line in group.messages() if line.startswith("alambique: ")]) == 1
