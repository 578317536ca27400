"""What the page shows beyond report.json: pictures' numbers, and the rows that distillation changed, with their texts."""

from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from alambique.artefacts.predictions import Scored, read_seeds
from alambique.artefacts.splits import Split, run_data
from alambique.evaluation.metrics import BINS, calibration_rows, softmax
from alambique.inference.torch_model import token_lengths
from alambique.models.tokenizer import load_tokenizer
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import read_json
from alambique.run.layout import HISTORY, MODELS, RECIPE, STUDENT, TEACHER, UNDISTILLED

SHOWN = 20


def gather_details(run: RunFolder, kept: int) -> dict[str, Any]:
    """Confusion, reliability, learning curves, token lengths and changed rows, of the seed that was kept.

    Raises:
        RunFolderError: an artefact is missing.
    """
    recipe = Recipe.load(run.path / RECIPE)
    splits, _ = run_data(run)
    scored = read_seeds(run, recipe, splits)[kept]
    test, names = splits.test, splits.label_names
    classes = list(range(len(names)))
    return {
        "confusion": {
            name: confusion_matrix(test.labels, scored[name].logits["test"].argmax(-1), labels=classes).tolist()
            for name in MODELS
        },
        "reliability": {name: _reliability(scored[name].logits["test"], test.labels) for name in MODELS},
        "curves": {name: read_json(run.path / name / HISTORY) or [] for name in (STUDENT, UNDISTILLED)},
        "token_lengths": token_lengths(load_tokenizer(run.path / TEACHER, key=TEACHER), splits.train.segments()),
        "changed_rows": _changed(scored, test, names),
    }


def _reliability(logits: np.ndarray, labels: np.ndarray) -> list[dict[str, float]]:
    confidence, right, bins = calibration_rows(softmax(logits), labels)
    return [
        {
            "low": place / BINS, "high": (place + 1) / BINS, "rows": int((bins == place).sum()),
            "confidence": float(confidence[bins == place].mean()), "accuracy": float(right[bins == place].mean()),
        }
        for place in np.unique(bins).tolist()
    ]  # fmt: skip


def _changed(scored: Scored, test: Split, names: tuple[str, ...]) -> dict[str, Any]:
    """Test rows that only the student, or only the undistilled student, gets right, in the order of the data."""
    student, twin = (scored[name].logits["test"].argmax(-1) for name in (STUDENT, UNDISTILLED))
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
