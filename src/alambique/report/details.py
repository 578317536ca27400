"""What the page shows beyond report.json: pictures' numbers, and the rows that distillation changed, with their texts."""

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from alambique.artefacts.predictions import Scored, read_seeds
from alambique.artefacts.splits import Split, run_data
from alambique.artefacts.tokens import read_uncut_lengths, tokenize_rows
from alambique.evaluation.metrics import BINS, confidence_bins
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS
from alambique.models.tokenizer import load_tokenizer
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import HISTORY, MODELS, RECIPE, STUDENT, TEACHER, TOKENS, UNDISTILLED

SHOWN = 20


def gather_details(run: RunFolder, kept: int) -> dict[str, Any]:
    """Confusion, reliability, learning curves, token lengths and changed rows, of the seed that was kept.

    Raises:
        RunFolderError: an artefact is missing.
    """
    recipe = Recipe.load(run.path / RECIPE)
    splits, _ = run_data(run)
    scored = read_seeds(run, recipe, splits)[kept]
    test, names, task = splits.test, splits.label_names, TASKS[splits.task]
    classes = list(range(len(names)))
    return {
        "confusion": {
            name: confusion_matrix(test.labels, task.decide(scored[name].logits["test"]), labels=classes).tolist()
            for name in MODELS
        },
        "reliability": {name: _reliability(task, scored[name].logits["test"], test.labels) for name in MODELS},
        "curves": {name: read_json(run.path / name / HISTORY) or [] for name in (STUDENT, UNDISTILLED)},
        "token_lengths": _token_lengths(run, splits.train),
        "changed_rows": _changed(task, scored, test, names),
    }


def _reliability(task: Task, logits: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    confidence, right = task.calibration(logits, labels)
    bins = confidence_bins(confidence)
    return [
        {
            "low": place / BINS, "high": (place + 1) / BINS, "rows": int((bins == place).sum()),
            "confidence": float(confidence[bins == place].mean()), "accuracy": float(right[bins == place].mean()),
        }
        for place in np.unique(bins).tolist()
    ]  # fmt: skip


def _changed(task: Task, scored: Scored, test: Split, names: tuple[str, ...]) -> dict[str, Any]:
    """Test rows that only the student, or only the undistilled student, gets right, in the order of the data."""
    student, twin = (task.decide(scored[name].logits["test"]) for name in (STUDENT, UNDISTILLED))
    fixed = np.flatnonzero((student == test.labels) & (twin != test.labels))
    broken = np.flatnonzero((student != test.labels) & (twin == test.labels))

    def shown(rows: np.ndarray) -> list[dict[str, str]]:
        return [
            {
                "id": test.ids[i], "text": " / ".join(test.segments()[i]), "label": names[test.labels[i]],
                "student": names[student[i]], "undistilled": names[twin[i]],
            }
            for i in rows[:SHOWN].tolist()
        ]  # fmt: skip

    return {
        "fixed": shown(fixed), "broken": shown(broken), "fixed_total": len(fixed), "broken_total": len(broken),
    }  # fmt: skip


def _token_lengths(run: RunFolder, train: Split) -> list[int]:
    """Tokens of each row before it is cut: as the run counted them, or counted anew for a run made before it did."""
    lengths = read_uncut_lengths(run.path / TOKENS / TEACHER / train.name)
    if lengths is None:
        tokenizer = load_tokenizer(run.path / TEACHER, key=TEACHER)
        lengths = tokenize_rows(tokenizer, train.segments(), max_length=None).lengths
    return [int(length) for length in lengths]
