"""A folder per class with a file per text."""

import pytest

from alambique.data.class_folders import find_documents
from alambique.data.entries import is_table, walk


def find(folder, names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")
    entries = list(walk(folder))
    found = find_documents(entries, [entry for entry in entries if is_table(entry)])
    if found is None:
        return None
    documents, notes = found
    return {
        split: {label: [str(path.relative_to(folder)) for path in paths] for label, paths in classes.items()}
        for split, classes in documents.items()
    }, notes


def test_folders_of_splits(tmp_path):
    names = ["train/pos/1.txt", "train/pos/10.txt", "train/pos/2.txt", "train/neg/1.txt", "test/neg/1.txt",
             "test/pos/1.txt", "train/unsup/1.txt", "train/unsup/2.txt", "README", "imdb.vocab"]  # fmt: skip
    documents, notes = find(tmp_path, names)
    assert documents == {
        "train": {"neg": ["train/neg/1.txt"], "pos": ["train/pos/1.txt", "train/pos/2.txt", "train/pos/10.txt"]},
        "test": {"neg": ["test/neg/1.txt"], "pos": ["test/pos/1.txt"]},
    }
    assert notes == ("2 files of the folder unsup have no label and were left out.",)


def test_classes_alone(tmp_path):
    documents, notes = find(tmp_path, ["neg/cv000.txt", "pos/cv000.txt", "pos/cv001.txt"])
    assert documents == {"train": {"neg": ["neg/cv000.txt"], "pos": ["pos/cv000.txt", "pos/cv001.txt"]}}
    assert notes == ()


def test_files_of_numbers_below_a_folder_that_all_share(tmp_path):
    """As in 20 Newsgroups."""
    documents, _ = find(tmp_path, ["news/alt.atheism/49960", "news/sci.med/59217", "news/sci.med/59218"])
    assert documents == {
        "train": {"alt.atheism": ["news/alt.atheism/49960"], "sci.med": ["news/sci.med/59217", "news/sci.med/59218"]}
    }


@pytest.mark.parametrize(
    "names",
    [
        ["pos/1.txt", "pos/2.txt"],  # one class
        ["pos/1.txt", "neg/1.txt", "train.csv"],  # tables come first
        ["pos/1.txt", "neg/1.txt", "train.txt"],  # a file of this very name too
        ["train/rows.csv", "test/rows.csv"],
        ["train/1.txt", "test/1.txt"],  # texts of splits, without classes
        ["notes.txt", "more.txt"],
        [],
    ],
)
def test_other_folders(tmp_path, names):
    assert find(tmp_path, names) is None
