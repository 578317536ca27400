"""Find a folder per class with a file per text: ``train/pos/1.txt``, ``neg/cv000.txt``."""

import re
from pathlib import Path

from alambique.artefacts.splits import SPLIT_NAMES
from alambique.data.entries import Entry, shared, split_of
from alambique.data.files import SUFFIXES

Documents = dict[str, dict[str, list[Path]]]  # split → label → files
_UNLABELLED = frozenset({"unsup", "unsupervised", "unlabeled", "unlabelled", "unlab"})


def find_documents(entries: list[Entry], tables: list[Entry]) -> tuple[Documents, tuple[str, ...]] | None:
    """A folder per class with a file per text, below folders of splits or without any; None where there are tables."""
    if any(entry.exact or not entry.is_plain_text for entry in tables):
        return None
    texts = [e for e in entries if e.folders and _is_text(e) and not e.exact and split_of(e.folders[-1]) is None]
    divided = [entry for entry in texts if _folder_split(entry)]
    texts = divided or texts
    places = {entry: tuple(name for name in entry.folders if split_of(name) is None) for entry in texts}
    above = shared(list(places.values()))
    documents: Documents = {}
    left_out: dict[str, int] = {}
    for entry in sorted(texts, key=lambda e: (places[e], _natural(e.relative))):
        if len(places[entry]) == above:
            return None
        label = places[entry][above]
        if label.lower() in _UNLABELLED:
            left_out[label] = left_out.get(label, 0) + 1
            continue
        documents.setdefault(_folder_split(entry) or "train", {}).setdefault(label, []).append(entry.path)
    if len(documents.get("train", {})) < 2:  # noqa: PLR2004 - classes
        return None
    notes = [
        f"{count} files of the folder {label} have no label and were left out." for label, count in left_out.items()
    ]
    return {split: documents[split] for split in SPLIT_NAMES if split in documents}, tuple(notes)


def _is_text(entry: Entry) -> bool:
    suffix = Path(entry.relative).suffix.lower()
    return suffix == ".txt" or (suffix not in SUFFIXES and (not suffix or suffix[1:].isdecimal()))


def _folder_split(entry: Entry) -> str | None:
    return next((split for name in entry.folders if (split := split_of(name))), None)


def _natural(name: str) -> list[tuple[int, str]]:
    """Sorts 2.txt before 10.txt."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]
