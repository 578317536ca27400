import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from alambique.data import Split
from alambique.progress import Step
from alambique.recipe import Compute, Distillation, Training
from alambique.tokens import tokenize_rows
from alambique.training import fit, fitting, half_precision
from conftest import LABELS, rows


def split(name, count, seed):
    records = rows(count, seed)
    ids = tuple(f"{name}-{i}" for i in range(count))
    labels = np.array([LABELS.index(r["label"]) for r in records])
    return Split(name, ids, tuple(r["text"] for r in records), None, labels)


class Interrupt(Step):
    """Stops the training after so many steps."""

    def __init__(self, after):
        self.left = after

    def advance(self, count=1):
        self.left -= count
        if self.left < 0:
            raise KeyboardInterrupt


@pytest.fixture
def trained(tiny_distilbert, tokenizer, tmp_path):
    def train(name, step=None, compute=None, dropout=0.1, **options):
        work = tmp_path / name
        work.mkdir(exist_ok=True)
        parts = {"train": split("train", 60, 1), "valid": split("valid", 20, 2)}
        tokens = {part: tokenize_rows(tokenizer, rows.segments(), max_length=24) for part, rows in parts.items()}
        fit(
            tiny_distilbert(layers=2, dropout=dropout), tokenizer, **parts, tokens=tokens,
            settings=Training(epochs=3, batch_size=8, learning_rate=5e-3), compute=compute or Compute(),
            max_length=24, seed=4, work=work, step=step or Step(), **options,
        )  # fmt: skip
        return work

    return train


def test_a_resumed_training_equals_an_uninterrupted_one(trained, tmp_path):
    logits = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    options = {"distillation": Distillation(), "teacher_logits": logits}
    whole = trained("whole", **options)
    with pytest.raises(KeyboardInterrupt):
        trained("parts", Interrupt(19), **options)  # 8 steps an epoch: in the third
    left = sorted(path.name for path in (tmp_path / "parts" / "checkpoints").iterdir())
    assert "checkpoint-16" in left
    parts = trained("parts", **options)
    for name in ("model.safetensors", "history.json"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    assert not (parts / "checkpoints").exists()


def test_a_torn_checkpoint_is_passed_over(trained, tmp_path):
    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("parts", Interrupt(19))
    (tmp_path / "parts" / "checkpoints" / "checkpoint-16" / "trainer_state.json").write_text('{"epo')
    assert (trained("parts") / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_a_training_that_was_moved_keeps_its_best_epoch(trained, tmp_path):
    whole = trained("whole")
    with pytest.raises(KeyboardInterrupt):
        trained("before", Interrupt(19))
    (tmp_path / "before").rename(tmp_path / "after")
    assert (trained("after") / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()


def test_the_best_epoch_on_valid_is_kept(trained, tokenizer):
    from alambique.checkpoints import load_finished
    from alambique.inference import predict_logits
    from alambique.metrics import macro_f1

    work = trained("run")
    history = json.loads((work / "history.json").read_text())
    reached = [entry["eval_macro_f1"] for entry in history if "eval_macro_f1" in entry]
    assert len(reached) == 3
    valid = split("valid", 20, 2)
    logits = predict_logits(load_finished(work, key="k"), tokenizer, valid.segments(), max_length=24)
    assert macro_f1(logits, valid.labels) == pytest.approx(max(reached))


def test_history_holds_no_clock(trained):
    assert "second" not in (trained("run") / "history.json").read_text()


def test_leaving_out_what_is_not_needed_ends_in_the_plain_models_weights(trained):
    """The same batches in the same order; without dropout, whose draws differ, nothing else may."""
    logits = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    options = {"distillation": Distillation(), "teacher_logits": logits, "dropout": 0.0}
    spared, plain = (
        load_file(trained(name, compute=compute, **options) / "model.safetensors")
        for name, compute in (("spared", Compute()), ("plain", Compute(plain=True)))
    )
    assert spared.keys() == plain.keys()
    for name, weight in plain.items():
        # the plain model's key biases have gradients of rounding errors alone, which Adam makes steps of
        tolerance = 5e-2 if name.endswith("k_lin.bias") else 1e-3
        torch.testing.assert_close(spared[name], weight, atol=tolerance, rtol=1e-3, msg=name)


def test_only_words_that_occur_are_in_training(trained, tokenizer, monkeypatch):
    sizes = []
    real = fitting.shrink_vocabulary
    monkeypatch.setattr(
        fitting, "shrink_vocabulary",
        lambda model, used, *, specials: sizes.append((len(used), specials)) or real(model, used, specials=specials),
    )  # fmt: skip
    work = trained("run")
    texts = [
        text for name, count, seed in (("train", 60, 1), ("valid", 20, 2)) for text in split(name, count, seed).texts
    ]
    used = {token for ids in tokenizer(texts)["input_ids"] for token in ids}
    assert sizes == [(len(used), max(tokenizer.pad_token_id, tokenizer.cls_token_id, tokenizer.sep_token_id))]
    saved = load_file(work / "model.safetensors")["distilbert.embeddings.word_embeddings.weight"]
    assert saved.shape == (len(tokenizer), 16)


def test_half_precision_is_for_those_who_ask_and_for_a_gpu_that_has_it(monkeypatch):
    assert not half_precision(Compute())
    assert half_precision(Compute(precision="bf16"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda including_emulation: not including_emulation)
    assert half_precision(Compute())
    assert not half_precision(Compute(precision="fp32"))
