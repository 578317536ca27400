"""What is known of each shard's file: rows, size and hash, kept beside the files until the manifest has all of it."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from alambique.batch_prediction.layout import BEFORE, RECORDS
from alambique.run.integrity import file_hash, read_json, write_text
from alambique.run.work import remove


@dataclass(frozen=True)
class ShardRecord:
    """A shard's file.

    Attributes:
        file: its name.
        rows: how many it has.
        not_classified: how many of them have no prediction.
        bytes: its size.
        sha256: of its content.
    """

    file: str
    rows: int
    not_classified: int
    bytes: int
    sha256: str


def keep_record(folder: Path, record: ShardRecord) -> None:
    """Note a shard's file, before it has its name: what is found under the name is then known."""
    (folder / RECORDS).mkdir(exist_ok=True)
    write_text(folder / RECORDS / f"{record.file}.json", json.dumps(asdict(record)))


def whole_file(folder: Path, name: str, earlier: dict[str, ShardRecord]) -> ShardRecord | None:
    """The record of a shard's file that an attempt before left; None if there is none, or the file is not what it says.

    Args:
        folder: of the output.
        name: of the file.
        earlier: records of a manifest that no longer holds.
    """
    path = folder / name
    if not path.is_file() or path.is_symlink():
        return None
    noted = read_json(folder / RECORDS / f"{name}.json")
    records = [*_records([noted] if noted is not None else []), *([earlier[name]] if name in earlier else [])]
    digest = file_hash(path)
    return next((record for record in records if record.sha256 == digest), None)


def earlier_records(folder: Path) -> dict[str, ShardRecord]:
    """By name, the files of a manifest that no longer holds; empty if there was none."""
    before = read_json(folder / BEFORE)
    listed = before.get("shards") if isinstance(before, dict) else None
    return {record.file: record for record in _records(listed if isinstance(listed, list) else [])}


def drop_records(folder: Path) -> None:
    """Remove what the manifest has now."""
    remove(folder / RECORDS)
    remove(folder / BEFORE)


def _records(listed: Iterable[Any]) -> list[ShardRecord]:
    """The records among JSON values; what is not a record is passed over."""
    fields = set(ShardRecord.__dataclass_fields__)
    return [ShardRecord(**each) for each in listed if isinstance(each, dict) and set(each) == fields]
