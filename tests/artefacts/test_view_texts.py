from dataclasses import replace

import numpy as np
import pytest

from alambique.artefacts.splits import Split
from alambique.artefacts.view_texts import read_view_texts, write_view_texts
from alambique.errors import CorruptArtefactError

TRAIN = Split("train", ("a", "b"), ("one", "two"), ("x", "y"), np.array([0, 1]), ("m: 1", "m: 2"))


@pytest.mark.parametrize("pairs", [None, ("é\n", "")])
def test_texts_are_read_back_and_the_rest_is_that_of_train(tmp_path, pairs):
    train = TRAIN if pairs else replace(TRAIN, pairs=None)
    write_view_texts(replace(train, texts=("uno", "zwei"), pairs=pairs), tmp_path)
    read = read_view_texts(train, tmp_path)
    assert (read.name, read.ids, read.texts, read.pairs) == ("train", ("a", "b"), ("uno", "zwei"), pairs)
    assert (read.labels.tolist(), read.metadata) == ([0, 1], ("m: 1", "m: 2"))


def test_texts_of_other_rows_are_refused(tmp_path):
    write_view_texts(TRAIN.take([1, 0]), tmp_path)
    with pytest.raises(CorruptArtefactError) as refused:
        read_view_texts(TRAIN, tmp_path)
    assert str(refused.value) == f"{tmp_path / 'texts.parquet'} does not hold the rows of train."
