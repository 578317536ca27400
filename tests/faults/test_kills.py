"""Killed at any moment of any stage, the same command goes on and ends in the same bytes.

The full campaign:  pytest tests/faults -m slow
The short one:      pytest tests/faults -m slow --faults-seconds 240

Both take ``--faults-seed N``. With a number of seconds each test takes its share of them, and at least one case; what is
finished is checked in the same way. The processes are killed by SIGKILL

- at a drawn time after their start, up to the length of the run: in imports, checks, any stage;
- or at a drawn time after one of the next four stages has begun, up to a bit more than that stage takes: so that each
  stage gets its share, however short it is.

Every fifth process is the whole command, the others are forked from one that has imported the libraries already.
"""

from collections import Counter

import pytest
from campaign import RECIPES, STAGES, reported
from kills import Moment, Victim
from sameness import differences

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
KILLS, SLICED_KILLS = 120, 220
AHEAD = 4  # stages: one much further on would let all before it pass
LONGEST_SLICE = {"plain": 3.0, "exported": 7.0, "seeds": 4.0}  # seconds: none is enough for a whole run


def by_stage_or_clock(campaign, recipe, chance):
    durations = campaign.durations(recipe)
    whole = sum(durations.values()) + 2

    def draw(left):
        if chance.random() < 1 / 3 or not left:
            return Moment(chance.uniform(0, whole))
        stage = chance.choice(left[:AHEAD])
        return Moment(chance.uniform(0, 1.2 * durations[stage] + 0.02), stage)

    return draw


def by_clock(recipe, chance):
    return lambda left: Moment(chance.uniform(0.3, LONGEST_SLICE[recipe]))


def finish(victim, campaign, enough):
    """Until it is done, or until the campaign has had enough and lets it run; then it must be as if nothing had been."""
    while not victim.step(last=enough(victim)):
        pass
    assert differences(victim.out, campaign.reference(victim.recipe), rewrite=True) == []
    assert victim.witness.done_twice() == []
    assert set(victim.witness.stages) >= set(STAGES[victim.recipe])
    epochs = {what for what in victim.witness.checkpoints if what[0].split("/")[-1] == "student"}
    assert epochs  # the witness saw some, so it would have seen one twice


def run_campaign(campaign, request, name, kills, share, draw_for):
    kinds = list(RECIPES)
    for kind in kinds:
        campaign.reference(kind)
    left = campaign.clock(share)
    victims = []
    with reported(request, name) as figures:
        figures |= {"kills": 0, "processes": 0, "runs, all the same": 0, "where": ""}
        done = 0
        while done < kills and (left() or not victims):
            recipe = kinds[len(victims) % len(kinds)]
            chance = campaign.chance(f"{name} {len(victims)}")
            victim = Victim(
                campaign, recipe, campaign.folder / name / f"{len(victims)}", draw=draw_for(recipe, chance),
                forked=lambda number: number % 5 != 4,
            )  # fmt: skip
            finish(victim, campaign, lambda one, so_far=done: not left() or so_far + len(one.kills) >= kills)
            victims.append(victim)
            done += len(victim.kills)
            where = Counter(
                stage.removeprefix("seeds/0/").removeprefix("seeds/1/") for one in victims for stage in one.kills
            )
            figures |= {"kills": done, "processes": sum(one.processes for one in victims),
                        "runs, all the same": len(victims), "where": dict(where)}  # fmt: skip
    return victims


def test_kills_in_every_stage(campaign, request):
    run_campaign(
        campaign, request, "kills", KILLS, 0.2, lambda recipe, chance: by_stage_or_clock(campaign, recipe, chance)
    )


def test_slices_too_short_for_the_whole(campaign, request):
    victims = run_campaign(campaign, request, "slices", SLICED_KILLS, 0.1, by_clock)
    assert all(victim.kills for victim in victims)
