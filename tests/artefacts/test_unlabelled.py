import numpy as np

from alambique.artefacts.splits import Split
from alambique.artefacts.unlabelled import Counts, read_unlabelled, write_unlabelled


def part(*rows):
    ids, texts, pairs = zip(*rows, strict=True)
    return Split("unlabelled", ids, texts, pairs if any(pairs) else None, np.full(len(ids), -100))


def test_what_is_written_is_read_a_part_at_a_time(tmp_path):
    counts = Counts(read=4)

    def parts():
        yield part(("u-1", "a lamp", "on"), ("u-2", "a door", "off"))
        yield part(("u-3", "a kettle", "é"))
        counts.rows = 3  # complete when the parts are used up

    write_unlabelled(parts(), counts, tmp_path)
    stored = read_unlabelled(tmp_path, "digest")
    assert (len(stored), stored.counts, stored.digest) == (3, Counts(read=4, rows=3), "digest")
    assert [ids.tolist() for ids in stored.ids(2)] == [[b"u-1", b"u-2"], [b"u-3"]]
    assert list(stored.segments(2)) == [[("a lamp", "on"), ("a door", "off")], [("a kettle", "é")]]
    assert {path.name for path in tmp_path.iterdir()} == {"texts.parquet", "unlabelled.json"}


def test_single_texts_have_one_segment(tmp_path):
    write_unlabelled([part(("u-1", "a lamp", ""))], Counts(rows=1), tmp_path)
    assert list(read_unlabelled(tmp_path).segments(5)) == [[("a lamp",)]]


def test_nothing_left_out_is_said():
    assert Counts(read=3, rows=3).sentence() == "None was left out."
