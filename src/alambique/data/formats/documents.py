"""A folder per class, a file per text: ``train/pos/1.txt``."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from alambique.data.formats.content import decode, read_content
from alambique.data.table import Reading, Table
from alambique.errors import DataError

COLUMNS = ("text", "label", "file")


def read_documents(where: str, classes: Mapping[str, Sequence[Path]], *, encoding: str = "utf-8") -> Table:
    """Read the columns ``text`` (a whole file), ``label`` (the name of its folder) and ``file`` (its own name).

    Args:
        where: the folder, for messages.
        classes: label → its files, in the order of the rows.
        encoding: of the files without a byte-order mark.

    Raises:
        DataError: a file is not text of this encoding.
    """
    texts: list[str | None] = []
    labels: list[str | None] = []
    names: list[str | None] = []
    empty = 0
    for label, files in classes.items():
        for file in files:
            if not file.stat().st_size:
                empty += 1
                continue
            texts.append(decode(read_content(file), encoding).all().strip())
            labels.append(label)
            names.append(file.name)
    if not texts:
        raise DataError(f"{where}: the files of this folder are empty.")
    notes = (f"{empty} files were left out, for they are empty.",) if empty else ()
    return Table(
        where, dict(zip(COLUMNS, (texts, labels, names), strict=True)), list(range(1, len(texts) + 1)),
        reading=Reading("documents", encoding, quoting=False, notes=notes),
    )  # fmt: skip
