"""fastText's form: a label before each text."""

from pathlib import Path

import pytest

from alambique.data.formats.content import Text
from alambique.data.formats.fasttext import is_fasttext, read_fasttext
from alambique.data.table import Reading
from alambique.errors import DataError


def text(held):
    return Text(Path("train.ft.txt"), held.encode(), "utf-8")


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        ("__label__bad a lamp\n__label__good a door\n", True),
        ("\n  __label__bad a lamp\n\n__label__good a door\nno label\n", True),
        ("a lamp __label__bad\n__label__good a door\n__label__good a kettle\n", False),  # the first line has none
        ("__label__bad a lamp\nno label\n", False),  # half of them
        ("text,label\na lamp,__label__bad\n", False),
    ],
)
def test_most_lines_begin_with_a_label(held, expected):
    assert is_fasttext(text(held)) is expected


def test_rows():
    table = read_fasttext(
        text('__label__bad a "noisy", lamp\t!\n\n__label__very-good   a door \r\n__label__bad\nno label\n')
    )
    assert table.columns == {
        "text": ['a "noisy", lamp\t!', "a door", "", "no label"],
        "label": ["bad", "very-good", "bad", None],
    }
    assert table.lines == [1, 3, 4, 5]
    assert table.reading == Reading("fasttext", "utf-8", quoting=False)


def test_a_row_of_several_labels():
    with pytest.raises(DataError) as caught:
        read_fasttext(text("__label__bad a lamp\n__label__good __label__fair a door\n"))
    assert str(caught.value) == ("train.ft.txt, line 2: a row must have one label, and this one has 2 (good, fair).")
