import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.batch_prediction.columns import AddedColumns
from alambique.batch_prediction.shards import cut
from alambique.batch_prediction.sources import find_inputs
from alambique.batch_prediction.survey import survey
from alambique.batch_prediction.worker import Worker
from alambique.errors import DataError
from alambique.inference.classifier import Classifier
from alambique.recipe.recipe import Recipe

DATA = Recipe.from_dict({"data": {"source": "x.csv", "label": "label", "text": "text"}}).data
APART = "Files of one output have the same columns: give the others an output folder of their own."


def look(folder, *names, chosen=()):
    files = find_inputs([name if "://" in name else f"{folder}/{name}" for name in names], output=folder / "out")
    return survey(files, DATA, chosen, AddedColumns())


def rows(found):
    return [row for table in found.tables() for row in table.to_pylist()]


def test_files_follow_one_another_in_the_order_of_the_first_ones_columns(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "n": [1]}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"n": [2, 3], "text": ["b", "c"]}), tmp_path / "2.parquet")
    found = look(tmp_path, "*.parquet")
    assert (found.rows, found.schema) == (3, pa.schema([("text", pa.string()), ("n", pa.int64())]))
    assert [tuple(row.values()) for row in rows(found)] == [("a", 1, None), ("b", 2, None), ("c", 3, None)]
    assert list(rows(found)[0]) == ["text", "n", "not_classified"]


def test_a_column_without_values_has_the_type_of_another_file(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "n": pa.nulls(1)}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"text": ["b"], "n": [2]}), tmp_path / "2.parquet")
    pq.write_table(pa.table({"text": pa.nulls(1), "n": [3]}), tmp_path / "3.parquet")
    found = look(tmp_path, "*.parquet")
    assert found.schema == pa.schema([("text", pa.string()), ("n", pa.int64())])
    assert [row["n"] for row in rows(found)] == [None, 2, 3]


def test_another_schema_in_the_400th_file_is_found_before_anything_is_classified(tmp_path):
    for number in range(400):
        table = pa.table({"text": ["a"], "n": ["x" if number == 399 else 1]})
        pq.write_table(table, tmp_path / f"{number:03d}.parquet")
    with pytest.raises(DataError) as refused:
        look(tmp_path, "*.parquet")
    assert str(refused.value) == (
        f"{tmp_path}/399.parquet: column 'n' is of type string, and of type int64 in {tmp_path}/000.parquet. {APART}"
    )
    pq.write_table(pa.table({"text": ["a"], "m": [1]}), tmp_path / "399.parquet")
    with pytest.raises(DataError) as refused:
        look(tmp_path, "*.parquet")
    assert str(refused.value) == (
        f"{tmp_path}/399.parquet: its columns (text, m) differ from those of {tmp_path}/000.parquet (text, n). {APART}"
    )
    pq.write_table(pa.table({"n": [1]}), tmp_path / "399.parquet")
    with pytest.raises(DataError) as refused:
        look(tmp_path, "*.parquet")
    assert str(refused.value) == (
        f"{tmp_path}/399.parquet: there is no column 'text', which the model reads. The columns are n. Name the column of "
        "text with --text."
    )


def test_records_need_not_have_every_column(tmp_path):
    (tmp_path / "1.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "2.jsonl").write_text('{"text": "b", "n": 2}\n{"n": 2.5}\n')
    (tmp_path / "3.jsonl").write_text("")
    found = look(tmp_path, "*.jsonl")
    assert (found.rows, found.schema) == (3, pa.schema([("text", pa.string()), ("n", pa.float64())]))
    assert [(row["text"], row["n"]) for row in rows(found)] == [("a", None), ("b", 2.0), (None, 2.5)]
    (tmp_path / "3.jsonl").write_text('{"body": "a"}\n')
    with pytest.raises(DataError, match=r"3\.jsonl: there is no column 'text'"):
        look(tmp_path, "*.jsonl")


def test_the_rows_of_a_delimited_file_are_about_its_line_ends(tmp_path):
    (tmp_path / "1.csv").write_text("body,n\na,1\nb,2\n")
    found = look(tmp_path, "1.csv", chosen=("body",))
    assert (found.rows, found.data.text, len(rows(found))) == (3, ("body",), 2)
    (tmp_path / "1.csv").write_text("text,n\n")
    with pytest.raises(DataError) as refused:
        look(tmp_path, "1.csv")
    assert str(refused.value) == f"{tmp_path}/1.csv: the file has no rows."


def test_nothing_to_classify_and_two_columns_of_one_name(tmp_path):
    (tmp_path / "1.jsonl").write_text("\n")
    with pytest.raises(DataError) as refused:
        look(tmp_path, "1.jsonl")
    assert str(refused.value) == f"{tmp_path}/1.jsonl: there is no row to classify."
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(twice, tmp_path / "1.parquet")
    with pytest.raises(DataError) as refused:
        look(tmp_path, "1.parquet")
    assert str(refused.value) == f"{tmp_path}/1.parquet: two columns are named 'text'."


def test_files_elsewhere_are_read_as_those_here(tmp_path):
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    storage.pipe("/in/1.csv", b"text,n\na,1\n")
    storage.pipe("/in/2.jsonl", b'{"text": "b", "n": "2"}\n')
    with storage.open("/in/3.parquet", "wb") as stream:
        pq.write_table(pa.table({"text": ["c"], "n": ["3"]}), stream)
    assert [(row["text"], row["n"]) for row in rows(look(tmp_path, "memory://in"))] == [
        ("a", "1"),
        ("b", "2"),
        ("c", "3"),
    ]
    storage.store.clear()


def test_columns_of_every_kind_stay_as_they_are(tmp_path):
    table = pa.table({
        "text": pa.array(["a", "b", "a"]).dictionary_encode(),
        "vector": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)),
        "of": pa.array([{"x": 1}, None, {"x": 2}]),
        "pairs": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int32())),
        "sum": pa.array([1, None, 2], pa.decimal128(10, 2)),
        "raw": pa.array([b"\0", None, b""], pa.large_binary()),
        "at": pa.array([0, 1, None], pa.timestamp("ns", tz="UTC")),
    }).replace_schema_metadata({"kept": "too"})  # fmt: skip
    pq.write_table(table, tmp_path / "in.parquet")
    found = look(tmp_path, "in.parquet")
    classifier = Classifier(
        "torch", ("x",), pairs=False, max_length=8, logits=lambda texts: np.zeros((len(texts), 1)), fit_temperature=float
    )  # fmt: skip
    (shard,) = cut(found.tables(), 10, {})
    stored = Worker(classifier, found.data, AddedColumns(), calibrated=False).classified(shard.table, lambda _: None)
    pq.write_table(stored, tmp_path / "out.parquet")
    back = pq.read_table(tmp_path / "out.parquet")
    assert back.select(table.column_names).equals(table)
    assert back.schema.metadata == {b"kept": b"too"}
    assert back["label"].to_pylist() == ["x"] * 3
