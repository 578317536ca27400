import hashlib
import json

import fsspec
import pytest

from alambique.batch_prediction.layout import MANIFEST, MARK
from alambique.batch_prediction.sources import READABLE, find_inputs
from alambique.errors import DataError, UserInputError


@pytest.fixture
def memory():
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    yield storage
    storage.store.clear()


@pytest.fixture
def files(tmp_path):
    for name in (
        "b.csv",
        "a.parquet",
        "sub/c.jsonl.gz",
        "sub/_SUCCESS",
        "readme.txt",
        "_old.csv",
        ".hid.csv",
        "config.json",
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return tmp_path / "in"


def names(found, folder):
    return [file.name.removeprefix(f"{folder}/") for file in found]


def test_a_folder_gives_its_data_files_in_order(files, tmp_path):
    found = find_inputs([str(files)], output=tmp_path / "out")
    assert names(found, files) == ["a.parquet", "b.csv", "sub/c.jsonl.gz"]
    assert [file.form for file in found] == ["parquet", "csv", "json"]
    assert found[1].identity == {"sha256": hashlib.sha256(b"b.csv").hexdigest()}


def test_names_keep_their_order_and_each_file_comes_once(files, tmp_path):
    found = find_inputs([f"{files}/b.csv", f"{files}/**/*.gz", str(files)], output=tmp_path / "out")
    assert names(found, files) == ["b.csv", "sub/c.jsonl.gz", "a.parquet"]


def test_output_is_never_input(files, tmp_path):
    other = files / "other"
    other.mkdir()
    (other / MARK).write_text("{}")
    (other / "part-0.parquet").write_bytes(b"")
    (files / "out").mkdir()
    (files / "out" / "part-0.parquet").write_bytes(b"")
    (tmp_path / "link").symlink_to(files)
    for name in (str(files), f"{files}/**/*.[cpg]*", f"{files}/../link/*/*.parquet", str(tmp_path / "link")):
        found = find_inputs([name], output=files / "sub" / ".." / "out")
        assert found
        assert not [file.path for file in found if file.path.endswith("/out/part-0.parquet")]
    assert "other/part-0.parquet" not in names(find_inputs([str(files)], output=files / "out"), files)


def test_an_earlier_output_can_be_input_once_it_is_whole(files, tmp_path):
    (files / MARK).write_text("{}")
    with pytest.raises(DataError) as refused:
        find_inputs([str(files)], output=tmp_path / "out")
    assert str(refused.value) == (
        f"{files} holds predictions that are not finished: it has no {MANIFEST}. Give the command again that began them."
    )
    (files / MANIFEST).write_text("{}")
    assert names(find_inputs([str(files)], output=tmp_path / "out"), files) == ["a.parquet", "b.csv", "sub/c.jsonl.gz"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("absent.csv", "--input: there is no file or folder {0}/absent.csv."),
        ("*.tsv", "--input: no file matches {0}/*.tsv."),
        ("readme.txt", f"{{0}}/readme.txt: a file to classify ends in {READABLE}."),
        ("empty", f"{{0}}/empty: there is no file to classify in this folder. One ends in {READABLE}."),
    ],
)
def test_what_is_not_there_is_named(files, tmp_path, name, message):
    (files / "empty").mkdir()
    with pytest.raises(DataError) as refused:
        find_inputs([f"{files}/{name}"], output=tmp_path / "out")
    assert str(refused.value) == message.format(files)


def test_addresses_are_read_through_fsspec(memory, tmp_path):
    for name in ("in/b.csv", "in/a.jsonl", "in/_SUCCESS", "in/note.txt"):
        memory.pipe(f"/{name}", name.encode())
    found = find_inputs(["memory://in"], output=tmp_path)
    assert [file.name for file in found] == ["memory:///in/a.jsonl", "memory:///in/b.csv"]
    with found[0].on_this_machine() as path:
        assert (path.name, path.read_text()) == ("a.jsonl", "in/a.jsonl")
    assert not path.exists()
    assert [file.name for file in find_inputs(["memory://in/*.csv"], output=tmp_path)] == ["memory:///in/b.csv"]
    before = found[1].identity
    memory.pipe("/in/b.csv", b"other")
    assert set(before) == {"version"}
    assert find_inputs(["memory://in/b.csv"], output=tmp_path)[0].identity != before


def test_a_file_address_is_a_path(files, tmp_path):
    (found,) = find_inputs([f"file://{files}/b.csv"], output=tmp_path)
    assert (found.name, found.storage) == (f"{files}/b.csv", None)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("memory://absent", DataError, "--input: there is no file to classify at memory://absent."),
        ("nope://x/y", DataError, "nope://x/y: cannot be read (Protocol not known: nope)."),
        ("s3://bucket/x.csv", UserInputError, "--input s3://bucket/x.csv: Install s3fs to access S3."),
    ],
)
def test_an_address_that_cannot_be_read_is_told_in_one_line(memory, tmp_path, name, kind, message, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "s3fs", None)
    with pytest.raises(kind) as refused:
        find_inputs([name], output=tmp_path)
    assert str(refused.value) == message


def test_the_version_of_a_file_is_json(memory, tmp_path):
    memory.pipe("/x.csv", b"text\na\n")
    assert json.dumps(find_inputs(["memory://x.csv"], output=tmp_path)[0].identity)
