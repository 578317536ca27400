"""From ``data.source`` to rows: files found, labels named, what is missing made."""

import json

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from loading import counts, load, message, parquet, rows_of, three_splits, write_csv

LIAR_NAMES = ["id", "label", "statement", "subject", "speaker", "job", "state", "party", "barely_true_counts",
              "false_counts", "half_true_counts", "mostly_true_counts", "pants_on_fire_counts", "context"]  # fmt: skip
LIAR_LABELS = ("pants-fire", "false", "barely-true", "half-true", "mostly-true", "true")
PACKED = "also compressed (.gz, .bz2, .xz, .zst, .zip)"
ENDINGS = f".tsv, .tab, .txt, .csv, .jsonl, .ndjson, .json, .parquet, .arrow, .feather, {PACKED}"


TRAIN = [("one cup", "no"), ("two cups", "yes"), ("three cups", "no"), ("four cups", "yes")]
VALID = [("five cups", "yes")]
TEST = [("six cups", "no"), ("seven cups", "yes")]


@pytest.fixture
def folder(tmp_path):
    for name, rows in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        write_csv(tmp_path / f"{name}.csv", rows)
    return tmp_path


@pytest.fixture
def single(tmp_path):
    """One file: 40 rows of a and 20 of b, all texts different."""
    return write_csv(tmp_path / "rows.csv", [(f"text {i}", "b" if i % 3 == 0 else "a") for i in range(60)])


@pytest.fixture
def liar(tmp_path):
    """A folder in LIAR's own form; every label stands once in valid and test and twice in train."""

    def row(i, label):
        return [f"{i}.json", label, f'Claim {i} of "mine"', f"subject {i}", f"speaker {i}", "" if i % 2 else f"job {i}",
                "Ohio", "none", "7771", "7772", "7773", "7774", "7775", f"a talk {i}"]  # fmt: skip

    for start, name, times in ((0, "train", 2), (100, "valid", 1), (200, "test", 1)):
        rows = [row(start + i, label) for i, label in enumerate(("true", *LIAR_LABELS[:5]) * times)]
        (tmp_path / f"{name}.tsv").write_text("".join("\t".join(r) + "\n" for r in rows), "utf-8")
    return tmp_path


# ---- where the files are


def test_a_folder(folder):
    splits = load(folder)
    assert splits.label_names == ("no", "yes")
    assert not splits.ordinal
    assert splits.notes == ()
    assert [split.name for split in splits] == ["train", "valid", "test"]
    assert [rows_of(split, splits.label_names) for split in splits] == [TRAIN, VALID, TEST]
    assert splits.train.pairs is None
    assert splits.train.labels.dtype == "int64"
    assert splits.counts() == {
        "train": {"no": 2, "yes": 2},
        "valid": {"no": 0, "yes": 1},
        "test": {"no": 1, "yes": 1},
    }


@pytest.mark.parametrize("name", ["validation.csv", "dev.csv", "val.csv", "Valid.CSV"])
def test_other_names_of_the_valid_file(folder, name):
    (folder / "valid.csv").rename(folder / name)
    assert load(folder).valid.texts == ("five cups",)
    assert load(folder).notes == ()


def test_other_files_of_a_folder_do_not_matter(folder):
    write_csv(folder / "training.csv", [("x", "y")])
    (folder / "train.txt").write_text("x")
    (folder / "README.md").write_text("x")
    assert load(folder).train.texts == ("one cup", "two cups", "three cups", "four cups")


@pytest.mark.parametrize(("first", "second", "split"), [("train.csv", "train.jsonl", "train"),
                                                        ("dev.csv", "valid.csv", "valid")])  # fmt: skip
def test_two_files_for_one_split(folder, first, second, split):
    write_csv(folder / (first if first == "dev.csv" else second), TRAIN)
    assert message(folder) == (
        f"{folder}: {first} and {second} could both be the {split} split. Say which, as in --set 'data.source="
        "{train: F, valid: F, test: F}'."
    )


def test_a_folder_without_a_train_file(folder):
    (folder / "train.csv").unlink()
    assert message(folder) == (
        f"{folder}: there is no train file in this folder. It needs train (and, where you have them, valid and test) with "
        f"one of the endings {ENDINGS}. The folder holds test.csv, valid.csv."
    )


def test_no_such_path(tmp_path):
    assert message(tmp_path / "gone") == f"data.source: there is no file or folder {tmp_path / 'gone'}."


def test_a_mapping_of_files(tmp_path):
    write_csv(tmp_path / "a.csv", TRAIN)
    (tmp_path / "b.tsv").write_text("label\ttext\nyes\tfive cups\n")
    (tmp_path / "c.jsonl").write_text('{"text": "six cups", "label": "no"}\n{"text": "seven cups", "label": "yes"}\n')
    splits = load({"train": f"{tmp_path}/a.csv", "valid": f"{tmp_path}/b.tsv", "test": f"{tmp_path}/c.jsonl"})
    assert [rows_of(split, splits.label_names) for split in splits] == [TRAIN, VALID, TEST]


def test_a_mapping_with_a_missing_file(folder):
    gone = f"{folder}/gone.csv"
    assert message({"train": f"{folder}/train.csv", "test": gone}) == f"{gone}: there is no such file."


def test_files_without_a_header(tmp_path):
    (tmp_path / "train.tsv").write_text("no\tone cup\nyes\ttwo cups\n" * 3)
    (tmp_path / "valid.tsv").write_text("no\tx\n")
    (tmp_path / "test.tsv").write_text("yes\ty\n")
    splits = load(tmp_path, columns=["label", "text"])
    assert rows_of(splits.train, splits.label_names) == [("one cup", "no"), ("two cups", "yes")] * 3


def test_an_encoding(folder):
    (folder / "test.csv").write_bytes("text,label\ncafé,no\n".encode("latin-1"))
    assert load(folder, encoding="latin-1").test.texts == ("café",)


# ---- splitting off


def test_splitting_off_test_and_valid(single):
    splits = load(single)
    names = splits.label_names
    # 10 % of 60 rows is 6 = 4 a + 2 b; 10 % of the 54 left (36 a, 18 b) is 5.4, so 5 = 3⅓ + 1⅔, so 3 a + 2 b
    assert counts(splits.test, names) == {"a": 4, "b": 2}
    assert counts(splits.valid, names) == {"a": 3, "b": 2}
    assert counts(splits.train, names) == {"a": 33, "b": 16}
    everything = [row for split in splits for row in rows_of(split, names)]
    assert sorted(everything) == sorted((f"text {i}", "b" if i % 3 == 0 else "a") for i in range(60))
    assert [split.name for split in splits] == ["train", "valid", "test"]
    assert splits.notes == (
        "The source has no labelled test split: 6 rows were split off train, stratified by label, with data.split_seed 0.",
        "The source has no labelled valid split: 5 rows were split off train, stratified by label, with data.split_seed 0.",
    )


def test_splitting_off_keeps_the_order_and_the_ids_of_the_rows(single):
    splits = load(single)
    for split in splits:
        numbers = [int(text.split()[1]) for text in split.texts]
        assert numbers == sorted(numbers)
        assert all(row_id.startswith("train-") for row_id in split.ids)


def test_splitting_off_follows_split_seed(single):
    again, other = load(single), load(single, split_seed=1)
    first = load(single)
    assert [split.digest for split in again] == [split.digest for split in first]
    assert set(other.test.texts) != set(first.test.texts)
    assert set(other.valid.texts) != set(first.valid.texts)
    assert counts(other.test, other.label_names) == {"a": 4, "b": 2}
    assert other.notes[0].endswith("with data.split_seed 1.")


def test_only_valid_is_split_off_where_test_is_there(single, tmp_path):
    test = write_csv(tmp_path / "t.csv", [("other", "b")])
    splits = load({"train": str(single), "test": str(test)})
    assert splits.test.texts == ("other",)
    assert counts(splits.valid, splits.label_names) == {"a": 4, "b": 2}
    assert len(splits.train) == 54
    assert splits.notes == (
        "The source has no labelled valid split: 6 rows were split off train, stratified by label, with data.split_seed 0.",
    )


def test_equal_texts_stay_together(tmp_path):
    rows = [(f"text {i % 40}", "a" if i % 2 else "b") for i in range(120)]  # each text three times
    splits = load(write_csv(tmp_path / "rows.csv", rows))
    texts = [set(split.texts) for split in splits]
    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]
    assert not texts[1] & texts[2]
    # 10 % of 40 different texts, then of 36
    assert [len(t) for t in texts] == [32, 4, 4]
    assert [len(split) for split in splits] == [96, 12, 12]
    assert "12 rows were split off" in splits.notes[0]


def test_too_few_rows_to_split(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [("a b", "x"), ("c d", "y"), ("a b", "x"), ("e f", "y")])
    assert message(path) == (
        "train has 3 different texts in 2 classes: too few to split a test split off. Give a test file."
    )


def test_a_class_of_hardly_any_rows_stays_in_train(tmp_path):
    path = write_csv(tmp_path / "rows.csv", [(f"text {i}", "x" if i % 2 else "y") for i in range(60)] + [("r", "rare")])
    splits = load(path)
    assert splits.counts() == {
        "train": {"rare": 1, "x": 24, "y": 24}, "valid": {"rare": 0, "x": 3, "y": 3}, "test": {"rare": 0, "x": 3, "y": 3},
    }  # fmt: skip


def test_a_header_named_away_is_noticed(tmp_path):
    rows = [(f"text {i}", "x" if i % 2 else "y") for i in range(60)]
    path = write_csv(tmp_path / "rows.csv", rows)  # its first row is text,label
    assert message(path, columns=["text", "label"]) == (
        f"{path}: the first row is a header with these very names. Leave data.columns out, which is for files without one."
    )
    assert message(path, columns=["a", "b"], text="a", label="b") == (
        f"{path}: label 'label' stands in the first row and nowhere else, so that row looks like a header. Leave "
        "data.columns out, which is for files without one."
    )


def test_a_mistyped_file_is_no_hub_id():
    assert message("data/revews.csv") == "data.source: there is no file or folder data/revews.csv."


def test_a_text_file_without_suffix_or_with_txt(tmp_path):
    (tmp_path / "SMS").write_text("ham\tone cup, two\nspam\ttwo cups\n" * 3)
    splits = load({"train": str(tmp_path / "SMS"), "valid": str(tmp_path / "SMS"), "test": str(tmp_path / "SMS")},
                  columns=["label", "text"])  # fmt: skip
    assert splits.train.texts[:2] == ("one cup, two", "two cups")
    (tmp_path / "pairs.txt").write_text("text;label\na;x\nb;y\n")
    file = str(tmp_path / "pairs.txt")
    assert load({"train": file, "valid": file, "test": file}).train.texts == ("a", "b")


def test_equal_texts_stay_together_whatever_their_metadata(tmp_path):
    lines = [f"same {i // 3},{'x' if i // 3 % 2 else 'y'},maker {i}" for i in range(90)]
    (tmp_path / "rows.csv").write_text("text,label,who\n" + "\n".join(lines) + "\n")
    splits = load(tmp_path / "rows.csv", metadata="who")
    assert not set(splits.train.texts) & (set(splits.valid.texts) | set(splits.test.texts))


# ---- samples


def test_max_rows_takes_a_stratified_sample_of_each_split(single, tmp_path):
    test = write_csv(tmp_path / "t.csv", [(f"other {i}", "a" if i < 8 else "b") for i in range(10)])
    valid = write_csv(tmp_path / "v.csv", [("third", "a"), ("fourth", "b")])
    source = {"train": str(single), "valid": str(valid), "test": str(test)}
    splits = load(source, max_rows=6)
    names = splits.label_names
    assert counts(splits.train, names) == {"a": 4, "b": 2}
    assert counts(splits.test, names) == {"a": 5, "b": 1}  # 4.8 and 1.2
    assert splits.valid.texts == ("third", "fourth")
    assert splits.notes == (
        "train: a stratified sample of 6 of 60 rows (data.max_rows).",
        "test: a stratified sample of 6 of 10 rows (data.max_rows).",
    )
    whole = load(source)
    assert set(zip(splits.train.ids, splits.train.texts, strict=True)) <= set(
        zip(whole.train.ids, whole.train.texts, strict=True)
    )
    assert load(source, max_rows=6).train.digest == splits.train.digest
    assert load(source, max_rows=6, split_seed=3).train.digest != splits.train.digest


# ---- ids


def test_row_ids_do_not_depend_on_other_rows(folder):
    before = dict(zip(load(folder).train.texts, load(folder).train.ids, strict=True))
    write_csv(folder / "train.csv", [("zero cups", "no"), *reversed(TRAIN), ("nine cups", "yes")])
    after = dict(zip(load(folder).train.texts, load(folder).train.ids, strict=True))
    assert {text: after[text] for text in before} == before
    assert len(set(after.values())) == 6
    assert all(row_id.startswith("train-") and len(row_id) == len("train-") + 16 for row_id in after.values())


def test_row_ids_of_equal_texts_are_numbered(folder):
    write_csv(folder / "train.csv", [("same", "no"), ("other", "no"), ("same", "yes"), ("same", "no"), ("yet", "yes")])
    ids = load(folder).train.ids
    assert ids[2] == f"{ids[0]}-2"
    assert ids[3] == f"{ids[0]}-3"
    assert ids[0].count("-") == ids[1].count("-") == ids[4].count("-") == 1


def test_row_ids_name_the_split(folder):
    write_csv(folder / "test.csv", TRAIN)
    splits = load(folder)
    assert [i.replace("train-", "test-") for i in splits.train.ids] == list(splits.test.ids)


def test_row_ids_depend_on_both_segments(folder):
    for name in ("train", "valid", "test"):
        rows = [("same", "no", "left"), ("same", "yes", "right")]
        write_csv(folder / f"{name}.csv", rows, ("text", "label", "more"))
    one_text = [("same", "no", "left"), ("same", "yes", "right"), ("other", "yes", "right")]
    write_csv(folder / "train.csv", one_text, ("text", "label", "more"))
    assert load(folder).train.ids[1] == f"{load(folder).train.ids[0]}-2"
    first, second, _ = load(folder, text=["text", "more"]).train.ids
    assert second != f"{first}-2"


# ---- segments


@pytest.fixture
def wide(tmp_path):
    """Rows with a second text and two further columns, some of them empty."""
    rows = [
        ["first", "no", "second", "ann", "red"],
        ["first too", "yes", "", "bob", ""],
        ["first three", "no", "second three", "", ""],
        ["first four", "yes", "", "", ""],
    ]
    for name in ("train", "valid", "test"):
        write_csv(tmp_path / f"{name}.csv", rows, ("text", "label", "more", "the_speaker", "party"))
    return tmp_path


def test_two_text_columns(wide):
    train = load(wide, text=["text", "more"]).train
    assert train.texts == ("first", "first too", "first three", "first four")
    assert train.pairs == ("second", "", "second three", "")
    assert train.segments()[0] == ("first", "second")


def test_the_order_of_two_text_columns(wide):
    assert load(wide, text=["more", "text"]).train.segments()[0] == ("second", "first")


def test_metadata_makes_a_second_segment(wide):
    train = load(wide, metadata=["the_speaker", "party"]).train
    assert train.texts == ("first", "first too", "first three", "first four")
    assert train.second_segments() == ("the_speaker: ann; party: red", "the_speaker: bob", "", "")


def test_metadata_after_a_second_text(wide):
    assert load(wide, text=["text", "more"], metadata=["party", "the_speaker"]).train.second_segments() == (
        "second; party: red; the_speaker: ann",
        "the_speaker: bob",
        "second three",
        "",
    )


def test_metadata_of_json_may_lack(tmp_path):
    rows = [{"text": "a b", "label": "x", "who": None}, {"text": "c d", "label": "y", "who": 3}]
    for name in ("train", "valid", "test"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    assert load(tmp_path, metadata="who").train.second_segments() == ("", "who: 3")


def test_a_missing_column_of_each_kind(wide):
    tail = (
        " The columns are text, label, more, the_speaker, party. If the first row is data and no header, name the columns "
        "with data.columns."
    )
    where = f"{wide / 'train.csv'}: there is no column"
    assert message(wide, text="claim") == f"{where} 'claim', which data.text names.{tail}"
    assert message(wide, label="verdict") == f"{where} 'verdict', which data.label names.{tail}"
    assert message(wide, metadata="who") == f"{where} 'who', which data.metadata names.{tail}"


def test_a_column_that_only_test_lacks(folder):
    write_csv(folder / "test.csv", TEST, ("text", "verdict"))
    assert message(folder) == (
        f"{folder / 'test.csv'}: there is no column 'label', which data.label names. The columns are text, verdict. If the "
        "first row is data and no header, name the columns with data.columns."
    )


# ---- LIAR


def liar_load(source, **keys):
    return load(source, text="statement", **keys)


def test_liar_has_six_labels_in_order(liar):
    for groups in ({}, {"label_groups": "six"}, {"label_groups": None}):
        splits = liar_load(liar, **groups)
        assert splits.label_names == LIAR_LABELS
        assert splits.ordinal
        assert splits.test.labels.tolist() == [5, 0, 1, 2, 3, 4]
        assert splits.test.texts[1] == 'Claim 201 of "mine"'


def test_liar_three(liar):
    splits = liar_load(liar, label_groups="three")
    assert splits.label_names == ("false", "no-basis", "true")
    assert splits.ordinal
    # true, pants-fire, false, barely-true, half-true, mostly-true
    assert splits.test.labels.tolist() == [2, 0, 0, 1, 1, 2]


def test_liar_two(liar):
    splits = liar_load(liar, label_groups="two")
    assert splits.label_names == ("false", "true")
    assert splits.ordinal
    assert splits.test.labels.tolist() == [1, 0, 0, 0, 1, 1]


def test_liar_with_an_own_mapping_has_no_order(liar):
    mapping = dict.fromkeys(LIAR_LABELS[:3], "wrong") | dict.fromkeys(LIAR_LABELS[3:], "right")
    splits = liar_load(liar, label_groups=mapping)
    assert splits.label_names == ("right", "wrong")
    assert not splits.ordinal
    assert splits.test.labels.tolist() == [0, 1, 1, 1, 0, 0]


def test_liar_with_an_own_order(liar):
    splits = liar_load(liar, label_groups="three", label_order=["true", "no-basis", "false"])
    assert splits.label_names == ("true", "no-basis", "false")
    assert splits.test.labels.tolist() == [0, 2, 2, 1, 1, 0]


def test_the_counts_of_liar_are_never_read_unless_named(liar):
    described = ["subject", "speaker", "job", "state", "party", "context"]
    for metadata in ([], described):
        for split in liar_load(liar, metadata=metadata):
            assert not any("777" in part for row in split.segments() for part in row)
    named = liar_load(liar, metadata=["pants_on_fire_counts", "job"]).train
    assert named.second_segments()[:2] == ("pants on fire counts: 7775; job: job 0", "pants on fire counts: 7775")


def test_metadata_of_liar(liar):
    train = liar_load(liar, metadata=["subject", "speaker", "job", "state", "party", "context"]).train
    assert train.second_segments()[:2] == (
        "subject: subject 0; speaker: speaker 0; job: job 0; state: Ohio; party: none; context: a talk 0",
        "subject: subject 1; speaker: speaker 1; state: Ohio; party: none; context: a talk 1",
    )


def test_the_hubs_names_of_liars_columns(liar, tmp_path):
    """The Hub's copy: Parquet, three columns of other names, class numbers in another order."""
    hub = tmp_path / "hub"
    hub.mkdir()
    names = ["false", "half-true", "mostly-true", "true", "barely-true", "pants-fire"]
    renamed = {"job": "job_title", "state": "state_info", "party": "party_affiliation"}
    for split in ("train", "valid", "test"):
        rows = [line.split("\t") for line in (liar / f"{split}.tsv").read_text().splitlines()]
        columns = {
            renamed.get(name, name): list(cells)
            for name, cells in zip(LIAR_NAMES, zip(*rows, strict=True), strict=True)
        }
        columns["label"] = [names.index(label) for label in columns["label"]]
        for count in LIAR_NAMES[8:13]:
            columns[count] = [float(cell) for cell in columns[count]]
        features = Features({name: Value("float32" if name in LIAR_NAMES[8:13] else "string") for name in columns})
        features["label"] = ClassLabel(names=names)
        Dataset.from_dict(columns, features=features).to_parquet(hub / f"{split}.parquet")
    own, theirs = liar_load(liar, metadata=["job", "party"]), liar_load(hub, metadata=["job", "party"])
    assert theirs.label_names == LIAR_LABELS
    assert theirs.ordinal
    assert [split.digest for split in theirs] == [split.digest for split in own]
    asked = liar_load(hub, metadata=["job_title"])
    assert asked.train.second_segments()[0] == "job: job 0"


def test_liars_groups_fit_no_other_data(folder):
    assert message(folder, label_groups="three") == (
        f"data.label_groups: 'three' names a grouping of LIAR's six labels, but {folder / 'train.csv'} is not LIAR. Give a "
        "mapping {old name: new name}, or null."
    )


# ---- texts


def test_a_text_column_of_numbers(tmp_path):
    three_splits(tmp_path, [("3", "the lamp"), ("-4.5e1", "the door")])
    assert message(tmp_path) == (
        f"{tmp_path / 'train.csv'}: column 'text', which data.text names, holds numbers (the first is 3), not text. The "
        "columns are text, label."
    )


def test_some_numbers_among_texts_are_texts(tmp_path):
    assert load(three_splits(tmp_path, [("3", "a"), ("three", "b")])).train.texts == ("3", "three")


def test_an_empty_text_column(tmp_path):
    three_splits(tmp_path, [("", "a"), (" ", "b")])
    assert message(tmp_path) == (
        f"{tmp_path / 'train.csv'}: column 'text', which data.text names, is empty in every row."
    )


def test_single_empty_texts_are_kept(tmp_path):
    assert load(three_splits(tmp_path, [("", "a"), ("b", "b")])).train.texts == ("", "b")


# ---- test splits without labels


@pytest.mark.parametrize("unlabelled", ["-1", "", None])
def test_an_unlabelled_test_split_is_left_out_and_made_again(single, tmp_path, unlabelled):
    hidden = tmp_path / "hidden.jsonl"
    hidden.write_text("".join(json.dumps({"text": f"hidden {i}", "label": unlabelled}) + "\n" for i in range(3)))
    valid = write_csv(tmp_path / "v.csv", [("other", "a"), ("more", "b")])
    splits = load({"train": str(single), "valid": str(valid), "test": str(hidden)})
    assert not any(text.startswith("hidden") for split in splits for text in split.texts)
    assert splits.valid.texts == ("other", "more")
    assert counts(splits.test, splits.label_names) == {"a": 4, "b": 2}
    assert counts(splits.train, splits.label_names) == {"a": 36, "b": 18}
    assert splits.notes == (
        "The test split of the source has no labels and was left out.",
        "The source has no labelled test split: 6 rows were split off train, stratified by label, with data.split_seed 0.",
    )


def test_an_unlabelled_parquet_test_split(tmp_path):
    train = [0, 1] * 15
    splits = load(parquet(tmp_path, {"train": train, "valid": [1], "test": [-1, -1]}, ["world", "sport"]))
    # 10 % of 30 is 3: 1½ + 1½, and of two equal remainders the first class gets the row
    assert splits.counts()["test"] == {"world": 2, "sport": 1}
    assert len(splits.notes) == 2


# ---- lists, patterns and folders for a split


def test_a_list_and_a_pattern_are_one_train(tmp_path):
    write_csv(tmp_path / "part-2.csv", TRAIN[2:])
    write_csv(tmp_path / "part-1.csv", TRAIN[:2])
    valid, test = write_csv(tmp_path / "v.csv", VALID), write_csv(tmp_path / "t.csv", TEST)
    others = {"valid": str(valid), "test": [str(test)]}
    for train in ([f"{tmp_path}/part-1.csv", f"{tmp_path}/part-2.csv"], f"{tmp_path}/part-*.csv",
                  [f"{tmp_path}/part-[12].csv"]):  # fmt: skip
        splits = load({"train": train, **others})
        assert [rows_of(split, splits.label_names) for split in splits] == [TRAIN, VALID, TEST]


def test_a_pattern_whose_files_name_splits(tmp_path):
    for name, rows in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
        write_csv(tmp_path / f"cups_{name}.csv", rows)
    splits = load(f"{tmp_path}/cups_*.csv")
    assert [rows_of(split, splits.label_names) for split in splits] == [TRAIN, VALID, TEST]


def test_a_folder_for_a_split(tmp_path):
    (tmp_path / "rows").mkdir()
    write_csv(tmp_path / "rows" / "b.csv", TRAIN[2:])
    write_csv(tmp_path / "rows" / "a.csv", TRAIN[:2])
    valid, test = write_csv(tmp_path / "v.csv", VALID), write_csv(tmp_path / "t.csv", TEST)
    splits = load({"train": str(tmp_path / "rows"), "valid": str(valid), "test": str(test)})
    assert rows_of(splits.train, splits.label_names) == TRAIN


def test_a_pattern_that_no_file_matches(tmp_path):
    pattern = f"{tmp_path}/part-*.csv"
    assert message(pattern) == f"data.source: no file matches {pattern}."
    assert message({"train": pattern}) == f"data.source.train: no file matches {pattern}."


def test_a_fault_in_the_second_file_of_a_split(tmp_path):
    first, second = write_csv(tmp_path / "1.csv", TRAIN), write_csv(tmp_path / "2.csv", [("a b", "no"), ("c d", " ")])
    train = [str(first), str(second)]
    assert message({"train": train, "test": str(first)}) == f"{second}, line 3: the label (column 'label') is empty."
    assert message(
        {"train": str(first), "test": [str(first), str(write_csv(tmp_path / "3.csv", [("a b", "maybe")]))]}
    ) == (
        f"{tmp_path / '3.csv'}, line 2: label 'maybe' does not occur in the train split, so nothing can learn it. Train has "
        "no, yes."
    )


def test_a_subset_of_a_folder(tmp_path):
    for language in ("en", "fr"):
        (tmp_path / language).mkdir()
        for name, rows in (("train", TRAIN), ("valid", VALID), ("test", TEST)):
            write_csv(tmp_path / language / f"{name}.csv", [(f"{language} {text}", label) for text, label in rows])
    assert load(tmp_path, subset="fr").valid.texts == ("fr five cups",)
    assert message(tmp_path) == f"{tmp_path} has the subsets en, fr; choose one with data.subset."


def test_a_folder_for_each_class(tmp_path):
    for split, rows in (("train", TRAIN), ("test", TEST)):
        for number, (text, label) in enumerate(rows):
            path = tmp_path / split / label / f"{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")
    assert message(tmp_path) == (
        "train has 4 different texts in 2 classes: too few to split a valid split off. Give a valid file."
    )
    (tmp_path / "valid" / "yes").mkdir(parents=True)
    (tmp_path / "valid" / "yes" / "0.txt").write_text(VALID[0][0])
    splits = load(tmp_path)
    assert [sorted(rows_of(split, splits.label_names)) for split in splits] == [sorted(TRAIN), VALID, sorted(TEST)]


def test_what_was_guessed_is_in_the_notes(folder):
    (folder / "train.csv").unlink()
    (folder / "train.tsv").write_text('text\tlabel\n"one ""small"" cup"\tno\n"two\ncups"\tyes\n')
    splits = load(folder)
    assert splits.train.texts == ('one "small" cup', "two\ncups")
    assert splits.notes == ("train.tsv: cells in quotes were read with standard quoting, which its rows show.",)


def test_files_that_were_not_used_are_in_the_notes(folder):
    write_csv(folder / "more.csv", TRAIN)
    assert load(folder).notes == ("Files of the source that were not used: more.csv.",)


def test_an_unlabelled_test_split_may_lack_the_column(single, tmp_path):
    valid = write_csv(tmp_path / "v.csv", [("other", "a"), ("more", "b")])
    hidden = write_csv(tmp_path / "h.csv", [("hidden",)], ("text",))
    splits = load({"train": str(single), "valid": str(valid), "test": str(hidden)})
    assert splits.notes[0] == "The test split of the source has no labels and was left out."
    assert counts(splits.test, splits.label_names) == {"a": 4, "b": 2}


def test_fields_of_objects_are_columns(tmp_path):
    for name in ("train", "valid", "test"):
        rows = [{"review": {"text": f"{name} {i}"}, "meta": {"stars": i % 2}} for i in range(2)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    splits = load(tmp_path, text="review.text", label="meta.stars")
    assert rows_of(splits.train, splits.label_names) == [("train 0", "0"), ("train 1", "1")]
    assert message(tmp_path, text="review", label="meta.stars") == (
        f"{tmp_path / 'train.jsonl'}, line 1: column 'review', which data.text names, holds an object, not text. Name a "
        "field of it: review.text."
    )
