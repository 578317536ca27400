"""Which files of a folder, or of a list, are which split."""

import pytest
from datasets import Dataset, DatasetDict

from alambique.data.sources import Found, files_of, find_splits, listed
from alambique.errors import DataError

PACKED = "also compressed (.gz, .bz2, .xz, .zst, .zip)"
ENDINGS = f".tsv, .tab, .txt, .csv, .jsonl, .ndjson, .json, .parquet, .arrow, .feather, {PACKED}"


def make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text,label\na,x\n")


def find(folder, *names, subset=None):
    """Split → its files as paths below the folder; and the notes."""
    make(folder, *names)
    found = find_splits(folder, where="here", subset=subset)
    assert not found.documents
    return {s: [p.relative_to(folder).as_posix() for p in paths] for s, paths in found.tables.items()}, found.notes


def message(folder, *names, subset=None):
    make(folder, *names)
    with pytest.raises(DataError) as caught:
        find_splits(folder, where="here", subset=subset)
    return str(caught.value)


@pytest.mark.parametrize(
    ("names", "tables"),
    [
        (["train.csv", "dev.csv", "test.csv"], {"train": ["train.csv"], "valid": ["dev.csv"], "test": ["test.csv"]}),
        (["train.csv.gz", "validation.jsonl"], {"train": ["train.csv.gz"], "valid": ["validation.jsonl"]}),
        (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"],
         {"train": ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet"],
          "test": ["data/test-00000-of-00001.parquet"]}),
        (["train/part-0.jsonl", "train/part-1.jsonl", "test/part-0.jsonl"],
         {"train": ["train/part-0.jsonl", "train/part-1.jsonl"], "test": ["test/part-0.jsonl"]}),
        (["reviews_train.csv", "reviews_test.csv"], {"train": ["reviews_train.csv"], "test": ["reviews_test.csv"]}),
        (["reviews.csv"], {"train": ["reviews.csv"]}),
        (["train.txt"], {"train": ["train.txt"]}),
        (["SMSSpamCollection.txt"], {"train": ["SMSSpamCollection.txt"]}),
        (["train.csv", "train.txt"], {"train": ["train.csv"]}),
    ],
)  # fmt: skip
def test_files_by_their_names(tmp_path, names, tables):
    found, notes = find(tmp_path, *names)
    assert found == tables
    assert not any("joined" in note for note in notes)


def test_the_exact_name_comes_first_and_the_others_are_named(tmp_path):
    assert find(tmp_path, "train.csv", "train_small.csv", "extra.csv", "notes.txt", "README.md") == (
        {"train": ["train.csv"]}, ("Files of the source that were not used: extra.csv, train_small.csv.",),
    )  # fmt: skip


def test_files_of_one_split_with_different_names_are_joined_and_named(tmp_path):
    assert find(tmp_path, "train.tsv", "dev_matched.tsv", "dev_mismatched.tsv") == (
        {"train": ["train.tsv"], "valid": ["dev_matched.tsv", "dev_mismatched.tsv"]},
        ("valid: 2 files were joined (dev_matched.tsv, dev_mismatched.tsv).",),
    )


def test_of_many_unused_files_some_are_named(tmp_path):
    _, notes = find(tmp_path, "train.csv", *(f"more{i}.csv" for i in range(7)))
    names = ", ".join(f"more{i}.csv" for i in range(5))
    assert notes == (f"Files of the source that were not used: {names} and 2 more.",)


@pytest.mark.parametrize(
    ("names", "first", "second", "split"),
    [
        (["train.csv", "train.jsonl"], "train.csv", "train.jsonl", "train"),
        (["train.csv", "dev.csv", "valid.csv"], "dev.csv", "valid.csv", "valid"),
        (["a_train.csv", "b_train.csv", "b_train.jsonl"], "a_train.csv", "b_train.jsonl", "train"),
    ],
)
def test_two_files_for_one_split(tmp_path, names, first, second, split):
    assert message(tmp_path, *names) == (
        f"here: {first} and {second} could both be the {split} split. Say which, as in --set 'data.source={{train: F, "
        "valid: F, test: F}'."
    )


@pytest.mark.parametrize(
    ("names", "held"),
    [([], ""), (["test.csv", "b/notes.docx", ".hidden"], " The folder holds b/, test.csv."),
     (["train.xlsx"], " The folder holds train.xlsx."),
     (["a.txt", "b.txt"], " The folder holds a.txt, b.txt.")],
)  # fmt: skip
def test_no_train_file(tmp_path, names, held):
    assert message(tmp_path, *names) == (
        "here: there is no train file in this folder. It needs train (and, where you have them, valid and test) with one of "
        f"the endings {ENDINGS}.{held}"
    )


# ---- subsets

LANGUAGES = ("english/train.csv", "english/test.csv", "french/train.csv", "french/test.csv")


@pytest.mark.parametrize("above", ["", "data/", "v1/", "data/v1/"])
def test_folders_of_subsets(tmp_path, above):
    names = [above + name for name in LANGUAGES]
    assert message(tmp_path, *names) == "here has the subsets english, french; choose one with data.subset."
    tables = {"train": [f"{above}french/train.csv"], "test": [f"{above}french/test.csv"]}
    found, _ = find(tmp_path, subset="french")
    assert found == tables


def test_folders_of_splits_above_those_of_subsets(tmp_path):
    found, _ = find(tmp_path, "train/en/a.csv", "train/fr/a.csv", "test/en/a.csv", "test/fr/a.csv", subset="en")
    assert found == {"train": ["train/en/a.csv"], "test": ["test/en/a.csv"]}


def test_subsets_by_the_names_of_files(tmp_path):
    names = ["train_en.csv", "train_fr.csv", "test_en.csv", "test_fr.csv"]
    assert message(tmp_path, *names) == "here has the subsets en, fr; choose one with data.subset."
    assert find(tmp_path, subset="fr")[0] == {"train": ["train_fr.csv"], "test": ["test_fr.csv"]}


def test_a_default_subset(tmp_path):
    tables = {"train": ["default/train.csv"]}
    assert find(tmp_path, "default/train.csv", "other/train.csv") == (tables, ())


def test_a_folder_without_train_is_not_a_subset(tmp_path):
    assert find(tmp_path, "train.csv", "extra/test.csv") == (
        {"train": ["train.csv"]}, ("Files of the source that were not used: extra/test.csv.",),
    )  # fmt: skip


def test_no_such_subset(tmp_path):
    assert message(tmp_path, *LANGUAGES, subset="hindi") == (
        "here has no subset hindi with a train split; it has english, french. Change data.subset."
    )
    (tmp_path / "one").mkdir()
    assert message(tmp_path / "one", "train.csv", subset="hindi") == (
        "here has no subset hindi with a train split; it has no subsets. Change data.subset."
    )


# ---- what says it first


def test_a_data_card_comes_first(tmp_path):
    make(tmp_path, "train.csv", "rows/a.csv", "rows/b.csv", "rows/dev.csv")
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- data_files: {train: 'rows/[ab].csv', dev: rows/dev.csv}\n---\n"
    )
    assert find(tmp_path) == (
        {"train": ["rows/a.csv", "rows/b.csv"], "valid": ["rows/dev.csv"]},
        ("Files of the source that were not used: train.csv.",),
    )


def test_a_data_card_with_subsets(tmp_path):
    make(tmp_path, *LANGUAGES)
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- {config_name: en, data_files: {train: english/train.csv}}\n"
        "- {config_name: fr, data_files: {train: french/train.csv, extra: french/test.csv}}\n"
        "- {config_name: none, data_files: {test: english/test.csv}}\n---\n"
    )
    assert message(tmp_path) == "here has the subsets en, fr, none; choose one with data.subset."
    assert message(tmp_path, subset="de") == "here has no subset de; it has en, fr, none. Choose one with data.subset."
    assert message(tmp_path, subset="none") == "here: its data card names no train split for none; it names test."
    assert find(tmp_path, subset="fr") == (
        {"train": ["french/train.csv"]}, ("Files of the source that were not used: french/test.csv.",),
    )  # fmt: skip


def test_saved_data_sets(tmp_path):
    rows = Dataset.from_dict({"text": ["a"], "label": ["x"]})
    DatasetDict({"train": rows, "validation": rows}).save_to_disk(tmp_path / "both")
    assert find(tmp_path / "both") == ({"train": ["train"], "valid": ["validation"]}, ())
    rows.save_to_disk(tmp_path / "alone")
    assert find_splits(tmp_path / "alone", where="here") == Found({"train": [tmp_path / "alone"]})


def test_a_folder_for_each_class(tmp_path):
    make(tmp_path, "pos/1.txt", "neg/1.txt")
    found = find_splits(tmp_path, where="here")
    assert found == Found(documents={"train": {"neg": [tmp_path / "neg/1.txt"], "pos": [tmp_path / "pos/1.txt"]}})


# ---- lists


def paths(folder, *names):
    make(folder, *names)
    return [folder / name for name in names]


def test_a_list_of_files(tmp_path):
    train = paths(tmp_path, "b.csv", "a.csv")
    assert listed(train, where="data.source") == Found({"train": train})
    shards = paths(tmp_path, "train-2.csv", "train-1.csv", "more.csv")
    assert listed(shards, where="data.source") == Found({"train": shards})
    both = paths(tmp_path, "x_train.csv", "y_train.csv", "x_test.csv")
    assert listed(both, where="data.source") == Found({"train": both[:2], "test": both[2:]})


@pytest.mark.parametrize(
    ("names", "fault"),
    [(["train.csv", "test.csv", "more.csv"], "more.csv names no split"),
     (["dev.csv", "test.csv"], "none of them is of train")],
)  # fmt: skip
def test_a_list_that_is_not_clear(tmp_path, names, fault):
    with pytest.raises(DataError) as caught:
        listed(paths(tmp_path, *names), where="data.source")
    assert str(caught.value) == (
        f"data.source: the names of some files name splits, but {fault}. Say which is which, as in --set "
        "'data.source={train: [F, F], test: F}'."
    )


def test_all_files_of_a_folder(tmp_path):
    made = paths(tmp_path, "a.csv", "b/c.jsonl")
    make(tmp_path, "notes.txt", "README.md")
    assert files_of(tmp_path, where="rows") == made
    make(tmp_path, "train.csv", "test.csv")
    with pytest.raises(DataError) as caught:
        files_of(tmp_path, where="rows")
    assert str(caught.value) == (
        "rows: this folder has splits of its own (test, train). Give it as data.source itself."
    )
    (tmp_path / "none").mkdir()
    with pytest.raises(DataError) as caught:
        files_of(tmp_path / "none", where="rows")
    assert str(caught.value) == f"rows: there is no data file in this folder. A data file ends in {ENDINGS}."
