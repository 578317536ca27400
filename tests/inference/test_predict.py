import io
import os
import threading

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


def test_reading_stops_while_answers_are_waited_for():
    class Endless(io.RawIOBase):
        read_lines = 0

        def __iter__(self):
            return self

        def __next__(self):
            self.read_lines += 1
            return b"again\n"

    stream = Endless()
    chunks = waiting_lines(stream, 8)
    assert next(chunks)[:1] == ["again"]
    threading.Event().wait(0.2)
    assert stream.read_lines <= 8 + 1024 + 1 + 8
