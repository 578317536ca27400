"""Versions of the rows in training: which is read when, and that logits go with their text."""

import json

import numpy as np
import pytest
from trainings import At, split, train_in

from alambique.artefacts.tokens import tokenize_rows
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Training
from alambique.training.dataset import TokenDataset
from alambique.training.rows import View
from alambique.training.samplers import UniformSteps
from alambique.training.views import ViewEachEpoch, ViewsDataset

LENGTHS = (np.array([3, 1, 2, 5, 4]), np.array([1, 1, 2, 2, 1]), np.array([2, 1, 2, 4, 4]))


def test_an_epoch_reads_each_row_of_its_view_once_in_the_order_of_its_own_lengths():
    sampler = ViewEachEpoch([UniformSteps(lengths, 2, seed=7) for lengths in LENGTHS])
    for epoch in range(7):
        sampler.set_epoch(epoch)
        alone = UniformSteps(LENGTHS[epoch % 3], 2, seed=7)
        alone.set_epoch(epoch)
        assert list(sampler) == [epoch % 3 * 5 + row for row in alone]
        assert sorted(sampler) == list(range(epoch % 3 * 5, epoch % 3 * 5 + 5))
    assert len(sampler) == 5


def logits(seed):
    return np.random.default_rng(seed).normal(size=(60, 3)).astype(np.float32)


@pytest.fixture
def views(tokenizer):
    """Two further versions of the rows of ``train_in``: without their first word, and their first three alone."""
    texts = [row[0].split() for row in split("train", 60, 1).segments()]
    return tuple(
        View(tokenize_rows(tokenizer, [(" ".join(words[cut]),) for words in texts], max_length=24), logits(seed))
        for seed, cut in ((1, slice(1, None)), (2, slice(3)))
    )


def test_a_batch_has_text_logits_and_label_of_the_same_version(views, tiny_distilbert):
    labels, weights = np.arange(60) % 3, np.linspace(0, 1, 60, dtype=np.float32)
    made = [
        TokenDataset(
            view.tokens, labels, tiny_distilbert(), teacher_logits=view.teacher_logits, hard_label_weights=weights
        )
        for view in views
    ]
    dataset = ViewsDataset(made)
    assert len(dataset) == 60
    batch = dataset.__getitems__([64, 61])
    np.testing.assert_array_equal(batch["teacher_logits"], views[1].teacher_logits[[4, 1]])
    assert batch["labels"].tolist() == [1, 1]
    np.testing.assert_array_equal(batch["hard_label_weights"], weights[[4, 1]])
    np.testing.assert_array_equal(batch["input_ids"], made[1].__getitems__([4, 1])["input_ids"])
    np.testing.assert_array_equal(dataset[64]["input_ids"], made[1][4]["input_ids"])


@pytest.fixture
def trained(tiny_distilbert, tokenizer, tmp_path):
    def train(name, **options):
        settings = Training(epochs=4, batch_size=8, learning_rate=5e-3)
        work = train_in(
            tmp_path / name, tiny_distilbert(layers=2, dropout=0.1), tokenizer, teacher_logits=logits(0),
            distillation=Distillation(), settings=settings, **options,
        )  # fmt: skip
        return (work / "model.safetensors").read_bytes(), (work / "history.json").read_text()

    return train


def kill():
    raise ChildProcessError


@pytest.mark.slow
def test_a_killed_training_goes_on_in_the_version_of_its_epoch(trained, views):
    whole = trained("whole", views=views)
    with pytest.raises(ChildProcessError):
        trained("parts", views=views, step=At(20, kill))  # in the third epoch
    assert trained("parts", views=views) == whole


def test_the_first_epoch_reads_the_rows_themselves_and_the_second_does_not(trained, views):
    (_, plain), (_, other) = trained("plain"), trained("views", views=views)
    losses = [[entry["loss"] for entry in json.loads(history) if "loss" in entry] for history in (plain, other)]
    assert losses[0][:8] == losses[1][:8]
    assert losses[0][8:] != losses[1][8:]
