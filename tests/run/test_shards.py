"""Parts of an answer outlive a kill, and damaged ones are not used."""

import numpy as np

from alambique.run.shards import keep_shard, kept_shard


def test_what_is_kept_is_found(tmp_path):
    assert kept_shard(tmp_path, "train-0") is None
    assert keep_shard(tmp_path, "train-0", np.eye(2)) == kept_shard(tmp_path, "train-0")
    assert np.load(kept_shard(tmp_path, "train-0")).tolist() == np.eye(2).tolist()
    assert kept_shard(tmp_path, "train-00") is None


def test_what_is_damaged_is_removed(tmp_path):
    keep_shard(tmp_path, "train-0", np.eye(2))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    assert kept_shard(tmp_path, "train-0") is None
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_half_written_does_not_count(tmp_path):
    (tmp_path / "train-0.part").write_bytes(b"half")
    assert kept_shard(tmp_path, "train-0") is None
    keep_shard(tmp_path, "train-0", np.eye(2))
    assert [path.suffix for path in tmp_path.iterdir()] == [".npy"]
