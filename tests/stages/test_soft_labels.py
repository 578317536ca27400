import shutil

import numpy as np
import pytest

import alambique.stages.soft_labels as module
from alambique.artefacts.tokens import tokenize_rows
from alambique.inference.torch_model import predict_logits
from alambique.progress import Step
from alambique.recipe.sections import Compute
from alambique.run.folder import RunFolder
from alambique.stages.soft_labels import label_rows
from conftest import rows

TEXTS = [(row["text"],) for row in rows(50, 3)]


class Count(Step):
    """Counts rows, and stops after so many."""

    def __init__(self, most=None):
        self.done, self.most = 0, most

    def advance(self, count=1):
        self.done += count
        if self.most is not None and self.done > self.most:
            raise KeyboardInterrupt


@pytest.fixture
def label(tiny_bert, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHARD", 16)
    tokens = tokenize_rows(tokenizer, TEXTS, max_length=24)

    def run(step):
        label_rows(tiny_bert(), tokens, tmp_path, compute=Compute(), step=step, batch_size=8)
        return np.load(tmp_path / "logits.npy")

    return run


def test_logits_come_in_the_order_of_the_rows(label, tiny_bert, tokenizer, tmp_path):
    step = Count()
    found = label(step)
    np.testing.assert_allclose(found, predict_logits(tiny_bert(), tokenizer, TEXTS, max_length=24), atol=1e-5)
    assert step.done == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logits.npy", "scratch"]


@pytest.fixture
def killed(label, tmp_path):
    """The logits of a whole attempt, and the two shards that a killed one left."""
    whole = label(Count()).tobytes()
    shutil.rmtree(tmp_path / "scratch")
    with pytest.raises(KeyboardInterrupt):
        label(Count(most=40))  # in the third shard of 16 rows
    shards = sorted((tmp_path / "scratch" / "shards").iterdir())
    assert [path.name.split(".")[0] for path in shards] == ["000000000000", "000000000016"]
    return whole, shards


@pytest.fixture
def labelled(monkeypatch):
    """How many rows went through the model, shard by shard."""
    counts = []
    real = module.predict_tokens
    monkeypatch.setattr(
        module, "predict_tokens", lambda model, tokens, **how: counts.append(len(tokens)) or real(model, tokens, **how)
    )
    return counts


def test_a_killed_run_goes_on_at_the_last_whole_shard(label, killed, labelled):
    assert label(Count()).tobytes() == killed[0]
    assert labelled == [16, 2]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_shard_is_made_again(label, killed, labelled, damage):
    whole, (_, second) = killed
    content = bytearray(second.read_bytes())
    content[-5] ^= 1
    second.write_bytes({"cut": content[:-4], "flipped": content, "empty": b""}[damage])
    assert label(Count()).tobytes() == whole
    assert labelled == [16, 16, 2]


def test_shards_survive_between_two_attempts_at_the_stage(label, killed, labelled, tmp_path):
    """As a stage finds them: what is not in ``scratch`` is taken away from an attempt that was killed."""
    run = RunFolder(tmp_path / "run")

    def interrupted(work):
        shutil.copytree(tmp_path / "scratch", work / "scratch")
        raise KeyboardInterrupt

    def make(work):
        (tmp_path / "scratch").rename(tmp_path / "before")
        (work / "scratch").rename(tmp_path / "scratch")
        label(Count())

    with pytest.raises(KeyboardInterrupt):
        run.stage("soft_labels", {}, interrupted)
    run.stage("soft_labels", {}, make)
    assert labelled == [16, 2]
