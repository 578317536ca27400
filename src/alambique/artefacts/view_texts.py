"""Texts of a further version of train, with words replaced, by row id: ``texts.parquet``."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alambique.artefacts.splits import Split
from alambique.errors import CorruptArtefactError

TEXTS = "texts.parquet"


def write_view_texts(rows: Split, folder: Path) -> None:
    """Write ids and texts."""
    columns = {"id": pa.array(rows.ids), "text": pa.array(rows.texts)}
    if rows.pairs is not None:
        columns["pair"] = pa.array(rows.pairs)
    pq.write_table(pa.table(columns), folder / TEXTS)


def read_view_texts(train: Split, folder: Path) -> Split:
    """Train with the texts that :func:`write_view_texts` wrote.

    Raises:
        CorruptArtefactError: they are those of other rows.

    Example:
        >>> import tempfile
        >>> from dataclasses import replace
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split
        >>> from alambique.artefacts.view_texts import read_view_texts, write_view_texts
        >>> train = Split("train", ("a",), ("a fine lamp",), None, np.array([0]))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_view_texts(replace(train, texts=("a red lamp",)), Path(folder))
        ...     read_view_texts(train, Path(folder)).texts
        ('a red lamp',)
    """
    table = pq.read_table(folder / TEXTS)
    if tuple(table["id"].to_pylist()) != train.ids:
        raise CorruptArtefactError(f"{folder / TEXTS} does not hold the rows of train.")
    pairs = None if train.pairs is None else tuple(table["pair"].to_pylist())
    return replace(train, texts=tuple(table["text"].to_pylist()), pairs=pairs)
