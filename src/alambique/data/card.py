"""The data card of a data set (README.md): which files are which split of which subset, where it says so."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

_LONGEST = 10**6
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)


def read_configs(folder: Path, files: Sequence[str]) -> dict[str, dict[str, list[str]]]:
    """Read the ``configs`` of a data card, as the Hub does: subset → split → files, as paths below the folder.

    Args:
        folder: where README.md is.
        files: the files that are there.

    Returns:
        The subsets; empty where there is no card, it names no files, or none of these is there. The one that is marked
        as the default is also there under the name ``default``.
    """
    front = _front(folder / "README.md")
    configs = front.get("configs") if isinstance(front, dict) else None
    described: dict[str, dict[str, list[str]]] = {}
    for config in configs if isinstance(configs, list) else ():
        if isinstance(config, dict) and "data_files" in config:
            below = str(config.get("data_dir") or "").strip("./")
            splits = {
                split: chosen
                for split, patterns in _patterns(config["data_files"])
                if (chosen := _matching(patterns, below, files))
            }
            described[str(config.get("config_name", "default"))] = splits
            if config.get("default") is True:
                described["default"] = splits
    return described if any(described.values()) else {}


def _front(path: Path) -> Any:
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            front = _FRONT.match(stream.read(_LONGEST))
        return yaml.safe_load(front[1]) if front else None
    except (OSError, yaml.YAMLError, RecursionError, ValueError):
        return None  # a card is for people first: what it says in other words is not a fault of the data


def _patterns(data_files: Any) -> list[tuple[str, list[str]]]:
    """The forms that the Hub allows: a pattern, a list of them, a mapping by split, or a list of split and path."""
    if isinstance(data_files, str):
        return [("train", [data_files])]
    if isinstance(data_files, dict):
        return [(str(split), _texts(patterns)) for split, patterns in data_files.items()]
    if not isinstance(data_files, list):
        return []
    plain = [pattern for pattern in data_files if isinstance(pattern, str)]
    parts = [(str(part["split"]), _texts(part["path"])) for part in data_files
             if isinstance(part, dict) and {"split", "path"} <= set(part)]  # fmt: skip
    return parts + ([("train", plain)] if plain else [])


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [part for part in values if isinstance(part, str)]


def _matching(patterns: Sequence[str], below: str, files: Sequence[str]) -> list[str]:
    expressions = [_expression("/".join(filter(None, (below, pattern.removeprefix("./"))))) for pattern in patterns]
    return [file for file in files if any(expression.fullmatch(file) for expression in expressions)]


def _expression(pattern: str) -> re.Pattern[str]:
    """A glob as a regular expression: ``*`` stays within a folder, ``**`` does not."""
    parts = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]/]+\])", pattern)
    try:
        return re.compile("".join(parts.get(w) or (w if w.startswith("[") else re.escape(w)) for w in words))
    except re.error:  # a range that is none, as in [z-a]
        return re.compile(re.escape(pattern))
