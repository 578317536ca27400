import json
import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from trainings import SETTINGS, split, train_in
from transformers import (
    BartConfig,
    BartForSequenceClassification,
    RobertaConfig,
    RobertaForSequenceClassification,
)

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.models.labels import label_config
from alambique.models.speedups import front
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute, Training
from alambique.training import resumable_trainer
from alambique.training.arguments import half_precision
from conftest import LABELS

TEACHER_LOGITS = np.random.default_rng(0).normal(size=(60, len(LABELS))).astype(np.float32)


@pytest.fixture
def trained(tiny_distilbert, tokenizer, tmp_path):
    def train(name, dropout=0.1, **options):
        return train_in(tmp_path / name, tiny_distilbert(layers=2, dropout=dropout), tokenizer, **options)

    return train


def test_the_best_epoch_on_valid_is_kept(trained, tokenizer):
    from alambique.inference.torch_model import predict_logits
    from alambique.models.pretrained import load_finished

    work = trained("run")
    history = json.loads((work / "history.json").read_text())
    reached = [entry["eval_macro_f1"] for entry in history if "eval_macro_f1" in entry]
    assert len(reached) == 3
    valid = split("valid", 20, 2)
    logits = predict_logits(load_finished(work, key="k"), tokenizer, valid.segments(), max_length=24)
    assert SINGLE_LABEL.score("macro_f1", logits, valid.labels) == pytest.approx(max(reached))


def test_history_holds_no_clock(trained):
    assert "second" not in (trained("run") / "history.json").read_text()


def test_leaving_out_what_is_not_needed_ends_in_the_plain_models_weights(trained):
    """The same batches in the same order; without dropout, whose draws differ, nothing else may."""
    logits = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    options = {"distillation": Distillation(), "teacher_logits": logits, "dropout": 0.0}
    spared, plain = (
        load_file(trained(name, compute=compute, **options) / "model.safetensors")
        for name, compute in (("spared", Compute()), ("plain", Compute(speedups=False)))
    )
    assert spared.keys() == plain.keys()
    for name, weight in plain.items():
        # the plain model's key biases have gradients of rounding errors alone, which Adam makes steps of
        tolerance = 5e-2 if name.endswith("k_lin.bias") else 1e-3
        torch.testing.assert_close(spared[name], weight, atol=tolerance, rtol=1e-3, msg=name)


@pytest.mark.parametrize("loss", ["dist", pytest.param("kl", marks=pytest.mark.slow)])
def test_a_model_of_another_architecture_trains_in_parts_to_the_same_weights(loss, tokenizer, tmp_path, monkeypatch):
    """Its logits are put together before the loss: dist compares all rows of a step with each other."""
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, pad_token_id=0, **label_config(LABELS),
    )  # fmt: skip
    model = RobertaForSequenceClassification(config)
    monkeypatch.setattr(resumable_trainer, "_PART_COST", 1)
    batches = []
    real = resumable_trainer.cut_by_length
    monkeypatch.setattr(resumable_trainer, "cut_by_length", lambda *batch: batches.append(real(*batch)) or batches[-1])
    distilled = {"distillation": Distillation(loss=loss), "teacher_logits": TEACHER_LOGITS}
    spared, plain = (
        load_file(train_in(tmp_path / name, model, tokenizer, compute=compute, **distilled) / "model.safetensors")
        for name, compute in (("spared", Compute()), ("plain", Compute(speedups=False)))
    )
    assert len(batches) == 24  # of the steps of the first training alone
    assert max(map(len, batches)) > 1
    for name, weight in plain.items():
        tolerance = 5e-2 if name.endswith("key.bias") else 1e-3
        torch.testing.assert_close(spared[name], weight, atol=tolerance, rtol=1e-3, msg=name)


def test_a_loss_over_the_batch_sees_all_rows_of_a_step(trained):
    """Real tokens alone are computed, of all rows at once, so their correlation within a class is over the whole step."""
    dist = {"distillation": Distillation(loss="dist", hard_label_weight=0), "teacher_logits": TEACHER_LOGITS}
    spared, plain = (
        load_file(trained(name, dropout=0.0, compute=compute, **dist) / "model.safetensors")
        for name, compute in (("spared", Compute()), ("plain", Compute(speedups=False)))
    )
    for name, weight in plain.items():
        tolerance = 5e-2 if name.endswith("k_lin.bias") else 1e-3
        torch.testing.assert_close(spared[name], weight, atol=tolerance, rtol=1e-3, msg=name)


def test_a_step_of_8_rows_equals_one_of_2_times_4(trained):
    once, twice = (
        load_file(trained(str(size), dropout=0.0, settings=settings) / "model.safetensors")
        for size, settings in (
            (8, SETTINGS),
            (4, SETTINGS.model_copy(update={"batch_size": 4, "gradient_accumulation": 2})),
        )
    )
    for name, weight in once.items():
        tolerance = 5e-2 if name.endswith("k_lin.bias") else 1e-3
        torch.testing.assert_close(twice[name], weight, atol=tolerance, rtol=1e-3, msg=name)


def test_only_words_that_occur_are_in_training(trained, tokenizer, monkeypatch):
    sizes = []
    real = front.shrink_vocabulary
    monkeypatch.setattr(
        front, "shrink_vocabulary",
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


def test_bfloat16_trains_on_a_processor_and_weights_stay_in_full(trained):
    full, half = (
        load_file(trained(name, compute=Compute(precision=name), dropout=0.0) / "model.safetensors")
        for name in ("fp32", "bf16")
    )
    for name, weight in full.items():
        assert half[name].dtype == torch.float32
        assert (half[name] - weight).abs().max() < 0.05
    assert any(not torch.equal(half[name], full[name]) for name in full)


def test_the_callers_model_and_tokenizer_come_back_as_they_went_in(tiny_distilbert, tokenizer, tmp_path):
    model = tiny_distilbert(layers=2)
    weights = {name: weight.clone() for name, weight in model.state_dict().items()}
    classes = [type(module) for module in model.modules()]
    settings = (tokenizer.model_max_length, list(tokenizer.model_input_names), tokenizer.backend_tokenizer.to_str())
    train_in(tmp_path / "run", model, tokenizer)
    assert all(weights[name].equal(weight) for name, weight in model.state_dict().items())
    assert [type(module) for module in model.modules()] == classes
    assert not model.training
    assert (
        tokenizer.model_max_length, list(tokenizer.model_input_names), tokenizer.backend_tokenizer.to_str(),
    ) == settings  # fmt: skip
    assert not load_file(tmp_path / "run" / "model.safetensors")["classifier.weight"].equal(
        weights["classifier.weight"]
    )


def test_roberta_keeps_the_padding_token_that_its_positions_begin_after(tokenizer, tmp_path):
    """Trainer would write the tokenizer's into the config; loaded again, the model would read other positions."""
    config = RobertaConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        max_position_embeddings=40, type_vocab_size=1, pad_token_id=1, **label_config(LABELS),
    )  # fmt: skip
    work = train_in(tmp_path / "run", RobertaForSequenceClassification(config), tokenizer)
    assert json.loads((work / "config.json").read_text())["pad_token_id"] == 1


def test_a_model_that_gives_more_than_logits_is_scored_by_its_logits(tokenizer, tmp_path):
    config = BartConfig(
        vocab_size=len(tokenizer), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=40, pad_token_id=0,
        eos_token_id=tokenizer.sep_token_id, decoder_start_token_id=tokenizer.sep_token_id, **label_config(LABELS),
    )  # fmt: skip
    work = train_in(tmp_path / "run", BartForSequenceClassification(config), tokenizer)
    history = json.loads((work / "history.json").read_text())
    assert [0 <= entry["eval_macro_f1"] <= 1 for entry in history if "eval_macro_f1" in entry] == [True] * 3


def learning_rates(work):
    """The learning rate of each of the 24 steps: each is logged."""
    return [entry["learning_rate"] for entry in json.loads((work / "history.json").read_text()) if "loss" in entry]


@pytest.mark.parametrize(
    ("schedule", "rate"),
    [  # warm-up over a quarter of 24 steps, from 0 to the peak; then 18 more
        pytest.param("linear", lambda left: left / 18, marks=pytest.mark.slow),
        ("cosine", lambda left: (1 - math.cos(math.pi * left / 18)) / 2),
        pytest.param("constant", lambda left: 1.0, marks=pytest.mark.slow),
    ],
)
def test_the_learning_rate_of_each_step(trained, schedule, rate):
    settings = Training(epochs=3, batch_size=8, learning_rate=8e-3, warmup=0.25, learning_rate_schedule=schedule)
    expected = [8e-3 * step / 6 for step in range(6)] + [8e-3 * rate(18 - step) for step in range(18)]
    assert learning_rates(trained("run", settings=settings)) == pytest.approx(expected, abs=1e-12)
