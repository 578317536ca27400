"""Read one data file into columns of text, and say exactly where it is wrong."""

from pathlib import Path

from alambique.data.formats.arrow import is_arrow, is_parquet, is_saved, read_arrow, read_parquet, read_saved
from alambique.data.formats.content import ENDINGS, Content, Text, decode, plain_name, read_content
from alambique.data.formats.delimited import read_delimited
from alambique.data.formats.fasttext import is_fasttext, read_fasttext
from alambique.data.formats.records import read_json
from alambique.data.table import Reading, Table, as_text, join
from alambique.errors import DataError

__all__ = ["READABLE", "SUFFIXES", "Reading", "Table", "as_text", "join", "kind_of", "read_table"]

SUFFIXES = {
    ".tsv": "tsv", ".tab": "tsv", ".txt": "text", ".csv": "csv", ".jsonl": "json", ".ndjson": "json", ".json": "json",
    ".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow",
}  # fmt: skip
# endings of text files whose form shows in them alone; a folder's files of these names are not taken for data
_TEXTS = frozenset({".data", ".dat", ".ft", ".fasttext", ".train", ".valid", ".dev", ".test", *ENDINGS})
READABLE = ", ".join((*SUFFIXES, "also compressed")) + f" ({', '.join(ENDINGS)})"
_USUAL = {"tsv": "\t", "csv": ","}


def kind_of(name: str) -> str | None:
    """What the ending of a file's name says about its form: tsv, csv, json, parquet, arrow, text, or None."""
    return SUFFIXES.get(Path(plain_name(name)).suffix.lower())


def read_table(
    path: Path, *, columns: tuple[str, ...] = (), encoding: str = "utf-8", wanted: tuple[str, ...] = ()
) -> Table:
    """Read a data file: delimited (TSV, CSV), JSON, fastText's form, Parquet or Arrow, also compressed.

    A folder that ``Dataset.save_to_disk`` wrote counts as a file. What the file holds decides where its name says little;
    ``Table.reading`` has what was decided.

    Args:
        path: the file.
        columns: the names of the columns of a file without a header row, or of JSON rows that are lists.
        encoding: of a text file without a byte-order mark.
        wanted: the columns that will be used. They help to tell what the file is, and others are dropped; all by default.

    Returns:
        The table; ``columns`` holds all columns if one of those wanted is missing.

    Raises:
        DataError: the file is missing, empty, binary, in another encoding, or a row does not fit.
    """
    if path.is_dir() and is_saved(path):
        return read_saved(path, wanted)
    suffix = Path(plain_name(path.name)).suffix.lower()
    if suffix and suffix not in SUFFIXES and suffix not in _TEXTS:
        raise DataError(f"{path}: a data file ends in {READABLE}; this one ends in {suffix}.")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file.")
    content = read_content(path)
    kind = kind_of(content.name)
    if kind == "parquet" or is_parquet(content.raw):
        return read_parquet(content, wanted)
    if kind == "arrow" or is_arrow(content.raw):
        return read_arrow(content, wanted)
    return _read_text(content, kind, columns, encoding, wanted)


def _read_text(
    content: Content, kind: str | None, columns: tuple[str, ...], encoding: str, wanted: tuple[str, ...]
) -> Table:
    text = decode(content, encoding)
    if kind == "json" or _holds_records(text):
        return read_json(text, columns=columns, wanted=wanted)
    if not columns and is_fasttext(text):
        return read_fasttext(text)
    return read_delimited(text, usual=_USUAL.get(kind or ""), columns=columns, wanted=wanted)


def _holds_records(text: Text) -> bool:
    """Whether a file that is not named so holds JSON: an object or a list of objects begins it."""
    first = next(line for line in text.lines() if line.strip()).strip()
    return first.startswith(('{"', '[{"')) and first.endswith(("}", "]", ","))
