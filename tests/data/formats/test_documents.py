"""A file per text, in a folder per class."""

import pytest

from alambique.data.formats.documents import read_documents
from alambique.data.table import Reading
from alambique.errors import DataError


@pytest.fixture
def classes(tmp_path):
    for label, texts in (("bad", ["a lamp\n", "two\nlines\n"]), ("good", ["café", ""])):
        (tmp_path / label).mkdir()
        for number, text in enumerate(texts, start=1):
            (tmp_path / label / f"{number}.txt").write_bytes(text.encode("latin-1"))
    return {label: [tmp_path / label / "1.txt", tmp_path / label / "2.txt"] for label in ("bad", "good")}


def test_rows(classes):
    table = read_documents("folder", classes, encoding="latin-1")
    assert table.where == "folder"
    assert table.columns == {
        "text": ["a lamp", "two\nlines", "café"], "label": ["bad", "bad", "good"], "file": ["1.txt", "2.txt", "1.txt"],
    }  # fmt: skip
    assert table.lines == [1, 2, 3]
    note = "1 files were left out, for they are empty."
    assert table.reading == Reading("documents", "latin-1", quoting=False, notes=(note,))


def test_a_file_of_another_encoding(classes):
    with pytest.raises(DataError) as caught:
        read_documents("folder", classes)
    assert str(caught.value) == (
        f"{classes['good'][0]}, line 1: not utf-8 text (byte 0xe9). Name the file's own encoding with data.encoding; "
        "latin-1 and cp1252 are the usual ones."
    )


def test_nothing_but_empty_files(classes):
    with pytest.raises(DataError) as caught:
        read_documents("folder", {"good": classes["good"][1:]})
    assert str(caught.value) == "folder: the files of this folder are empty."
