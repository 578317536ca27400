"""One run, killed again and again at drawn moments until it is done."""

import signal
import time
from dataclasses import dataclass

from campaign import STAGES, distill
from processes import LONGEST, Slice
from witness import Witness

from alambique.run.layout import KEY, SEEDS, WORK

LOOK = 0.02  # seconds between looks at what is finished


@dataclass(frozen=True)
class Moment:
    """When to kill: ``after`` seconds from the start of the process, or from the beginning of ``stage``."""

    after: float
    stage: str | None = None


class Victim:
    """A run that is killed until it is finished.

    Args:
        campaign: has the reference.
        recipe: a name of ``RECIPES``.
        out: the run folder.
        draw: from the stages that are not finished to a moment.
        forked: from a process number (0, 1, …) to whether that one is forked, or the whole command.
        number: the signal.
    """

    def __init__(self, campaign, recipe, out, *, draw, forked, number=signal.SIGKILL):
        self.recipe, self.out, self.draw, self.forked, self.number = recipe, out, draw, forked, number
        self.place = campaign.folder / "said" / out.name
        self.witness = Witness(out)
        self.kills, self.processes, self.last = [], 0, None

    def step(self, *, last=False):
        """Start the command once, and kill it; True if it came to its end before. ``last``: let it."""
        left = [name for name in STAGES[self.recipe] if not self.witness.finished(name)]
        moment = None if last else self.draw(left)
        one = Slice(distill(self.recipe, self.out), self.place, forked=self.forked(self.processes))
        self.processes += 1
        begun, deadline, seen = time.monotonic(), time.monotonic() + LONGEST, None
        looked, before = 0.0, None if moment is None or moment.stage is None else self._key(moment.stage)
        while one.status is None:
            now = time.monotonic()
            assert now < deadline, f"{moment}: {one.err()}"
            if moment is not None and moment.stage is None and now - begun >= moment.after:
                break
            if moment is not None and moment.stage is not None:
                began = self._key(moment.stage) not in (None, before) or self.witness.finished(moment.stage)
                seen = seen or (now if began else None)
                if seen is not None and now - seen >= moment.after:
                    break
            if now - looked >= LOOK:
                self.witness.look()
                looked = now
            time.sleep(0.001)
        one.send(self.number)
        one.wait()
        self.last = one
        self.witness.look()
        if one.status == 0:
            assert one.messages() == []
            return True
        assert self.number != signal.SIGKILL or one.status == -signal.SIGKILL, f"{one.status}: {one.err()}"
        self.kills.append(self._now())
        return False

    def _key(self, stage):
        """When the attempt at a stage began that is going on, or was killed."""
        parts = stage.split("/")
        depth = 2 if parts[0] == SEEDS else 0
        path = self.out.joinpath(*parts[:depth], WORK, *parts[depth:], KEY)
        try:
            return path.stat().st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _now(self):
        """The first stage that is not finished; where a kill fell."""
        left = [name for name in STAGES[self.recipe] if not self.witness.finished(name)]
        return left[0] if left else "report"
