"""Answers in the form of Hugging Face's endpoints: for each text a list of labels with scores, the best first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from alambique.inference.classifier import Classifier

FUNCTIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "softmax": lambda logits: _exponentials(logits) / _exponentials(logits).sum(axis=-1, keepdims=True),
    "sigmoid": lambda logits: 0.5 * (1 + np.tanh(0.5 * logits)),  # which does not overflow
    "none": lambda logits: logits,
}


def _exponentials(logits: np.ndarray) -> np.ndarray:
    return np.exp(logits - logits.max(axis=-1, keepdims=True))


@dataclass(frozen=True)
class Ranking:
    """How labels are scored and how many are answered.

    Attributes:
        top_k: labels in each answer, at most; None for all.
        function: name in :data:`FUNCTIONS` of what is applied to the logits; None for the probabilities of the model.
    """

    top_k: int | None = None
    function: str | None = None

    def answers(self, model: Classifier, logits: np.ndarray, *, calibrated: bool) -> list[list[dict[str, Any]]]:
        """For each text, its labels with their scores, sorted from the highest score.

        Args:
            model: that made the logits.
            logits: (texts, classes) float32.
            calibrated: divide the logits by the temperature fitted on valid.
        """
        if self.function is None:
            scores = model.probabilities_of(logits, calibrated=calibrated)
        else:
            scores = FUNCTIONS[self.function](logits / (model.temperature if calibrated else 1.0))
        best = np.argsort(-scores, axis=-1, kind="stable")[:, : self.top_k]
        return [
            [{"label": model.label_names[place], "score": float(row[place])} for place in places]
            for row, places in zip(scores, best, strict=True)
        ]
