import io
import os

import pytest

from alambique.errors import DataError
from alambique.inference.predict import waiting_lines


def test_a_file_comes_in_full_chunks_in_order():
    text = "".join(f"línea {i}\n" for i in range(2500)).encode()
    chunks = list(waiting_lines(io.BytesIO(text), 256))
    assert [line for chunk in chunks for line in chunk] == [f"línea {i}" for i in range(2500)]
    assert max(map(len, chunks)) <= 256


def test_line_ends_and_the_mark_at_the_start_are_dropped_and_empty_lines_kept():
    stream = io.BytesIO(b"\xef\xbb\xbfone\r\n\n three \nfour")
    assert [line for chunk in waiting_lines(stream, 2) for line in chunk] == ["one", "", " three ", "four"]
    assert list(waiting_lines(io.BytesIO(b""), 2)) == []


def test_a_line_is_given_before_the_next_is_written():
    out, into = os.pipe()
    chunks = waiting_lines(os.fdopen(out, "rb"), 256)
    with os.fdopen(into, "wb", buffering=0) as writer:
        for line in (b"one", b"two"):
            writer.write(line + b"\n")
            assert next(chunks) == [line.decode()]
        writer.write(b"three")
    assert list(chunks) == [["three"]]


def test_what_is_no_utf8_is_named_after_the_lines_before_it():
    seen = []
    with pytest.raises(DataError) as refused:
        for chunk in waiting_lines(io.BytesIO(b"one\ntwo\n\xff\nfour\n"), 2):
            seen += chunk
    assert str(refused.value) == "standard input, line 3: not UTF-8 text."
    assert seen == ["one", "two"]


def test_no_more_is_read_than_is_asked_for():
    class Endless(io.RawIOBase):
        reads = 0

        def readable(self):
            return True

        def readinto(self, place):
            self.reads += 1
            place[:6] = b"again\n"
            return 6

    stream = Endless()
    chunks = waiting_lines(io.BufferedReader(stream), 8)
    assert stream.reads == 0
    assert [next(chunks), next(chunks)] == [["again"], ["again"]]
    assert stream.reads == 2


def test_what_waits_already_is_answered_together():
    out, into = os.pipe()
    chunks = waiting_lines(os.fdopen(out, "rb"), 4)
    with os.fdopen(into, "wb", buffering=0) as writer:
        writer.write(b"1\n2\n3\n4\n5\nhalf of")
        assert [next(chunks), next(chunks)] == [["1", "2", "3", "4"], ["5"]]
        writer.write(b" a line")
        writer.write(b"\n7\n")
        assert next(chunks) == ["half of a line", "7"]
    assert list(chunks) == []


def test_a_character_and_a_line_end_that_arrive_in_two_parts():
    out, into = os.pipe()
    chunks = waiting_lines(os.fdopen(out, "rb"), 4)
    with os.fdopen(into, "wb", buffering=0) as writer:
        for part in (b"\xef\xbb", b"\xbf\xc3", b"\xa9t\xc3\xa9\r", b"\nb\r\n\r\n"):
            writer.write(part)
            if b"\n" not in part:
                continue
            assert next(chunks) == ["été", "b", ""]
    assert list(chunks) == []


def test_a_line_of_many_blocks_is_whole():
    text = b"x" * (40 * 2**18)
    assert [len(line) for chunk in waiting_lines(io.BytesIO(text + b"\nshort"), 4) for line in chunk] == [len(text), 5]


def test_a_stream_that_was_closed():
    stream = io.BytesIO(b"one\n")
    stream.close()
    with pytest.raises(ValueError, match="closed file"):
        list(waiting_lines(stream, 4))
