"""Whatever a file holds: it is read as it was written, or refused with a message; there is no third outcome."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from alambique.data.files import SUFFIXES, Table, read_table
from alambique.errors import DataError

KINDS = (".tsv", ".csv", ".jsonl", ".json", ".parquet")
QUICK = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\t\ufeff"), min_size=1, max_size=30)
words = texts.filter(lambda text: text == text.strip() and text)
records = st.lists(st.tuples(words, words), min_size=1, max_size=8)


def written(kind, rows):
    """The bytes of a file with the columns text and label."""
    named = [{"text": text, "label": label} for text, label in rows]
    if kind == ".tsv":
        return "".join(f"{text}\t{label}\n" for text, label in [("text", "label"), *rows]).encode()
    if kind == ".csv":
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([("text", "label"), *rows])
        return stream.getvalue().encode()
    if kind == ".jsonl":
        return "".join(json.dumps(row) + "\n" for row in named).encode()
    if kind == ".json":
        return json.dumps(named).encode()
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(named), stream)
    return stream.getvalue()


def look_at(path):
    """The file is a table whose parts fit each other, or a message names it."""
    try:
        table = read_table(path)
    except DataError as error:
        table, said = None, str(error)
    if table is None:
        assert said.startswith(str(path))
        return
    assert isinstance(table, Table)
    assert len(table) > 0
    assert {len(cells) for cells in table.columns.values()} <= {len(table)}
    assert all(cell is None or isinstance(cell, str) for cells in table.columns.values() for cell in cells)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(rows=records)
@example(rows=[('say "no"', "a"), ("a, b", "b;c"), ("\x85 next\u2028line \x1c", "é")])
def test_cells_come_back_as_they_were_written(tmp_path, kind, rows):
    path = tmp_path / f"train{kind}"
    path.write_bytes(written(kind, rows))
    table = read_table(path)
    assert list(zip(table.columns["text"], table.columns["label"], strict=True)) == rows


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
@QUICK
@given(
    content=st.binary(max_size=200) | st.text(st.sampled_from('ab,;"\t\n\r{}[]:0é\ufeff'), max_size=80).map(str.encode)
)
@example(content=b";")
@example(content=b"[]")
@example(content=b"[1e999]")
@example(content=b"[" * 5000)
@example(content=b'{"a": ' * 5000)
@example(content=b'"')
@example(content=b"\xef\xbb\xbf")
@example(content=b"PAR1\0\0\0\0PAR1")
def test_any_bytes_are_a_table_or_a_message(tmp_path, suffix, content):
    path = tmp_path / f"train{suffix}"
    path.write_bytes(content)
    look_at(path)


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(rows=records, data=st.data())
def test_a_file_that_was_cut_or_changed_is_a_table_or_a_message(tmp_path, kind, rows, data):
    content = bytearray(written(kind, rows))
    if data.draw(st.booleans(), "cut"):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    for _ in range(data.draw(st.integers(0, 3), "changes")):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"train{kind}"
    path.write_bytes(content)
    look_at(path)
