import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.batch_prediction.layout import RECORDS
from alambique.batch_prediction.records import ShardRecord, whole_file
from alambique.batch_prediction.shard_files import ShardContent, keep_shard, parquet_bytes

TABLE = pa.table({"n": [1, 2], "text": ["tiny", None]})
NAME = f"part-000003-{'ab' * 16}.parquet"


def made():
    return ShardContent(2, 1, parquet_bytes(TABLE))


def test_the_content_is_a_parquet_file(tmp_path):
    pq.write_table(TABLE, tmp_path / "direct.parquet", compression="zstd")
    assert parquet_bytes(TABLE).to_pybytes() == (tmp_path / "direct.parquet").read_bytes()


def test_a_file_is_kept_with_its_record(tmp_path):
    record = keep_shard(tmp_path, NAME, made())
    content = (tmp_path / NAME).read_bytes()
    assert content == made().content.to_pybytes()
    assert record == ShardRecord(NAME, 2, 1, len(content), hashlib.sha256(content).hexdigest())
    assert {child.name for child in tmp_path.iterdir()} == {RECORDS, NAME}
    assert whole_file(tmp_path, NAME, {}) == record


def test_a_file_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    def torn(path, content):
        path.open("wb").write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "write_bytes", torn)
    with pytest.raises(KeyboardInterrupt):
        keep_shard(tmp_path, NAME, made())
    assert list(tmp_path.iterdir()) == []
