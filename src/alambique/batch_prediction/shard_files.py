"""The file of a shard: its content as Parquet, and how it gets its name, whole or not at all."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alambique.batch_prediction.records import ShardRecord, keep_record
from alambique.run.integrity import sync

_COMPRESSION = "zstd"


@dataclass(frozen=True)
class ShardContent:
    """What the file of a shard will hold.

    Attributes:
        rows: how many.
        not_classified: how many of them have no prediction.
        content: the file, as bytes or a buffer of them.
    """

    rows: int
    not_classified: int
    content: Any


def parquet_bytes(table: pa.Table) -> pa.Buffer:
    """A table as a Parquet file in memory."""
    stream = pa.BufferOutputStream()
    pq.write_table(table, stream, compression=_COMPRESSION)
    return stream.getvalue()


def keep_shard(folder: Path, name: str, made: ShardContent) -> ShardRecord:
    """Write the file of a shard beside its place, note it, and give it its name."""
    aside = folder / f".{name}"
    try:
        aside.write_bytes(made.content)
        sync(aside)
        digest = hashlib.sha256(made.content).hexdigest()
        record = ShardRecord(name, made.rows, made.not_classified, len(made.content), digest)
        keep_record(folder, record)
        aside.replace(folder / name)
    finally:
        aside.unlink(missing_ok=True)
    sync(folder)
    return record
