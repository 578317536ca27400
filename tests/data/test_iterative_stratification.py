"""Rows with any number of labels dealt out into parts."""

import numpy as np
import pytest

from alambique.artefacts.splits import Split
from alambique.data.iterative_stratification import deal, folds_of_sets, labels_of_texts, sample_of_sets, split_off_sets
from alambique.errors import DataError


def rows(texts, labels):
    return Split("train", tuple(f"r{i}" for i in range(len(texts))), tuple(texts), None, np.asarray(labels))


def random_labels(count=600, shares=(0.5, 0.2, 0.05, 0.01), seed=0):
    return (np.random.default_rng(seed).random((count, len(shares))) < shares).astype(np.int64)


def test_each_part_has_its_share_of_every_label_and_of_the_rows():
    labels = random_labels()
    part = deal(labels, [0.8, 0.1, 0.1], np.arange(len(labels)))
    for number, share in enumerate((0.8, 0.1, 0.1)):
        assert abs((part == number).mean() - share) < 0.01
        np.testing.assert_allclose(labels[part == number].sum(0), share * labels.sum(0), atol=1.5)


def test_the_rarest_label_is_dealt_first_by_hand():
    # label 1 has two rows, one for each part; of label 0 each part then lacks one
    labels = np.array([[1, 1], [0, 1], [1, 0], [0, 0]])
    part = deal(labels, [0.5, 0.5], np.arange(4))
    assert part[0] != part[1]
    assert part[2] == part[1]
    assert sorted(part.tolist()) == [0, 0, 1, 1]


def test_a_label_of_a_single_text_stays_in_train():
    labels = np.zeros((20, 2), dtype=np.int64)
    labels[:, 0], labels[7, 1] = 1, 1
    train, test = split_off_sets(rows([f"t{i}" for i in range(20)], labels), "test", 0.1, 0)
    assert len(test) == 2
    assert train.labels.sum(0).tolist() == [18, 1]


def test_equal_texts_stay_together_and_count_as_one():
    texts = [f"t{i // 2}" for i in range(40)]  # each twice, the second in capitals
    texts = [text.upper() if i % 2 else text for i, text in enumerate(texts)]
    labels = np.tile([[1, 0], [0, 1]], (20, 1))
    train, test = split_off_sets(rows(texts, labels), "test", 0.1, 0)
    assert len(test) == 4
    assert not set(map(str.lower, test.texts)) & set(map(str.lower, train.texts))
    assert (
        labels_of_texts(labels, np.arange(40) // 2).tolist() == [[1, 1]] * 20
    )  # a text has the labels of all its rows


def test_too_few_texts():
    with pytest.raises(DataError) as refused:
        split_off_sets(rows(["a", "b"], [[1], [0]]), "valid", 0.1, 0)
    assert str(refused.value) == ("train has 2 different texts: too few to split a valid split off. Give a valid file.")


def test_a_sample_has_as_many_rows_as_asked_for_and_every_label():
    labels = random_labels()
    for size in (30, 100, 300):
        chosen = sample_of_sets(labels, size, 3)
        assert len(chosen) == size
        assert (labels[chosen].sum(0) > 0).all()
        np.testing.assert_allclose(labels[chosen].sum(0), size / 600 * labels.sum(0), atol=3)
    assert sample_of_sets(labels, 600, 3).tolist() == list(range(600))


def test_folds_share_every_label():
    labels = random_labels(200)
    fold = folds_of_sets(rows([f"t{i}" for i in range(200)], labels), 4, 0)
    assert np.bincount(fold).tolist() == [50] * 4
    for number in range(4):
        np.testing.assert_allclose(labels[fold == number].sum(0), labels.sum(0) / 4, atol=1.5)
    with pytest.raises(DataError) as refused:
        folds_of_sets(rows(["a", "a"], labels[:2]), 2, 0)
    assert str(refused.value) == "train has 1 different texts: too few for soft_labels.folds: 2."
