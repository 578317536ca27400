import importlib.util

import pyarrow as pa
import pytest

from alambique.batch_prediction.engines import Output, check_engine, in_this_process
from alambique.batch_prediction.records import ShardRecord
from alambique.batch_prediction.shard_files import ShardContent
from alambique.batch_prediction.shards import Shard
from alambique.errors import UserInputError


@pytest.mark.parametrize(
    ("engine", "workers", "message"),
    [
        ("spark", None, "--engine: 'spark' is not an engine; it is local or ray."),
        ("ray", None, "--engine ray needs ray, which is not installed. To have it: pip install 'alambique[ray]'"),
        ("local", 2, "--workers: it is for --engine ray; local is one process, which uses all cores."),
    ],
)
def test_engines_that_are_refused(monkeypatch, engine, workers, message):
    monkeypatch.setattr("alambique.distributed.ray_session.find_spec", lambda name: None)
    with pytest.raises(UserInputError) as refused:
        check_engine(engine, workers)
    assert str(refused.value) == message


def test_engines_that_are_there(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setattr("alambique.distributed.ray_session.find_spec", lambda name: importlib.util.find_spec("json"))
    check_engine("local")
    check_engine("ray", 2)


def test_shards_that_are_kept_are_not_made(tmp_path):
    class Worker:
        def made(self, table, advance):
            advance(table.num_rows)
            return ShardContent(table.num_rows, 0, table["x"][0].as_py().encode())

    shards = [Shard(number, pa.table({"x": [name]}), name * 64) for number, name in enumerate("abc")]
    there = ShardRecord(shards[1].name, 1, 0, 1, "of b")
    done = []
    output = Output(tmp_path, lambda shard: there if shard.index == 1 else None, done.append)
    records = list(in_this_process(Worker(), shards, output))
    assert [record.file for record in records] == [shard.name for shard in shards]
    assert records[1] is there
    assert {path.name for path in tmp_path.glob("part-*")} == {shards[0].name, shards[2].name}
    assert (tmp_path / shards[2].name).read_bytes() == b"c"
    assert done == [1, 1]
