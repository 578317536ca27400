"""Answers of a teacher on disk."""

import numpy as np
import pytest

from alambique.artefacts.answers import answer_facts, read_answers, write_answers
from alambique.artefacts.splits import Split, Splits
from alambique.errors import CorruptArtefactError


def split(name, rows=2):
    return Split(name, tuple(f"{name}-{i}" for i in range(rows)), ("a",) * rows, None, np.zeros(rows, dtype=np.int64))


SPLITS = Splits(split("train", 3), split("valid"), split("test"), ("no", "yes"))


def test_what_is_written_is_read(tmp_path):
    logits = {each.name: np.arange(2 * len(each), dtype=np.float32).reshape(-1, 2) for each in SPLITS}
    write_answers(tmp_path, SPLITS, logits, {"parameters": None})
    for each in SPLITS:
        assert read_answers(tmp_path, each).tolist() == logits[each.name].tolist()
    assert answer_facts(tmp_path) == {"parameters": None}


def test_answers_of_other_rows_are_refused(tmp_path):
    write_answers(tmp_path, SPLITS, {each.name: np.zeros((len(each), 2)) for each in SPLITS}, {})
    with pytest.raises(CorruptArtefactError):
        read_answers(tmp_path, split("train", 4))


def test_a_folder_that_says_nothing_is_refused(tmp_path):
    with pytest.raises(CorruptArtefactError) as refused:
        answer_facts(tmp_path)
    assert str(refused.value) == f"{tmp_path} does not hold the answers of a teacher."
