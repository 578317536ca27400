"""Classify texts with the student of a run."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from alambique.checkpoints import load_finished, load_tokenizer
from alambique.inference import predict_logits, to_device
from alambique.labels import label_names_of
from alambique.recipe import Recipe
from alambique.run import RECIPE, STUDENT, RunFolder

CHUNK = 256


def predict(folder: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Answers in the order of the lines, a bounded number of them in memory at a time.

    Args:
        folder: a run.
        lines: one text each; a tab parts the two segments of a pair.

    Yields:
        ``label``, its ``probability``, and ``scores``: every label's probability.

    Raises:
        RunFolderError: the folder is no run.
        ModelError: its student cannot be loaded.
    """
    run = RunFolder.existing(folder)
    recipe = Recipe.load(run.path / RECIPE)
    folder = run.finished(STUDENT)
    tokenizer = load_tokenizer(folder, key=STUDENT)
    model = to_device(load_finished(folder, key=STUDENT))
    pairs = len(recipe.data.text) > 1 or bool(recipe.data.metadata)
    names = label_names_of(model)
    remaining = iter(lines)
    while chunk := list(islice(remaining, CHUNK)):
        segments = [(*line.split("\t", 1), "")[:2] if pairs else (line,) for line in chunk]
        logits = predict_logits(model, tokenizer, segments, max_length=recipe.data.max_length)
        exponentials = np.exp(logits - logits.max(-1, keepdims=True))
        for row in exponentials / exponentials.sum(-1, keepdims=True):
            best = int(row.argmax())
            yield {
                "label": names[best],
                "probability": float(row[best]),
                "scores": {name: float(value) for name, value in zip(names, row, strict=True)},
            }
