"""Which tokens stay, written and read."""

import json

import numpy as np
import pytest

from alambique.artefacts.kept_vocabulary import (
    KeptVocabulary,
    read_kept_vocabulary,
    recorded_vocabulary,
    write_kept_vocabulary,
)
from alambique.errors import CorruptArtefactError
from alambique.run.folder import RunFolder


def test_what_is_written_is_read(tmp_path):
    write_kept_vocabulary(KeptVocabulary(np.array([0, 3, 7]), 9, 0.75), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept.npy", "vocabulary.json"]
    assert json.loads((tmp_path / "vocabulary.json").read_text()) == {
        "whole": 9,
        "kept": 3,
        "valid_rows_unchanged": 0.75,
    }
    kept = read_kept_vocabulary(tmp_path, "digest")
    assert (kept.ids.tolist(), kept.whole, kept.unchanged, kept.digest) == ([0, 3, 7], 9, 0.75, "digest")


def test_a_run_without_one(exported):
    with pytest.raises(CorruptArtefactError):
        recorded_vocabulary(RunFolder.existing(exported[0]))
