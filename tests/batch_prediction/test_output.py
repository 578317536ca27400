import errno
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.batch_prediction.layout import BEFORE, MANIFEST, MARK, RECORDS
from alambique.batch_prediction.output import OutputFolder
from alambique.batch_prediction.records import ShardRecord, keep_record
from alambique.errors import DataError, DiskError, RunFolderError
from alambique.run.integrity import file_hash
from alambique.run.lock import hold

NAME = "part-000000-" + "ab" * 16 + ".parquet"


def shard(folder, name=NAME, rows=3):
    table = pa.table({"text": ["a"] * rows, "not_classified": [None, "why", *[None] * (rows - 2)]})
    pq.write_table(table, folder / name)
    return ShardRecord(name, rows, 1, (folder / name).stat().st_size, file_hash(folder / name))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_marked_first_and_whole_last(tmp_path):
    with OutputFolder.create(tmp_path / "deep" / "out") as folder:
        assert names(folder.path) == [".lock"]
        folder.begin()
        assert names(folder.path) == [".lock", MARK]
        made = shard(folder.path)
        keep_record(folder.path, made)
        shard(folder.path, NAME.replace("ab", "cd"))
        folder.finish({"key": {"model": "m"}, "inputs": []}, [made])
    assert names(folder.path) == [MARK, MANIFEST, NAME]
    manifest = folder.manifest()
    assert manifest["shards"] == [
        {"file": NAME, "rows": 3, "not_classified": 1, "bytes": made.bytes, "sha256": made.sha256}
    ]
    assert (manifest["rows"], manifest["not_classified"], manifest["key"]) == (3, 1, {"model": "m"})
    assert folder.damage(manifest) is None
    with OutputFolder.create(folder.path) as again:
        again.begin()
        assert names(folder.path) == [".lock", BEFORE, MARK, NAME]
        again.finish({"key": {}}, [made])
    assert names(folder.path) == [MARK, MANIFEST, NAME]


def test_a_manifest_or_a_file_that_was_changed_is_noticed(tmp_path):
    with OutputFolder.create(tmp_path / "out") as folder:
        folder.begin()
        folder.finish({"key": {}}, [shard(folder.path)])
    manifest = folder.manifest()
    path = folder.path / NAME
    path.write_bytes(path.read_bytes() + b"x")
    assert folder.damage(manifest) == f"{path} is not what was written there"
    path.unlink()
    assert folder.damage(manifest) == f"{path} is missing"
    (folder.path / MANIFEST).write_text(json.dumps(json.loads((folder.path / MANIFEST).read_text()) | {"rows": 4}))
    assert folder.manifest() is None


@pytest.mark.parametrize("content", [None, "[]", '{"format": 2}'])
def test_a_folder_that_is_someone_elses_is_refused(tmp_path, content):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    if content is not None:
        (tmp_path / "out" / MARK).write_text(content)
    before = names(tmp_path / "out")
    with pytest.raises(RunFolderError) as refused, OutputFolder.create(tmp_path / "out"):
        pass
    assert str(refused.value) == (
        f"{tmp_path}/out holds other files and no {MARK} of alambique predict, so nothing is written there. Choose another "
        "folder with --output."
    )
    assert names(tmp_path / "out") == before


def test_a_link_is_not_written_through(tmp_path):
    with OutputFolder.create(tmp_path / "out") as folder:
        folder.begin()
    (tmp_path / "mine").mkdir()
    (folder.path / RECORDS).symlink_to(tmp_path / "mine")
    with pytest.raises(RunFolderError) as refused, OutputFolder.create(folder.path):
        pass
    assert str(refused.value) == (
        f"{folder.path}/.records is a link: writing through it could change files elsewhere. Remove it, or choose another "
        "folder with --output."
    )


def test_files_of_the_user_stay(tmp_path):
    with OutputFolder.create(tmp_path / "out") as folder:
        folder.begin()
        (folder.path / "part-000000-mine.parquet").write_bytes(b"mine")
        folder.finish({"key": {}}, [shard(folder.path)])
    assert names(folder.path) == [MARK, MANIFEST, NAME, "part-000000-mine.parquet"]


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RunFolderError) as refused, OutputFolder.create(tmp_path / "out"):
        pass
    assert str(refused.value) == f"{tmp_path}/out is a file; --output must name a folder."
    with pytest.raises(RunFolderError) as refused, OutputFolder.create(tmp_path / "out" / "below"):
        pass
    assert str(refused.value) == (
        f"{tmp_path}/out/below cannot be written: Not a directory. Choose another with --output."
    )


def test_one_process_at_a_time(tmp_path):
    with hold(tmp_path), pytest.raises(RunFolderError) as refused, OutputFolder.create(tmp_path):
        pass
    assert str(refused.value).startswith(f"{tmp_path} is in use by process ")
    assert str(refused.value).endswith("Wait until it is done, stop it, or choose another folder with --output.")


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    with OutputFolder.create(tmp_path / "out") as folder:
        folder.begin()
    (folder.path / f".{NAME}").write_bytes(b"half")
    with OutputFolder.create(folder.path):
        assert names(folder.path) == [".lock", MARK]


def test_a_new_folder_goes_on_an_error_unless_a_shard_is_finished(tmp_path):
    with pytest.raises(DataError), OutputFolder.create(tmp_path / "deep" / "out") as folder:
        folder.begin()
        raise DataError("row 3")
    assert names(tmp_path) == []
    with pytest.raises(KeyboardInterrupt), OutputFolder.create(tmp_path / "out") as folder:
        folder.begin()
        shard(folder.path)
        raise KeyboardInterrupt
    assert names(tmp_path / "out") == [MARK, NAME]


def test_a_full_disk_is_explained(tmp_path):
    with pytest.raises(DiskError, match="is full"), OutputFolder.create(tmp_path / "out"):
        raise OSError(errno.ENOSPC, "No space left on device")
