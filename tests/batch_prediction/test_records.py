import json
from dataclasses import asdict

import pytest

from alambique.batch_prediction.layout import BEFORE, RECORDS
from alambique.batch_prediction.records import ShardRecord, drop_records, earlier_records, keep_record, whole_file
from alambique.run.integrity import file_hash

NAME = "part-000000-ab.parquet"


@pytest.fixture
def made(tmp_path):
    (tmp_path / NAME).write_bytes(b"rows")
    return ShardRecord(NAME, 3, 1, 4, file_hash(tmp_path / NAME))


def test_a_file_is_whole_if_it_is_what_its_record_says(tmp_path, made):
    assert whole_file(tmp_path, NAME, {}) is None
    keep_record(tmp_path, made)
    assert whole_file(tmp_path, NAME, {}) == made
    (tmp_path / NAME).write_bytes(b"rowz")
    assert whole_file(tmp_path, NAME, {NAME: made}) is None
    (tmp_path / NAME).write_bytes(b"rows")
    (tmp_path / RECORDS / f"{NAME}.json").write_text('{"file": "half')
    assert whole_file(tmp_path, NAME, {}) is None
    assert whole_file(tmp_path, NAME, {NAME: made}) == made
    (tmp_path / NAME).rename(tmp_path / "other")
    assert whole_file(tmp_path, NAME, {NAME: made}) is None
    (tmp_path / NAME).symlink_to(tmp_path / "other")
    assert whole_file(tmp_path, NAME, {NAME: made}) is None


@pytest.mark.parametrize("content", [None, "[]", "{", '{"shards": 3}', '{"shards": [3, {"file": "x"}]}'])
def test_what_is_no_manifest_has_no_records(tmp_path, content):
    if content is not None:
        (tmp_path / BEFORE).write_text(content)
    assert earlier_records(tmp_path) == {}


def test_records_of_a_manifest_that_no_longer_holds(tmp_path, made):
    (tmp_path / BEFORE).write_text(json.dumps({"shards": [asdict(made)]}))
    keep_record(tmp_path, made)
    assert earlier_records(tmp_path) == {NAME: made}
    drop_records(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
