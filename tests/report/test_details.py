"""Details of the page, on rows worked out by hand."""

import json

import numpy as np
import pytest

from alambique.artefacts.predictions import Predictions
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.recipe.recipe import Recipe
from alambique.report.details import ChangedRow, ChangedRows, ConfidenceBin, collect_details
from alambique.report.results import RunResults
from alambique.run.folder import RunFolder

NAMES = ("bad", "good")
LABELS = np.array([0, 0, 1, 1, 1])
DECISIONS = {"teacher": [0, 0, 1, 1, 0], "student": [0, 1, 1, 1, 0], "undistilled": [0, 0, 0, 0, 0]}


def split(name):
    ids = tuple(f"{name}-{i}" for i in range(len(LABELS)))
    return Split(name, ids, tuple(f"text {i}" for i in range(len(LABELS))), ("and its pair",) * len(LABELS), LABELS)


def logits(decisions):
    """Of which the decision's is 2 above the other: a confidence of 0.8808."""
    return np.eye(2, dtype=np.float32)[decisions] * 2


@pytest.fixture
def results(tmp_path):
    scored = {name: Predictions(name, {"test": logits(rows)}, 1, 1) for name, rows in DECISIONS.items()}
    other = {name: Predictions(name, {"test": logits([1] * 5)}, 1, 1) for name in DECISIONS}
    recipe = Recipe.from_dict({"data": {"source": "x", "text": "text", "label": "label"}, "seeds": [3, 7]})
    history = [
        {"epoch": 0.5, "loss": 0.7},
        {"epoch": 1.0, "eval_macro_f1": 0.25, "eval_loss": 9.0},
        {"epoch": 1.0, "loss": 0.6},
    ]
    (tmp_path / "student").mkdir()
    (tmp_path / "student" / "history.json").write_text(json.dumps(history))
    splits, seeds = Splits(split("train"), split("valid"), split("test"), NAMES), {3: other, 7: scored}
    return RunResults(RunFolder(tmp_path), recipe, splits, [], seeds, seeds, SINGLE_LABEL, 7, "undistilled")


def test_details_are_of_the_best_seed(results):
    details = collect_details(results, [3, 4, 5, 6, 7])
    assert details.confusion == {
        "teacher": [[2, 0], [1, 2]], "student": [[1, 1], [1, 2]], "undistilled": [[2, 0], [3, 0]]
    }  # fmt: skip
    confidence = pytest.approx(1 / (1 + np.exp(-2)))
    assert details.reliability == {
        "teacher": [ConfidenceBin(5, confidence, 0.8)],
        "student": [ConfidenceBin(5, confidence, pytest.approx(0.6))],
        "undistilled": [ConfidenceBin(5, confidence, 0.4)],
    }
    assert details.token_lengths == [3, 4, 5, 6, 7]


def test_curves_are_the_entries_of_the_history_that_have_the_key(results):
    details = collect_details(results, [])
    assert details.losses == {"student": [(0.5, 0.7), (1.0, 0.6)], "undistilled": []}
    assert details.quality == {"student": [(1.0, 0.25)], "undistilled": []}


def test_changed_rows_are_those_on_which_only_one_is_right(results):
    text = "text {} / and its pair"
    assert collect_details(results, []).changed_rows == ChangedRows(
        fixed_total=2,
        broken_total=1,
        fixed=[
            ChangedRow("test-2", text.format(2), "good", "good", "bad"),
            ChangedRow("test-3", text.format(3), "good", "good", "bad"),
        ],
        broken=[ChangedRow("test-1", text.format(1), "bad", "good", "bad")],
    )
