"""Parquet, Arrow and what save_to_disk writes."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, Features, Value
from pyarrow import feather

from alambique.data.formats.arrow import is_arrow, is_parquet, is_saved, read_arrow, read_parquet, read_saved
from alambique.data.formats.content import read_content
from alambique.data.table import Reading
from alambique.errors import DataError

ROWS = {"text": ["a", "b"], "label": ["x", "y"]}


def stream(table, path):
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


WRITERS = {
    "feather": feather.write_feather,
    "plain feather": lambda table, path: feather.write_feather(table, path, compression="uncompressed"),
    "stream": stream,
}


@pytest.mark.parametrize("name", WRITERS)
def test_arrow_files_and_streams(tmp_path, name):
    path = tmp_path / "train.arrow"
    WRITERS[name](pa.table(ROWS), path)
    table = read_arrow(read_content(path))
    assert table.columns == ROWS
    assert table.lines == [1, 2]
    assert table.reading == Reading("arrow")
    assert is_arrow(path.read_bytes()) is (name != "stream")


def test_parquet(tmp_path):
    path = tmp_path / "train.parquet"
    pq.write_table(pa.table(ROWS), path)
    assert is_parquet(path.read_bytes())
    table = read_parquet(read_content(path))
    assert table.columns == ROWS
    assert table.reading == Reading("parquet")


def test_class_names(tmp_path):
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    Dataset.from_dict({"text": ["a", "b"], "label": [1, 0]}, features=features).save_to_disk(tmp_path / "saved")
    assert is_saved(tmp_path / "saved")
    assert not is_saved(tmp_path)
    table = read_saved(tmp_path / "saved")
    assert table.columns == {"text": ["a", "b"], "label": ["1", "0"]}
    assert table.class_names == {"label": ["no", "yes"]}


def test_a_saved_data_set_keeps_its_order(tmp_path):
    saved = Dataset.from_dict({"text": list("abcdef"), "label": list("xyxyxy")}).select([4, 1, 0])
    saved.save_to_disk(tmp_path / "saved")
    assert read_saved(tmp_path / "saved").columns == {"text": ["e", "b", "a"], "label": ["x", "y", "x"]}


def test_cells_of_many_types(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({
        "text": pa.array(["a", None], pa.large_string()), "view": pa.array(["a", "b"], pa.string_view()),
        "kind": pa.array(["x", "y"]).dictionary_encode(), "n": pa.array([3, None], pa.int8()),
        "flag": [True, False], "part": [1.0, 2.5], "nan": [1.0, float("nan")], "day": [dt.date(2026, 1, 2), None],
        "list": [["a"], None], "bytes": [b"a", b"b"],
    }), path)  # fmt: skip
    table = read_parquet(read_content(path))
    assert table.columns == {
        "text": ["a", None], "view": ["a", "b"], "kind": ["x", "y"], "n": ["3", None], "flag": ["true", "false"],
        "part": ["1", "2.5"], "nan": ["1", None], "day": ["2026-01-02", None], "list": ["['a']", None],
        "bytes": ["b'a'", "b'b'"],
    }  # fmt: skip
    assert table.odd == {"day": (0, "a date or time"), "list": (0, "a list"), "bytes": (0, "bytes")}


def test_only_wanted_columns_are_decoded(tmp_path):
    path = tmp_path / "a.parquet"
    far = pa.array([10**12] * 2, pa.timestamp("s"))  # Python has no such dates
    pq.write_table(pa.table({**ROWS, "vector": list(np.ones((2, 3))), "when": far}), path)
    table = read_parquet(read_content(path), ("label", "text"))
    assert table.columns == ROWS
    assert table.all_names == ("text", "label", "vector", "when")
    with pytest.raises(DataError, match=r"a\.parquet: not a readable Parquet file \("):
        read_parquet(read_content(path), ("text", "verdict"))


def test_fields_of_structs_have_dotted_names(tmp_path):
    path = tmp_path / "a.parquet"
    review = pa.array([{"text": "a", "by": {"name": "ann"}}, {"text": "b", "by": None}])
    pq.write_table(pa.table({"id": [1, 2], "review": review, "label": ["x", "y"]}), path)
    content = read_content(path)
    assert read_parquet(content, ("review.text", "label")).columns == {"review.text": ["a", "b"], "label": ["x", "y"]}
    table = read_parquet(content)
    assert table.all_names == ("id", "review", "review.text", "review.by", "review.by.name", "label")
    assert table.columns["review.by.name"] == ["ann", None]


@pytest.mark.parametrize(("read", "form"), [(read_parquet, "Parquet file"), (read_arrow, "Arrow file")])
def test_damaged_files(tmp_path, read, form):
    path = tmp_path / "train.parquet"
    path.write_bytes(b"PAR1 hello ARROW1")
    with pytest.raises(DataError) as caught:
        read(read_content(path))
    assert str(caught.value).startswith(f"{path}: not a readable {form} (")
    assert "\n" not in str(caught.value)


def test_a_saved_data_set_that_lacks_a_file(tmp_path):
    Dataset.from_dict(ROWS).save_to_disk(tmp_path / "saved")
    next((tmp_path / "saved").glob("*.arrow")).unlink()
    with pytest.raises(DataError) as caught:
        read_saved(tmp_path / "saved")
    assert str(caught.value).startswith(f"{tmp_path / 'saved'}: not a readable data set of save_to_disk (")


def test_two_columns_of_one_name(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], ["text", "text"]), path)
    with pytest.raises(DataError) as caught:
        read_parquet(read_content(path))
    assert str(caught.value) == f"{path}: two columns are named 'text'."


def test_no_rows(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(DataError) as caught:
        read_parquet(read_content(path))
    assert str(caught.value) == f"{path}: the file has no rows."
