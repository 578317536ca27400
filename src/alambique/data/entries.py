"""The files below a folder, and what their names say: the split, the shard, the subset."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from alambique.data.files import kind_of
from alambique.data.formats.arrow import INFO, STATE
from alambique.data.formats.content import plain_name

WORDS = {
    "train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid", "dev": "valid",
    "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
_EXACT = frozenset({"train", "valid", "validation", "val", "dev", "test"})
_WORD = re.compile(rf"(?:^|(?<=[-._ 0-9(]))({'|'.join(sorted(WORDS, key=len, reverse=True))})(?=[-._ 0-9)]|$)")
# the number of a shard, with the hash that the Hub's earlier names end in
_SHARD = re.compile(r"-(?=[a-f]*\d)[0-9a-f]{8,}$|(?:part|shard|chunk|split|of)?[-_. (]*\d+\)?|[-_. ]+of(?=[-_. ]|$)")
_NO_DATA = frozenset({  # files that describe data; the Hub passes over them too
    "config.json", INFO, "dataset_infos.json", "dataset_dict.json", "dataset-metadata.json", STATE,
    "metadata.json", "package.json", "package-lock.json", "requirements.txt", "readme.txt", "license.txt",
})  # fmt: skip
_RUN_MARK = b"run_id:"


@dataclass(frozen=True)
class Entry:
    """A file of a folder (or a folder that ``save_to_disk`` wrote), by its path below that folder."""

    path: Path
    relative: str

    @cached_property
    def folders(self) -> tuple[str, ...]:
        """The folders above it."""
        return tuple(self.relative.split("/")[:-1])

    @cached_property
    def stem(self) -> str:
        """Its name without endings, in lower case."""
        name = plain_name(self.relative.rsplit("/", 1)[-1])
        stem = name if self.path.is_dir() else Path(name).stem
        return stem.lower()

    @cached_property
    def split(self) -> str | None:
        """The split that its name, or else the nearest folder, speaks of."""
        return next((split for name in (self.stem, *reversed(self.folders)) if (split := split_of(name))), None)

    @cached_property
    def exact(self) -> bool:
        """Whether its name is that of a split, and nothing else: ``train.csv``, ``dev.ft.txt``."""
        return self.stem.removesuffix(".ft") in _EXACT

    @cached_property
    def rest(self) -> str:
        """What its name says besides the split and the number of the shard: ``matched`` in ``dev_matched.tsv``."""
        return re.sub(r"^[-_. ]+|[-_. ]+$", "", _SHARD.sub("", _WORD.sub("", self.stem)))

    @cached_property
    def is_plain_text(self) -> bool:
        """Whether its ending says nothing about its form."""
        return kind_of(self.relative) in (None, "text") and not self.path.is_dir()

    def places(self) -> tuple[str, ...]:
        """The folders above it that do not speak of a split, nor are the ``data`` folder of the Hub's layout."""
        return tuple(name for name in self.folders if split_of(name) is None and name.lower() != "data")


def split_of(name: str) -> str | None:
    """The split that a name speaks of, by its last word of one: ``train-00000-of-00002``, ``dev_matched``."""
    words = _WORD.findall(name.lower())
    return WORDS[words[-1]] if words else None


def walk(folder: Path) -> Iterator[Entry]:
    """All files below a folder, in the order of their names; hidden folders and runs of ours are passed over."""
    for above, folders, files in os.walk(folder):
        place = Path(above)
        prefix = "" if place == folder else place.relative_to(folder).as_posix() + "/"
        if STATE in files and INFO in files:
            yield Entry(place, prefix.rstrip("/") or place.name)
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if not name.startswith((".", "__")) and not _is_run(place / name))
        for name in sorted(files):
            if not name.startswith("."):
                yield Entry(place / name, prefix + name)


def _is_run(folder: Path) -> bool:
    try:
        with (folder / "recipe.yaml").open("rb") as stream:
            return _RUN_MARK in stream.read(200)
    except OSError:
        return False


def is_table(entry: Entry) -> bool:
    """Whether a file may hold rows, by its name."""
    name = entry.relative.rsplit("/", 1)[-1].lower()
    return entry.path.is_dir() or (name not in _NO_DATA and (kind_of(name) is not None or plain_name(name) != name))


def shared(places: Sequence[tuple[str, ...]]) -> int:
    """How many folders at the start are the same in all of these paths."""
    if not places:
        return 0
    least, most = min(places), max(places)  # whatever these two share, those between them do
    return next((depth for depth, (a, b) in enumerate(zip(least, most, strict=False)) if a != b), len(least))
