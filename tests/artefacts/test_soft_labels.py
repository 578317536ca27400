import numpy as np
import pytest

from alambique.artefacts.soft_labels import SoftLabels, append_soft_labels, read_soft_labels, write_soft_labels
from alambique.errors import CorruptArtefactError

LOGITS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32)
SOFT = SoftLabels(("a", "b", "c"), LOGITS, ("no", "yes"), {"teacher": "t"})


def test_soft_labels_are_found_by_row_id_in_any_order(tmp_path):
    write_soft_labels(SOFT, tmp_path)
    read = read_soft_labels(tmp_path)
    assert read.for_rows(("c", "a")).tolist() == [[5, 6], [1, 2]]
    assert (read.label_names, read.made_from) == (("no", "yes"), {"teacher": "t"})


def test_a_row_without_soft_label_is_named():
    with pytest.raises(CorruptArtefactError) as caught:
        SOFT.for_rows(("a", "x", "y"))
    assert str(caught.value) == "2 rows have no soft label, such as x."


def test_soft_labels_that_are_not_finite_are_refused(tmp_path):
    write_soft_labels(SoftLabels(SOFT.ids, LOGITS * np.nan, SOFT.label_names, {}), tmp_path)
    with pytest.raises(CorruptArtefactError, match="not finite"):
        read_soft_labels(tmp_path)


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    write_soft_labels(SOFT, tmp_path)
    np.save(tmp_path / "logits.npy", LOGITS[:2])
    with pytest.raises(CorruptArtefactError, match=r"has shape \(2, 2\)"):
        read_soft_labels(tmp_path)


def test_a_pickle_in_the_place_of_the_logits_is_not_loaded(tmp_path):
    write_soft_labels(SOFT, tmp_path)
    np.save(tmp_path / "logits.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="Python objects in dtype"):
        read_soft_labels(tmp_path)


def test_further_rows_are_appended_behind_the_labels(tmp_path):
    logits = np.array([[0.5, 2.0], [1.5, -0.5]], dtype=np.float32)
    labels = SoftLabels(("a", "b"), logits, ("x", "y"), {"teacher": "t"}, worth={"accuracy": 0.5})
    more = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 2.0]], dtype=np.float32)
    np.save(tmp_path / "more.npy", more)
    folder = tmp_path / "mixed"
    folder.mkdir()
    append_soft_labels(
        labels, tmp_path / "more.npy", lambda: [np.array([b"long-id-1", b"u"]), np.array([b"v"])], folder
    )
    read = read_soft_labels(folder)
    assert read.ids[:] == ("a", "b", "long-id-1", "u", "v")
    assert read.logits.tolist() == [*logits.tolist(), *more.tolist()]
    assert (read.label_names, read.made_from, read.worth) == (("x", "y"), {"teacher": "t"}, {"accuracy": 0.5})
