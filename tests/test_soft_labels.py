import numpy as np
import pytest

import alambique.soft_labels as module
from alambique.inference import predict_logits
from alambique.progress import Step
from alambique.recipe import Compute
from alambique.soft_labels import label_rows
from alambique.tokens import tokenize_rows
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
    assert [path.name for path in tmp_path.iterdir()] == ["logits.npy"]


def test_a_killed_run_goes_on_at_the_last_whole_shard(label, tmp_path, monkeypatch):
    whole = label(Count())
    (tmp_path / "logits.npy").unlink()
    with pytest.raises(KeyboardInterrupt):
        label(Count(most=40))  # in the third shard of 16 rows
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == ["000000000000.npy", "000000000016.npy"]
    labelled = []
    real = module.predict_tokens
    monkeypatch.setattr(
        module,
        "predict_tokens",
        lambda model, tokens, **how: labelled.append(len(tokens)) or real(model, tokens, **how),
    )
    assert label(Count()).tobytes() == whole.tobytes()
    assert labelled == [16, 2]
