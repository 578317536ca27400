"""Ctrl-C and SIGTERM at any moment: a message with the command that goes on, exit 130, and the same bytes in the end.

Signals come at drawn moments as in the campaign of kills, but not before the command has read its arguments: until then
Python itself ends, and there is nothing to save. Ctrl-C in training saves a checkpoint first, which the message says.
"""

import shlex
import signal

import pytest
from campaign import distill, reported
from kills import Moment, Victim
from sameness import differences

from alambique.training.fit import NOTICE

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("ctrl_c", "drawn_figures")]
RUNS, SIGNALS_A_RUN = 8, 6
BEGUN = 1.0  # seconds, until the whole command has read its arguments; a fork has at once


def test_signals_at_any_moment(campaign, request):
    reference, durations = campaign.reference("exported"), campaign.durations("exported")
    sent = saved = finished = 0
    with reported(request, "signals") as figures:
        for number in campaign.some(range(RUNS), 0.06, "signals"):
            chance = campaign.chance(f"signals {number}")

            def draw(left, chance=chance):
                if chance.random() < 1 / 4 or not left:
                    return Moment(chance.uniform(BEGUN, sum(durations.values())))
                stage = chance.choice(left[:4])
                return Moment(chance.uniform(0, durations[stage] + 0.02), stage)

            victim = Victim(
                campaign, "exported", campaign.folder / "signals" / f"{number}", draw=draw,
                forked=lambda count: count % 3 != 2, number=chance.choice([signal.SIGINT, signal.SIGTERM]),
            )  # fmt: skip
            while not victim.step(last=len(victim.kills) == SIGNALS_A_RUN):
                saved += check_interrupted(victim)
            assert differences(victim.out, reference, rewrite=True) == []
            assert victim.witness.done_twice() == []
            sent, finished = sent + len(victim.kills), finished + 1
            figures |= {"signals, each exit 130": sent, "of them in training": saved, "runs, all the same": finished}


def check_interrupted(victim):
    """True if it was in training, and so saved a checkpoint."""
    command = shlex.join(["alambique", *map(str, distill(victim.recipe, victim.out))])
    said = f"alambique: interrupted; what is done is kept. To go on from there: {command}"
    messages = victim.last.messages()
    assert victim.last.status == 130
    assert [line for line in messages if line != NOTICE] == [said], victim.last.err()
    return NOTICE in messages
