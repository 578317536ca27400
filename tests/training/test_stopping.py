"""Trainings that end before their planned epochs: which epoch is the last, which is saved, and how they are resumed."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from trainings import At, train_in

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.progress import Step
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Training
from alambique.training.stopping import Stopping, epochs_made

STEPS = 8  # of an epoch
LOGITS = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)


def log(*values):
    entries = [[{"loss": 1.0}, {"eval_macro_f1": value, "eval_loss": 0.5}] for value in values]
    return [entry for pair in entries for entry in pair]


@pytest.mark.parametrize(
    ("values", "patience", "last"),
    [
        ((0.5, 0.6, 0.55, 0.58, 0.7), 2, 4),  # the best is the second; two epochs later it ends
        ((0.5, 0.6, 0.55, 0.58, 0.7), 3, None),  # the fifth is better before three have passed
        ((0.5, 0.5, 0.5), 2, 3),  # an equal value is not a better one
        ((0.5, 0.4), 1, 2),
        ((0.1, 0.2, 0.3), 1, None),
        ((0.5, 0.4, 0.3), None, None),
    ],
)
def test_it_stops_after_epochs_without_a_better_value(values, patience, last):
    rule = Stopping("macro_f1", patience=patience)
    due = [epochs for epochs in range(len(values) + 1) if rule.is_due(log(*values[:epochs]))]
    assert due[:1] == ([] if last is None else [last])


def test_patience_begins_after_the_epochs_that_learn_from_no_label():
    rule = Stopping("macro_f1", patience=2, labelless=2)
    values = (0.4, 0.1, 0.2, 0.3, 0.1, 0.1)  # the best so far, 0.4, is by chance: the head is untrained
    assert [rule.is_due(log(*values[:epochs])) for epochs in range(7)] == [False] * 6 + [True]


def test_it_stops_after_a_number_of_epochs_whatever_they_gave():
    rule = Stopping("macro_f1", after=2)
    assert [rule.is_due(log(*[0.1, 0.2, 0.3][:epochs])) for epochs in range(4)] == [False, False, True, True]


@pytest.fixture
def trained(tiny_distilbert, tokenizer, tmp_path, monkeypatch):
    """Train, with these values of the metric after each epoch."""

    def train(name, *values, loss=True, step=None, stop_after=None, **settings):
        reached = iter(values)
        monkeypatch.setattr(
            type(SINGLE_LABEL), "epoch_metrics", lambda *_: {"macro_f1": next(reached), "accuracy": 0.5}
        )
        distilled = {"distillation": Distillation(temperature=[4, 1]), "teacher_logits": LOGITS} if loss else {}
        planned = Training(**{"epochs": 6, "batch_size": 8, "learning_rate": 5e-3, **settings})
        return train_in(
            tmp_path / name, tiny_distilbert(layers=1, dropout=0.1), tokenizer, settings=planned, step=step,
            stop_after=stop_after, **distilled,
        )  # fmt: skip

    return train


def history(work):
    return json.loads((work / "history.json").read_text())


def rates(work):
    return [entry["learning_rate"] for entry in history(work) if "loss" in entry]


def assert_same(first, second):
    for name in ("model.safetensors", "history.json"):
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


VALUES = (0.5, 0.8, 0.7, 0.8)  # the second epoch is the best, and the fourth the last at a patience of 2


def test_the_best_epoch_is_saved_and_the_rest_is_not_trained(trained):
    stopped = trained("stopped", *VALUES, patience=2)
    assert epochs_made(stopped) == 4
    assert [entry["eval_macro_f1"] for entry in history(stopped) if "eval_loss" in entry] == list(VALUES)
    best = trained("best", 0.5, 0.8, stop_after=2)
    assert (stopped / "model.safetensors").read_bytes() == (best / "model.safetensors").read_bytes()
    assert len(rates(stopped)) == 4 * STEPS


def test_it_says_that_it_stopped_and_is_shown_as_complete(trained):
    step, told, totals = Step(), [], []
    step.say, step.start = told.append, totals.append
    trained("stopped", *VALUES, patience=2, step=step)
    trained("whole", *VALUES, epochs=4, patience=2, step=step)
    trained("twin", *VALUES, stop_after=4, step=step)
    assert told == ["stopped after 4 of 6 epochs (patience 2)"]
    assert totals == [6 * STEPS, 4 * STEPS, 4 * STEPS, 6 * STEPS]


@pytest.mark.slow
def test_without_reaching_its_patience_it_makes_all_epochs(trained):
    values = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
    patient, plain = trained("patient", *values, patience=1), trained("plain", *values)
    assert epochs_made(patient) == 6
    assert_same(patient, plain)


def test_a_training_stopped_at_a_number_of_epochs_has_the_steps_of_a_longer_one(trained):
    """As a twin: the learning rates are those planned, and it has no patience of its own."""
    values = (0.9, 0.5, 0.5, 0.5, 0.5, 0.5)
    short, long = trained("short", *values[:4], stop_after=4, loss=False), trained("long", *values, loss=False)
    assert rates(short) == rates(long)[: 4 * STEPS]
    assert history(short) == [entry for entry in history(long) if entry["epoch"] <= 4]
    assert (short / "model.safetensors").read_bytes() == (long / "model.safetensors").read_bytes()  # the first epoch


def kill():
    raise ChildProcessError


@pytest.mark.parametrize("at", [3 * STEPS + 3, pytest.param(2 * STEPS + 3, marks=pytest.mark.slow)])
def test_a_killed_training_counts_the_epochs_before_it(trained, at):
    whole = trained("whole", *VALUES, patience=2)
    with pytest.raises(ChildProcessError):
        trained("parts", *VALUES, patience=2, step=At(at, kill))
    assert_same(trained("parts", *VALUES[at // STEPS :], patience=2), whole)


@pytest.mark.slow
@pytest.mark.parametrize("rule", [{"patience": 2}, {"stop_after": 4}])
def test_killed_after_its_last_epoch_it_trains_nothing_more(trained, monkeypatch, rule):
    whole = trained("whole", *VALUES, **rule)
    with monkeypatch.context() as patched:
        patched.setattr("alambique.training.fit.save_tokenizer", lambda *_: kill())
        with pytest.raises(ChildProcessError):
            trained("parts", *VALUES, **rule)
    steps = Step()
    seen = []
    steps.advance = lambda count=1: seen.append(count)
    assert_same(trained("parts", step=steps, **rule), whole)
    assert seen == [4 * STEPS]


def test_the_weights_of_the_best_epoch_differ_from_the_last(trained):
    """So that the tests above cannot pass by saving the last."""
    best, last = (load_file(trained(str(n), *VALUES[:n], stop_after=n) / "model.safetensors") for n in (2, 1))
    assert any(not torch.equal(best[name], last[name]) for name in best)


def test_a_model_that_was_not_trained_here_has_no_epochs(tmp_path):
    assert epochs_made(tmp_path) is None
