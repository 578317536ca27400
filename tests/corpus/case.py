"""What a bad input is: files made here, a command, and (in messages.yaml, by name) all that it must say."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Made = str | bytes | Callable[[Path], None] | None  # text, bytes, a maker that is given the path, or a folder
LABELS = ("bad", "fair", "good")
TRAINED_HERE = """\
teacher: {from_scratch: {layers: 1, width: 16, heads: 2, vocabulary: 300}, epochs: 1}
student: {from_scratch: {layers: 1, width: 16, heads: 2}, epochs: 1}
export: {formats: []}
"""
FINE = "data: {source: data, text: text, label: label}\n" + TRAINED_HERE


@dataclass(frozen=True)
class Case:
    """A command of someone who made a mistake.

    Attributes:
        command: the arguments of alambique.
        files: path below the current folder → how it is made.
    """

    command: tuple[str, ...]
    files: dict[str, Made]


def rows(count, seed=0):
    """Records of text and label, all texts different."""
    return [{"text": f"lamp {seed} number {i} is {LABELS[i % 3]}", "label": LABELS[i % 3]} for i in range(count)]


def tsv(records):
    """A TSV file with a header, of records with the same keys."""
    return "".join("\t".join(map(str, line)) + "\n" for line in [records[0], *(r.values() for r in records)])


def jsonl(records):
    """A JSON Lines file."""
    return "".join(json.dumps(record) + "\n" for record in records)


DATA = {"data/train.tsv": tsv(rows(60)), "data/valid.tsv": tsv(rows(12, 1)), "data/test.tsv": tsv(rows(12, 2))}


def recipe(text, name="my.yaml", also=None):
    """``distill`` with a recipe file of this content, in a folder where its data are fine."""
    return Case(("distill", name), {name: text, **DATA, **(also or {})})


def setting(*sets, files=None, command="distill"):
    """A command with a good recipe and these ``--set``."""
    return Case((command, "my.yaml", *(part for one in sets for part in ("--set", one))),
                {"my.yaml": FINE, **DATA, **(files or {})})  # fmt: skip


def data(files, *sets, source="data", form=TRAINED_HERE):
    """``distill`` with a good recipe on bad data: the files that differ from the good ones (``...`` leaves one out)."""
    made = {name: content for name, content in {**DATA, **files}.items() if content is not ...}
    text = f"data: {{source: {source}, text: text, label: label}}\n{form}"
    return Case(("distill", "my.yaml", *(part for one in sets for part in ("--set", one))), {"my.yaml": text, **made})


def make(files, folder):
    """Write the files of a case."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.mkdir(exist_ok=True)
        elif callable(content):
            content(path)
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)


def snapshot(folder):
    """Every path below a folder, with its kind, size and time of change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        found[os.fsencode(path.relative_to(folder))] = (facts.st_mode, facts.st_size, facts.st_mtime_ns)
    return found
