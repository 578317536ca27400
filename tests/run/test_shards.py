"""Parts of an answer outlive a kill, and damaged ones are not used."""

import numpy as np
import pytest

from alambique.run.shards import in_shards, keep_shard, kept_shard


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


def test_an_array_is_made_part_by_part_and_goes_on_where_it_was_left(tmp_path):
    made, found = [], []

    def make(rows):
        if len(made) == 2:
            raise KeyboardInterrupt
        made.append(rows)
        return np.array(rows)

    with pytest.raises(KeyboardInterrupt):
        list(in_shards(tmp_path, 7, 3, make, found=found.append, name="train-"))
    assert (made, found) == ([range(3), range(3, 6)], [])
    made.clear()
    files = in_shards(tmp_path, 7, 3, make, found=found.append, name="train-")
    assert np.concatenate([np.load(file) for file in files]).tolist() == list(range(7))
    assert (made, found) == ([range(6, 7)], [3, 3])
