"""What the tests of this folder share: seed, time, recipes, and runs of them that nothing disturbed."""

import json
import random
import sys
import time
from contextlib import contextmanager

from processes import Slice

from alambique.run.layout import MODELS, SOFT_LABELS, STUDENT, TEACHER, UNDISTILLED
from alambique.run.manifest import MANIFEST

# the quickstart recipe with fewer rows and trainings; several epochs remain, so that there are some to go on from
SHORT = ("data.max_rows=240", "data.unlabelled=null", "teacher.epochs=3", "student.epochs=3", "student.seeds=1",
         "teacher.allow_weak=true")  # fmt: skip
RECIPES = {
    "plain": (*SHORT, "export.formats=[]"),
    "exported": SHORT,
    "seeds": (*SHORT, "export.formats=[]", "seeds=[0,1]"),
}
_SCORED = [f"predictions/{name}" for name in ("majority", "tfidf")]
_OF_A_SEED = [TEACHER, f"predictions/{TEACHER}", SOFT_LABELS, STUDENT, f"predictions/{STUDENT}", UNDISTILLED,
              f"predictions/{UNDISTILLED}"]  # fmt: skip
STAGES = {
    "plain": ["data", "tokens/teacher", *_SCORED, *_OF_A_SEED, "benchmark"],
    "exported": ["data", "tokens/teacher", *_SCORED, *_OF_A_SEED, "benchmark", "onnx"],
    "seeds": [
        "data",
        "tokens/teacher",
        *_SCORED,
        *(f"seeds/{n}/{name}" for n in (0, 1) for name in _OF_A_SEED),
        "benchmark",
    ],
}  # in the order in which they are made
assert set(MODELS) < set(_OF_A_SEED)


def distill(recipe, out):
    """The command's arguments."""
    return ["distill", "quickstart", "--out", out, *(part for one in RECIPES[recipe] for part in ("--set", one))]


class Campaign:
    """One campaign.

    Args:
        seed: of every choice.
        seconds: about how long all tests together may take; None: as long as the full campaign does.
        folder: to work in.
    """

    def __init__(self, seed, seconds, folder):
        self.seed, self.seconds, self.folder = seed, seconds, folder
        self._references = {}

    def chance(self, of):
        """A generator that gives the same for the same seed and purpose."""
        return random.Random(f"{self.seed} {of}")

    def clock(self, share):
        """A function that says whether there is time left of a share of the whole."""
        begun = time.monotonic()
        return lambda: self.seconds is None or time.monotonic() - begun < share * self.seconds

    def some(self, cases, share, of):
        """All cases in a seeded order, or as many as fit into a share of the time, one at least."""
        cases = list(cases)
        self.chance(of).shuffle(cases)
        left = self.clock(share)
        for number, case in enumerate(cases):
            if number and not left():
                return
            yield case

    def reference(self, recipe):
        """A finished run that nothing disturbed; never to be written to."""
        if recipe not in self._references:
            run = self.folder / "references" / recipe
            done = Slice(distill(recipe, run), self.folder / "said" / recipe, forked=True)
            assert done.wait() == 0, done.err()
            self._references[recipe] = run
        return self._references[recipe]

    def durations(self, recipe):
        """Seconds of each stage in the reference."""
        run = self.reference(recipe)
        return {name: json.loads((run / name / MANIFEST).read_text())["seconds"] for name in STAGES[recipe]}


@contextmanager
def reported(request, name):
    """Print figures at the end of a test, where ``-s`` or a captured run does not hide them."""
    figures = {}
    try:
        yield figures
    finally:
        line = f"{name}: " + ", ".join(f"{value} {what}" for what, value in figures.items())
        with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
            sys.stdout.write(f"\n{line}\n")
