import numpy as np
import pytest

from alambique.artefacts.features import open_values, read_features, write_facts
from alambique.errors import CorruptArtefactError

LENGTHS = np.array([2, 1, 3])
VALUES = np.arange(24, dtype=np.float16).reshape(6, 4)


@pytest.fixture
def folder(tmp_path):
    values = open_values(tmp_path, LENGTHS, 4)
    values[:] = VALUES
    values.flush()
    write_facts(tmp_path, ("a", "b", "c"), LENGTHS, [3, 1])
    return tmp_path


def test_batches_hold_the_tokens_of_their_rows_in_order(folder):
    features = read_features(folder, "d1")
    assert (features.widths, features.digest, features.ids[:]) == ((3, 1), "d1", ("a", "b", "c"))
    assert features.batch(np.array([2, 0])).tolist() == VALUES[[3, 4, 5, 0, 1]].tolist()
    assert features.batch(np.array([1])).tolist() == VALUES[[2]].tolist()


def test_rows_are_found_by_id_whatever_their_order(folder):
    features = read_features(folder).for_rows(("c", "a"))
    assert features.batch(np.array([0])).tolist() == VALUES[3:].tolist()
    assert features.batch(np.array([1])).tolist() == VALUES[:2].tolist()
    whole = read_features(folder).for_rows(("a", "b", "c"))
    assert whole.batch(np.arange(3)).tolist() == VALUES.tolist()


def test_a_row_without_features_is_an_error(folder):
    with pytest.raises(CorruptArtefactError, match=r"^2 rows have no features, such as x\.$"):
        read_features(folder).for_rows(("a", "x", "y"))


def test_values_are_mapped_and_not_read(folder):
    assert isinstance(read_features(folder).values, np.memmap)


def test_files_that_do_not_belong_together_are_an_error(folder):
    np.save(folder / "lengths.npy", np.array([2, 1, 4]))
    with pytest.raises(CorruptArtefactError, match=r"values.npy has shape \(6, 4\), which does not fit lengths.npy"):
        read_features(folder)
