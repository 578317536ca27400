import numpy as np

from alambique.distributed.sharing import from_bytes, to_bytes


def test_an_array_that_is_mapped_from_disk_goes_by_its_files_name(tmp_path):
    values = np.arange(1_000_000, dtype=np.int32).reshape(-1, 2)
    np.save(tmp_path / "values.npy", values)
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r", allow_pickle=False)
    data = to_bytes({"values": mapped})
    assert len(data) < 1000
    read = from_bytes(data)["values"]
    assert isinstance(read, np.memmap)
    assert not read.flags.writeable
    assert np.array_equal(read, values)


def test_a_part_of_a_mapped_array_goes_as_it_is(tmp_path):
    np.arange(10, dtype=np.int32).tofile(tmp_path / "values")
    mapped = np.memmap(tmp_path / "values", dtype=np.int32, mode="r")
    read = from_bytes(to_bytes([mapped[2:5], mapped[::2], mapped]))
    assert [each.tolist() for each in read] == [[2, 3, 4], [0, 2, 4, 6, 8], [*range(10)]]


def test_columns_first_stay_so(tmp_path):
    np.save(tmp_path / "values.npy", np.asfortranarray(np.arange(6.0).reshape(2, 3)))
    mapped = np.load(tmp_path / "values.npy", mmap_mode="r", allow_pickle=False)
    assert from_bytes(to_bytes(mapped)).tolist() == [[0, 1, 2], [3, 4, 5]]
