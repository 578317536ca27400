"""Trainings of a run with a feature loss: resumed to the byte, stored and live, and only on the same tokens."""

import dataclasses
import json

import numpy as np
import pytest
from trainings import SETTINGS, At, split, train_in

from alambique.artefacts.features import Features
from alambique.artefacts.tokens import tokenize_rows
from alambique.losses.features import HiddenStates
from alambique.recipe.distillation import Distillation
from alambique.run.manifest import Artefact
from alambique.training.checkpoints import SEAL
from alambique.training.feature_source import FeatureSource
from conftest import LABELS

LOGITS = np.random.default_rng(0).normal(size=(60, len(LABELS))).astype(np.float32)


@pytest.fixture
def source(tiny_bert, tokenizer, tmp_path):
    """A teacher whose features are stored, or that reads each batch."""
    tokens = {name: tokenize_rows(tokenizer, split(name, *of).segments(), max_length=24)
              for name, of in (("train", (60, 1)), ("valid", (20, 2)))}  # fmt: skip

    def build(layers, parts=1, *, stored=True):
        tiny_bert().save_pretrained(tmp_path / "teacher")
        tokenizer.save_pretrained(tmp_path / "teacher")
        lengths = tokens["train"].lengths
        values = np.random.default_rng(1).normal(size=(int(lengths.sum()), 16 * parts)).astype(np.float16)
        features = Features(split("train", 60, 1).ids, values, lengths.cumsum() - lengths, lengths, (16,) * parts, "d")
        return FeatureSource(layers, Artefact(tmp_path / "teacher", "t", 1.0), tokens, features if stored else None)

    return build


@pytest.fixture
def trained(tiny_distilbert, tokenizer, tmp_path, source):
    from transformers import DistilBertConfig, DistilBertForSequenceClassification

    config = tiny_distilbert(layers=2, dropout=0.1).config.to_dict() | {"dim": 8}
    student = DistilBertForSequenceClassification(DistilBertConfig.from_dict(config))

    def train(name, loss, *, stored, first=0, step=None):
        layers, parts = ({0: 0}, 1) if loss == "hidden" else ({1: 1}, 3)
        distillation = Distillation(features={"name": loss}, feature_weight=0.5, features_first=first)
        return train_in(
            tmp_path / name, student, tokenizer, step=step, teacher_logits=LOGITS, distillation=distillation,
            features=source(layers, parts, stored=stored),
        )  # fmt: skip

    return train


@pytest.mark.slow
@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize(("loss", "first"), [("hidden", 0), ("relations", 0), ("hidden", 2)])
def test_a_resumed_training_equals_an_uninterrupted_one_to_the_byte(trained, loss, first, stored):
    whole = trained("whole", loss, stored=stored, first=first)

    def interrupt():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained("cut", loss, stored=stored, first=first, step=At(13, interrupt))  # in the second epoch of eight steps
    checkpoint = max((whole.with_name("cut") / "scratch" / "checkpoints").iterdir())
    from safetensors.torch import load_file

    names = [name for name in load_file(checkpoint / "model.safetensors") if "projection" in name]
    assert names == (["feature_projections.0.weight"] if loss == "hidden" else [])
    assert "model.safetensors" in json.loads((checkpoint / SEAL).read_text())["files"]
    resumed = trained("cut", loss, stored=stored, first=first)
    for name in ("model.safetensors", "history.json"):
        assert (resumed / name).read_bytes() == (whole / name).read_bytes()
    assert f"loss_{loss}" in (whole / "history.json").read_text()


def test_the_key_names_the_layers_and_where_the_features_come_from(source):
    assert source({1: 0, 0: 1}).key() == {"inputs": {"features": "d"}, "feature_layers": {"1": 0, "0": 1}}
    assert source({0: 1}, stored=False).key() == {"inputs": {"feature_teacher": "t"}, "feature_layers": {"0": 1}}


def test_other_tokens_are_refused_unless_the_first_alone_is_read(source, tiny_distilbert, tokenizer):
    of, student = source({0: 0}), tiny_distilbert()
    others = tokenize_rows(tokenizer, split("train", 60, 9).segments(), max_length=24)
    options = {"compute": None, "seed": 0, "half": False}
    with pytest.raises(ValueError, match="^student and teacher do not read the same tokens$"):
        of.term(Distillation(features={"name": "hidden"}), student, others, **options)
    loss = of.term(Distillation(features={"name": "hidden", "tokens": "first"}), student, others, **options).loss
    assert loss == HiddenStates(tokens="first", weight=0.01)
    by_hand = Distillation(features={"name": "hidden", "weight": 0.2})
    assert of.term(by_hand, student, of.tokens["train"], **options).weight == 0.2
    assert dataclasses.replace(of, stored=None).key() != of.key()
    assert SETTINGS.epochs == 3
