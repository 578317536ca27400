"""What was finished while processes came and went: a second one of the same is work done twice."""

import re
from collections import defaultdict

from alambique.run.layout import WORK
from alambique.run.manifest import MANIFEST
from alambique.training.checkpoints import SEAL

_CHECKPOINT = re.compile(r"checkpoint-(\d+)")


class Witness:
    """Remembers every manifest and every sealed checkpoint below a folder, by the time it was written."""

    def __init__(self, run):
        self.run = run
        self.stages, self.checkpoints = defaultdict(set), defaultdict(set)

    def look(self):
        """Call it often, and after every death."""
        for path in self._files(self.run):
            inside = path.relative_to(self.run)
            parts = tuple(part for part in inside.parts if part != WORK)
            try:
                written = path.stat().st_mtime_ns  # a renamed or promoted artefact keeps it
            except FileNotFoundError:
                continue
            if path.name == SEAL:
                stage, step = "/".join(parts[:-4]), int(_CHECKPOINT.fullmatch(parts[-2])[1])
                self.checkpoints[stage, step].add(written)
            else:
                self.stages["/".join(parts[:-1])].add(written)

    def _files(self, folder):
        try:
            children = list(folder.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return
        for child in children:
            if child.name in (MANIFEST, SEAL):
                yield child
            elif "." not in child.name[1:]:  # what is put aside, as .teacher.old, is on its way out
                yield from self._files(child)

    def done_twice(self):
        """Stages and checkpoints that were finished more than once."""
        return sorted(
            f"{what} ({len(times)} times)" for seen in (self.stages, self.checkpoints) for what, times in seen.items()
            if len(times) > 1
        )  # fmt: skip

    def finished(self, stage):
        return (self.run / stage / MANIFEST).is_file()
