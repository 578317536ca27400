"""Rows cut into shards, each named by the hash of what its predictions are made from."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from alambique.batch_prediction.layout import SHARD

MOST_BYTES = 2**28  # of a shard's columns: rows with images or embeddings make shards of fewer rows
_DIGITS = 32  # of the hash, in a file's name


@dataclass(frozen=True)
class Shard:
    """Some rows of the input, in its order.

    Attributes:
        index: its place among the shards, from 0.
        table: the rows, with the column of reasons.
        digest: SHA-256 of the model, the settings and the rows: all that its file follows from.
    """

    index: int
    table: pa.Table
    digest: str

    @property
    def name(self) -> str:
        """The name of its file."""
        return SHARD.format(index=self.index, digest=self.digest[:_DIGITS])


def cut(tables: Iterable[pa.Table], rows: int, key: Mapping[str, Any]) -> Iterator[Shard]:
    """Cut rows into shards. Where a shard ends follows from the rows before it alone.

    Args:
        tables: small ones, whose rows follow one another.
        rows: of a shard; fewer where they are large (:data:`MOST_BYTES`).
        key: the model and the settings, as JSON values.
    """
    parts: list[pa.Table] = []
    held = size = index = 0
    for table in tables:
        rest = table
        while rest.num_rows:
            part = rest.slice(0, rows - held)
            rest = rest.slice(part.num_rows)
            parts.append(part)
            held, size = held + part.num_rows, size + part.nbytes
            if held == rows or size >= MOST_BYTES:
                yield _shard(index, parts, key)
                parts, held, size, index = [], 0, 0, index + 1
    if parts:
        yield _shard(index, parts, key)


def _shard(index: int, parts: list[pa.Table], key: Mapping[str, Any]) -> Shard:
    # with an empty part behind it a lone part is copied too: slices of larger arrays would have another hash
    table = pa.concat_tables([*parts, parts[-1].slice(0, 0)]).combine_chunks()
    return Shard(index, table, digest_of_rows(table, key))


def digest_of_rows(table: pa.Table, key: Mapping[str, Any]) -> str:
    """SHA-256 of a key and of all rows with the names and types of their columns."""
    hashed = _Hashed(hashlib.sha256(json.dumps(key, sort_keys=True).encode()))
    with pa.ipc.new_stream(hashed, table.schema) as stream:
        stream.write_table(table)
    return hashed.digest.hexdigest()


class _Hashed:
    """A file whose content is hashed and not kept."""

    closed = False

    def __init__(self, digest: Any) -> None:
        self.digest = digest

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass
