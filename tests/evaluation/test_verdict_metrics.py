"""The figures that a verdict may be about, through the task: value, gain, retention, epochs, keys."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, cohen_kappa_score, f1_score

from alambique.artefacts.predictions import Predictions
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.intervals import interval_over, rule_of
from alambique.evaluation.single_label import SINGLE_LABEL, SingleLabel
from alambique.evaluation.task import ScoredRows
from alambique.evaluation.tasks import task_of
from alambique.evaluation.verdict import best_seed, figures, stronger_twin, verdict
from alambique.recipe.verdict import METRICS, OF_LABEL_SETS, Verdict

NAMES = ("low", "middle", "high")
ROWS = 90
OPTIONS = {
    "f1": {"class": "high"},
    "recall": {"class": "high", "at_precision": 0.5},
    "average_precision": {"class": "high"},
}


def task(name, **more):
    section = {"name": name, **OPTIONS.get(name, {})}
    return SingleLabel(Verdict.model_validate({"metric": section, **more}), NAMES)


def drawn(seed, noise=1.0):
    maker = np.random.default_rng(seed)
    labels = np.arange(ROWS) % 3
    return np.eye(3)[labels] + noise * maker.normal(size=(ROWS, 3)), labels


every_metric = pytest.mark.parametrize("name", [name for name, kind in METRICS.items() if kind not in OF_LABEL_SETS])


@every_metric
def test_gain_and_retention_are_of_the_metric(name):
    chosen = task(name)
    (student, labels), (other, _) = drawn(0, 0.6), drawn(1, 0.9)
    mine, theirs = (chosen.score(chosen.verdict_metric, each, labels) for each in (student, other))
    better = theirs - mine if name == "mean_absolute_error" else mine - theirs
    assert chosen.gain(student, other, labels).figure == pytest.approx(better)
    kept = chosen.retention(student, other, labels)
    if name == "mean_absolute_error":
        assert kept is None
    else:
        assert kept.figure == pytest.approx(mine / theirs)
    assert chosen.merit(student, labels) > chosen.merit(other, labels)
    parts = chosen.metrics[chosen.verdict_metric].contributions(ScoredRows(student, labels, other))
    assert parts.figure == pytest.approx(mine)


@every_metric
def test_it_is_logged_and_is_a_column(name):
    chosen = task(name)
    logits, labels = drawn(2)
    logged = chosen.epoch_metrics(logits, labels)
    assert {"accuracy", "macro_f1", chosen.epoch_metric} == set(logged)
    assert chosen.epoch_metric == name
    assert logged[name] == pytest.approx(chosen.score(chosen.verdict_metric, logits, labels))
    assert chosen.verdict_metric in chosen.columns
    assert chosen.epoch_title == chosen.verdict_metric


def test_values_are_those_of_scikit_learn():
    logits, labels = drawn(3)
    decided, probabilities = logits.argmax(1), SINGLE_LABEL.probabilities(logits)[:, 2]

    def value(name):
        chosen = task(name)
        return chosen.score(chosen.verdict_metric, logits, labels)

    assert value("f1") == pytest.approx(f1_score(labels == 2, decided == 2), abs=1e-9)
    assert value("average_precision") == pytest.approx(average_precision_score(labels == 2, probabilities), abs=1e-9)
    assert value("quadratic_weighted_kappa") == pytest.approx(
        cohen_kappa_score(labels, decided, weights="quadratic"), abs=1e-9
    )
    assert value("mean_absolute_error") == pytest.approx(np.abs(labels - decided).mean(), abs=1e-9)


def test_a_key_names_the_class_and_the_precision():
    assert [task(name).verdict_metric for name in OPTIONS] == [
        "F1 of high", "recall of high at precision 0.5", "average precision of high",
    ]  # fmt: skip


def test_the_default_is_the_task_that_there_was():
    rows = splits()
    assert task_of(rows, Verdict()) is SINGLE_LABEL
    assert task("macro_f1").key() == {}
    assert (SINGLE_LABEL.verdict_metric, SINGLE_LABEL.epoch_metric, SINGLE_LABEL.reach) == ("macro_f1", "macro_f1", 1.0)


def test_epochs_may_be_chosen_by_another_figure_which_alone_is_in_the_key():
    assert task("f1").key() == {"best_epoch": {"name": "f1", "class": "high"}}
    assert task("f1", metric_for_best_epoch="macro_f1").key() == {}
    chosen = task("f1", metric_for_best_epoch="mean_absolute_error")
    assert chosen.key() == {"best_epoch": "mean_absolute_error"}
    assert (chosen.verdict_metric, chosen.epoch_metric, chosen.greater_is_better) == (
        "F1 of high", "mean_absolute_error", (True, False),
    )  # fmt: skip


def splits(labels=(0, 1, 2) * 30):
    def split(name):
        ids = tuple(f"{name}-{i}" for i in range(len(labels)))
        return Split(name, ids, ids, None, np.array(labels))

    return Splits(split("train"), split("valid"), split("test"), NAMES, ordinal=True)


def scored(**seeds):
    def of(noise, seed):
        logits, _ = drawn(seed, noise)
        return Predictions("m", {"valid": logits, "test": logits}, 1, 1)

    return {name: of(noise, seed) for seed, (name, noise) in enumerate(seeds.items())}


@every_metric
def test_the_verdict_is_about_it(name):
    chosen, rows = task(name), splits()
    runs = {seed: scored(teacher=0.3, student=0.35 + seed / 100, undistilled=3.0) for seed in (0, 1, 2)}
    told = verdict(runs, rows.test, chosen)
    assert told["gain"]["metric"] == told["retention"]["metric"] == chosen.verdict_metric
    assert told["helped"] == "yes"
    assert told["gain"]["low"] > 0
    assert told["gain"]["high"] <= chosen.reach
    sign = "undistilled minus student" if name == "mean_absolute_error" else "student minus undistilled"
    assert f"{sign} " in told["rule"]
    assert (told["retention"]["mean"] is None) == (name == "mean_absolute_error")
    shown = figures("student", [runs[0]], rows.test, chosen, ordinal=True)[chosen.verdict_metric]
    assert shown["low"] <= shown["mean"] <= shown["high"]
    assert best_seed(runs, rows, chosen) in runs
    assert stronger_twin(runs, rows, chosen) == "undistilled"


def test_less_error_is_the_better_seed():
    rows, chosen = splits(), task("mean_absolute_error")
    runs = {7: scored(teacher=0.3, student=2.0), 8: scored(teacher=0.3, student=0.1)}
    assert best_seed(runs, rows, chosen) == 8


def test_the_rule_of_macro_f1_has_not_changed():
    assert rule_of("macro_f1") == (
        "yes if the whole 95 % interval of student minus undistilled macro-F1 on test lies above 0, no if it lies below 0, "
        "otherwise not shown; with a single training of each always not shown"
    )
    assert "undistilled minus student mean absolute error on test" in rule_of(
        "mean_absolute_error", greater_is_better=False
    )


def test_a_kappa_may_be_below_0():
    labels = np.arange(60) % 3
    chosen = task("quadratic_weighted_kappa")
    wrong = np.eye(3)[2 - labels]
    parts = chosen.metrics["quadratic_weighted_kappa"].contributions(ScoredRows(wrong, labels, wrong))
    assert parts.figure == pytest.approx(-1.0)
    assert interval_over([parts]).within(-1.0, 1.0).low == -1.0
    assert chosen.metrics["quadratic_weighted_kappa"].least == -1.0
    assert chosen.retention(wrong, wrong, labels) is None
