import pyarrow as pa

from alambique.batch_prediction import shards
from alambique.batch_prediction.shards import cut, digest_of_rows

KEY = {"model": "m"}


def tables(sizes):
    start = 0
    for size in sizes:
        yield pa.table(
            {"n": pa.array(range(start, start + size)), "t": [f"text {i}" for i in range(start, start + size)]}
        )
        start += size


def test_rows_are_cut_in_their_order_whatever_the_tables_are():
    for sizes in ([10], [3, 3, 4], [1] * 10, [4, 0, 6]):
        made = list(cut(tables(sizes), 4, KEY))
        assert [shard.table["n"].to_pylist() for shard in made] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert [shard.index for shard in made] == [0, 1, 2]
        assert [shard.digest for shard in made] == [shard.digest for shard in cut(tables([10]), 4, KEY)]
    assert made[1].name == f"part-000001-{made[1].digest[:32]}.parquet"


def test_the_hash_is_that_of_rows_names_types_and_key():
    table = pa.table({"n": [1, 2]})
    others = [
        (pa.table({"n": [1, 3]}), KEY), (pa.table({"m": [1, 2]}), KEY), (table, {"model": "n"}),
        (pa.table({"n": pa.array([1, 2], pa.int32())}), KEY), (pa.table({"n": [1, None]}), KEY),
    ]  # fmt: skip
    digests = {digest_of_rows(*each) for each in [(table, KEY), *others]}
    assert len(digests) == 6


def test_large_rows_make_shards_of_fewer(monkeypatch):
    monkeypatch.setattr(shards, "MOST_BYTES", 1000)
    table = pa.table({"t": ["x" * 600] * 3})
    made = list(cut([table.slice(i, 1) for i in range(3)], 100, KEY))
    assert [shard.table.num_rows for shard in made] == [2, 1]


def test_no_rows_make_no_shards():
    assert list(cut([], 4, KEY)) == []


def test_dictionaries_that_differ_from_table_to_table_are_joined():
    parts = [pa.table({"c": pa.array(values).dictionary_encode()}) for values in (["a", "b"], ["c", "a"])]
    (shard,) = cut(parts, 10, KEY)
    assert shard.table["c"].to_pylist() == ["a", "b", "c", "a"]
    assert shard.table["c"].num_chunks == 1
