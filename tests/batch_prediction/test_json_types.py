import pyarrow as pa
import pytest

from alambique.batch_prediction.json_types import ColumnKinds, as_column


@pytest.mark.parametrize(
    ("values", "kind", "stored"),
    [
        ([1, None, -3], pa.int64(), [1, None, -3]),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([2**53 + 1, 0.5], pa.string(), ["9007199254740993", "0.5"]),
        ([2**63, 1], pa.string(), ["9223372036854775808", "1"]),
        ([True, None], pa.bool_(), [True, None]),
        ([True, 1], pa.string(), ["true", "1"]),
        (["a", 1], pa.string(), ["a", "1"]),
        ([{"ü": [1]}, None], pa.string(), ['{"ü": [1]}', None]),
        ([None, None], pa.string(), [None, None]),
        (["half \ud83d"], pa.string(), ["half \ufffd"]),
    ],
)
def test_a_column_has_the_type_that_all_of_its_values_fit(values, kind, stored):
    kinds = ColumnKinds()
    for value in values:
        kinds.add({"x": value})
    assert kinds.type_of("x") == kind
    assert as_column(values, kind).to_pylist() == stored


def test_text_stays_text_and_columns_come_as_they_appear():
    kinds = ColumnKinds(("text",))
    kinds.add({"b": 1, "text": 3})
    kinds.add({"a": 1})
    assert kinds.names == ["b", "text", "a"]
    assert kinds.type_of("text") == pa.string()
