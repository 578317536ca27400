"""Which files are which split: one set of rules for a folder, for its copy on the Hub, and for a list of files.

The words of the Hub's rules (train, validation, test and their kin) are looked for in the names of files and folders.
Folders beside them name subsets, of which one is read. A data card that says which files are what (``configs``) comes
first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alambique.artefacts.splits import SPLIT_NAMES
from alambique.data import card
from alambique.data.class_folders import Documents, find_documents
from alambique.data.entries import WORDS, Entry, is_table, shared, split_of, walk
from alambique.data.files import READABLE
from alambique.data.formats.content import plain_name
from alambique.errors import DataError

_SHOWN = 5


class SubsetsError(DataError):
    """A source has several subsets, and none was chosen; ``names`` has them."""

    def __init__(self, where: str, names: list[str]) -> None:  # noqa: D107
        super().__init__(f"{where} has the subsets {', '.join(names)}; choose one with data.subset.")
        self.names = names


@dataclass(frozen=True)
class Found:
    """The files of a source.

    Attributes:
        tables: split → its files, in the order of their rows.
        documents: split → label → files, where there is a folder per class and a file per text.
        notes: what the user should know: files that were not used, or that were joined.
    """

    tables: dict[str, list[Path]] = field(default_factory=dict)
    documents: Documents = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def find_splits(folder: Path, *, where: str, subset: str | None = None) -> Found:
    """Find the files of train and, where there are any, of valid and test.

    Args:
        folder: a folder of the user's, or the snapshot of a data set of the Hub.
        where: how the user calls it, for messages.
        subset: which of several subsets.

    Raises:
        DataError: there is no train file, there are several for one split, or a subset must be chosen.
    """
    entries = list(walk(folder))
    if [entry.path for entry in entries] == [folder]:  # which save_to_disk wrote
        return Found({"train": [folder]})
    described = card.read_configs(folder, [entry.relative for entry in entries])
    if described:
        return _of_card(described, entries, where, subset)
    tables = [entry for entry in entries if is_table(entry)]
    documents = find_documents(entries, tables)
    if documents is not None:
        return Found(documents=documents[0], notes=documents[1])
    return _of_tables(tables, folder, where, subset)


def listed(paths: Sequence[Path], *, where: str) -> Found:
    """Sort files that the user named in a list: each belongs to the split its name speaks of, or all of them to train.

    Raises:
        DataError: some speak of a split and others do not, or none is of train.
    """
    words = {path: Entry(path, path.name).split for path in paths}
    if len({split for split in words.values() if split}) <= 1:
        return Found({"train": list(paths)})
    unclear = next((path for path, split in words.items() if split is None), None)
    if unclear is not None or "train" not in words.values():
        missing = f"{unclear.name} names no split" if unclear is not None else "none of them is of train"
        raise DataError(
            f"{where}: the names of some files name splits, but {missing}. Say which is which, as in --set "
            "'data.source={train: [F, F], test: F}'."
        )
    return Found({split: [p for p in paths if words[p] == split] for split in SPLIT_NAMES if split in words.values()})


def files_of(folder: Path, *, where: str) -> list[Path]:
    """All data files of a folder that the user gave for one split.

    Raises:
        DataError: there is none, or the folder has splits of its own.
    """
    tables = [entry for entry in walk(folder) if is_table(entry) and not (entry.is_plain_text and not entry.split)]
    splits = sorted({entry.split for entry in tables if entry.split})
    if len(splits) > 1:
        raise DataError(
            f"{where}: this folder has splits of its own ({', '.join(splits)}). Give it as data.source itself."
        )
    if not tables:
        raise DataError(f"{where}: there is no data file in this folder. A data file ends in {READABLE}.")
    return [entry.path for entry in tables]


def _of_card(described: dict[str, dict[str, list[str]]], entries: list[Entry], where: str, subset: str | None) -> Found:
    name = _chosen(where, [name for name, splits in described.items() if splits], subset)
    paths = {entry.relative: entry.path for entry in entries}
    tables: dict[str, list[Path]] = {}
    for split, files in described[name].items():
        known = WORDS.get(split.lower()) or split_of(split)
        if known is not None:
            tables.setdefault(known, []).extend(paths[file] for file in files)
    if "train" not in tables:
        raise DataError(
            f"{where}: its data card names no train split for {name}; it names {', '.join(described[name])}."
        )
    used = {path for files in tables.values() for path in files}
    of_this = {file for files in described[name].values() for file in files}
    of_others = {file for splits in described.values() for files in splits.values() for file in files} - of_this
    unused = [e for e in entries if is_table(e) and e.path not in used and e.relative not in of_others]
    return Found(tables, notes=_unused(unused))


def _chosen(where: str, names: Sequence[str], subset: str | None) -> str:
    """The subset that is asked for, or ``default``, or the only one."""
    if subset is not None:
        exact = [name for name in names if name == subset] or [n for n in names if n.endswith(f"/{subset}")]
        if len(exact) == 1:
            return exact[0]
        raise DataError(
            f"{where} has no subset {subset}; it has {', '.join(sorted(names))}. Choose one with data.subset."
        )
    for usual in ("", "default"):
        if usual in names:
            return usual
    if len(names) > 1:
        raise SubsetsError(where, sorted(names))
    return names[0]


def _of_tables(tables: list[Entry], folder: Path, where: str, subset: str | None) -> Found:
    named = [entry for entry in tables if entry.split]
    if not named:
        named = [e for e in tables if not e.is_plain_text] or ([] if len(tables) > 1 else tables)
    groups = _grouped(named)
    if subset is not None and not (subset == "default" and set(groups) <= {""}):
        members = _of_subset(groups, where, subset)
        others = {entry.path for entry in named} - {entry.path for entry in members}
    else:
        trains = [name for name, entries in groups.items() if any(_split(entry) == "train" for entry in entries)]
        if not trains:
            raise DataError(_no_train(folder, where))
        name = _chosen(where, trains, None)
        members = groups[name]
        # what stands beside a default is meant to be left out
        others = {e.path for other in groups if other != name for e in groups[other]} if name == "default" else set()
    found: dict[str, list[Path]] = {}
    notes = []
    for split in SPLIT_NAMES:
        chosen = _files_of_split([entry for entry in members if _split(entry) == split], split, where)
        if chosen:
            found[split] = [entry.path for entry in chosen]
        if len(chosen) > 1 and any(entry.rest for entry in chosen):
            notes.append(f"{split}: {len(chosen)} files were joined ({_some(entry.relative for entry in chosen)}).")
    left_out = others.union(*found.values())
    unused = [e for e in tables if e.path not in left_out and (e.split or not e.is_plain_text)]
    return Found(found, notes=(*notes, *_unused(unused)))


def _of_subset(groups: dict[str, list[Entry]], where: str, subset: str) -> list[Entry]:
    """The files of a subset, which has a train split; it is called by its name, its folder, or the path of that."""
    parts = [[entry for entry in entries if subset in _spellings(entry, name)] for name, entries in groups.items()]
    having = [entries for entries in parts if any(_split(entry) == "train" for entry in entries)]
    if len(having) != 1:
        names = sorted(name for name in groups if name)
        raise DataError(
            f"{where} has no subset {subset} with a train split; it has {', '.join(names) or 'no subsets'}. Change "
            "data.subset."
        )
    return having[0]


def _split(entry: Entry) -> str:
    return entry.split or "train"


def _spellings(entry: Entry, name: str) -> set[str]:
    """What a subset may be called: its name, its folder, and the path of that."""
    folders = entry.folders
    return {
        name,
        *folders,
        *("/".join(folders[i:j]) for i in range(len(folders)) for j in range(i + 1, len(folders) + 1)),
    }


def _grouped(entries: list[Entry]) -> dict[str, list[Entry]]:
    """Entries by the name of their subset: the folders that tell them apart, or what their names say in each split."""
    groups: dict[str, list[Entry]] = {}
    above = shared([entry.places() for entry in entries])
    for entry in entries:
        groups.setdefault("/".join(entry.places()[above:]), []).append(entry)
    result: dict[str, list[Entry]] = {}
    for name, members in groups.items():
        rests = {split: {e.rest for e in members if e.split == split and e.rest} for split in SPLIT_NAMES}
        told_apart = rests["train"] & (rests["valid"] | rests["test"])
        if len(told_apart) > 1:
            for entry in members:
                part = entry.rest if entry.rest in told_apart else ""
                result.setdefault("/".join(filter(None, (name, part))), []).append(entry)
        else:
            result.setdefault(name, []).extend(members)
    return result


def _files_of_split(entries: list[Entry], split: str, where: str) -> list[Entry]:
    """The file of this very name, or else the shards whose names or folders speak of the split."""
    exact = [entry for entry in entries if entry.exact]
    chosen = exact or entries
    named = [entry for entry in chosen if not entry.is_plain_text]  # a .txt beside it may be anything
    chosen = named or chosen
    kinds = {_ending(entry) for entry in chosen}
    if len(chosen) > 1 and (exact or len(kinds) > 1):
        first, second = (
            chosen[0].relative,
            next(e for e in chosen[1:] if exact or _ending(e) != _ending(chosen[0])).relative,
        )
        raise DataError(
            f"{where}: {first} and {second} could both be the {split} split. "
            f"Say which, as in --set 'data.source={{train: F, valid: F, test: F}}'."
        )
    return chosen


def _ending(entry: Entry) -> str:
    return Path(plain_name(entry.relative)).suffix.lower()


def _no_train(folder: Path, where: str) -> str:
    names = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if not p.name.startswith("."))
    held = f" The folder holds {_some(names)}." if names else ""
    return (
        f"{where}: there is no train file in this folder. It needs train (and, where you have them, valid and test) "
        f"with one of the endings {READABLE}.{held}"
    )


def _unused(entries: Iterable[Entry]) -> tuple[str, ...]:
    names = [entry.relative for entry in entries]
    return (f"Files of the source that were not used: {_some(names)}.",) if names else ()


def _some(names: Iterable[str]) -> str:
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more
