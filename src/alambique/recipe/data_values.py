"""Label groups and sources of data, as a recipe may write them. Free of torch."""

from typing import Any


def label_groups_value(value: Any) -> Any:
    """LIAR's groups by name, or a mapping from old to new names.

    Raises:
        ValueError: it is neither.
    """
    if value is None or value in ("six", "three", "two"):
        return value
    if isinstance(value, dict) and value and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        if not all(map(str.strip, value.values())):
            raise ValueError("must give each group a name that is not blank")
        return value
    raise ValueError("must be six, three or two (LIAR), a mapping {old name: new name}, or null")


def label_value(value: Any) -> Any:
    """A column, or a list of columns, one for each label.

    Raises:
        ValueError: it is neither, or names a column twice.
    """
    if isinstance(value, str):
        if not value:
            raise ValueError("must be a name, not ''")
        return value
    names = _names(value)
    if names is None:
        raise ValueError("must be a column, or a list of columns that hold 0 or 1")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"names {twice!r} twice")
    return names


def check_several(key: str, value: str | None, *, columns: bool, separated: bool) -> None:
    """Refuse a separator or a task that contradicts the form of the labels.

    Args:
        key: ``label_separator`` or ``task``.
        value: of that key.
        columns: whether ``data.label`` names several columns.
        separated: whether ``data.label_separator`` is given.

    Raises:
        ValueError: says what contradicts what.
    """
    if key == "label_separator" and value is not None and columns:
        raise ValueError("is for one column of text, and label names several columns of 0 and 1; leave one of them out")
    if value == "single_label" and columns:
        raise ValueError("is single_label, and label names several columns; set it to multi_label, or name one column")
    if value == "single_label" and separated:
        raise ValueError("is single_label, and label_separator is for several labels per row; leave one of them out")


def source_value(value: Any) -> Any:
    """A name, a list of names, or a mapping of splits to either.

    Raises:
        ValueError: it is none of them, or names no train file.
    """
    if isinstance(value, dict):
        strange = sorted(set(value) - {"train", "valid", "test"})
        if strange:
            raise ValueError(f"names files for train, valid and test, not for {strange[0]!r}")
        if not value.get("train"):
            raise ValueError("must name a train file")
        files = {split: _names(names) for split, names in value.items() if names is not None}
        if all(files.values()):
            return files
    elif names := _names(value):
        return names
    raise ValueError("must be a Hub id, a folder, a file, a list of files, or {train: F, valid: F, test: F}")


def names_value(value: Any) -> Any:
    """A name, a list of names, or None.

    Raises:
        ValueError: it is neither.
    """
    names = _names(value)
    if names is None and value is not None:
        raise ValueError("must be a file, a pattern, a list of files, a folder or a Hub id")
    return names


def _names(value: Any) -> str | tuple[str, ...] | None:
    """A name, or several in a list; None for what is neither."""
    if isinstance(value, str):
        return value if value.strip() else None
    several = isinstance(value, (list, tuple)) and value and all(isinstance(v, str) and v.strip() for v in value)
    return tuple(value) if several else None
