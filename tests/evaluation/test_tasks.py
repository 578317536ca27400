"""What every task must hold to, whatever it is."""

import inspect

import numpy as np
import pytest
import torch

from alambique.evaluation.task import ScoredRows, Task
from alambique.evaluation.tasks import TASKS
from alambique.losses.prediction import LOSSES


def labels_of(task, classes):
    """Labels of these classes, as the task has them."""
    return np.eye(3, dtype=np.int64)[classes] if task.name == "multi_label" else np.asarray(classes)


every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


@every_task
def test_a_task_is_complete_and_stands_under_its_name(task):
    assert isinstance(task, Task)
    assert TASKS[task.name] is task
    assert not inspect.isabstract(type(task))
    assert task.soft_loss in LOSSES
    assert task.problem_type in ("single_label_classification", "multi_label_classification", "regression")


@every_task
def test_columns_and_the_verdict_are_about_metrics_that_there_are(task):
    assert set(task.columns) <= set(task.metrics)
    assert len(task.columns) == len(set(task.columns))
    assert task.verdict_metric in task.metrics
    assert task.metrics[task.verdict_metric].fraction
    assert not task.metrics[task.verdict_metric].needs_order


@every_task
def test_contributions_average_to_the_centre_of_the_interval_or_there_is_none(task):
    rng = np.random.default_rng(0)
    rows = ScoredRows(rng.normal(size=(40, 3)), labels_of(task, np.arange(40) % 3), rng.normal(size=(40, 3)))
    for key, metric in task.metrics.items():
        if metric.contributions is None:
            continue
        parts = metric.contributions(rows)
        assert parts.rows.shape == (40,), key
        assert parts.figure == pytest.approx(metric.value(rows)), key
        mean = (parts.rows.sum() + parts.pseudo @ parts.weights) / (40 + parts.weights.sum())
        # pseudo-values of a jackknife average to the figure up to its bias, of the order of one by the rows
        assert mean == pytest.approx(parts.centre, abs=0.05), key


@every_task
def test_gain_and_retention_are_of_the_verdicts_metric(task):
    rng = np.random.default_rng(2)
    student, other, labels = rng.normal(size=(40, 3)), rng.normal(size=(40, 3)), labels_of(task, np.arange(40) % 3)
    mine, theirs = (task.score(task.verdict_metric, logits, labels) for logits in (student, other))
    assert task.gain(student, other, labels).figure == pytest.approx(mine - theirs)
    assert task.retention(student, other, labels).figure == pytest.approx(mine / theirs)


@every_task
def test_probabilities_do_not_depend_on_the_other_rows(task):
    logits = np.random.default_rng(1).normal(size=(5, 3))
    together = task.probabilities(logits)
    assert together.shape == (5, 3)
    assert ((together >= 0) & (together <= 1)).all()
    for i in range(5):
        np.testing.assert_array_equal(task.probabilities(logits[i : i + 1])[0], together[i])
    np.testing.assert_allclose(task.probabilities(2 * logits, 2.0), together)


@every_task
def test_the_hard_loss_is_one_value_per_row_and_falls_where_the_logits_fit(task):
    labels = torch.from_numpy(labels_of(task, [0, 2]))
    wrong, right = torch.zeros(2, 3), torch.tensor([[5.0, -5, -5], [-5, -5, 5]])
    assert task.hard_loss(wrong, labels).shape == (2,)
    assert (task.hard_loss(right, labels) < task.hard_loss(wrong, labels)).all()
    assert task.labelled(labels).tolist() == [True, True]
