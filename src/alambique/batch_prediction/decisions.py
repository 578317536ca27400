"""What a model decides of the texts of a shard, as columns; only as much of it is in memory as they hold."""

import numpy as np
import pyarrow as pa

from alambique.batch_prediction.columns import LABEL, LABELS, PROBABILITY
from alambique.inference.classifier import Classifier


class OneLabel:
    """The label of each text, and its probability."""

    def __init__(self, classifier: Classifier, texts: int) -> None:
        """Make room for so many texts."""
        self.classifier = classifier
        self.best, self.probability = np.zeros(texts, dtype=np.int64), np.zeros(texts, dtype=np.float32)

    def add(self, rows: np.ndarray, probabilities: np.ndarray, decided: np.ndarray) -> None:
        """Add some of the texts.

        Args:
            rows: (n,) their positions.
            probabilities: (n, C).
            decided: (n,) the label of each.
        """
        self.best[rows] = decided
        self.probability[rows] = probabilities[np.arange(len(rows)), self.best[rows]]

    def columns(self) -> dict[str, pa.Array]:
        """Columns by their names, a value for each text."""
        names = pa.array(self.classifier.label_names, pa.string())
        return {LABEL: names.take(pa.array(self.best)), PROBABILITY: pa.array(self.probability)}


class LabelSets:
    """The labels of each text whose probability reaches their threshold, the most probable first."""

    def __init__(self, classifier: Classifier, texts: int) -> None:
        """Make room for so many texts."""
        self.classifier = classifier
        self.given: list[list[str]] = [[] for _ in range(texts)]

    def add(self, rows: np.ndarray, probabilities: np.ndarray, decided: np.ndarray) -> None:
        """Add some of the texts, as :meth:`OneLabel.add`; ``decided`` is (n, C) 0 or 1."""
        task, names = self.classifier.task, self.classifier.label_names
        for row, each, decision in zip(rows.tolist(), probabilities, decided, strict=True):
            self.given[row] = task.answer(each, names, decision)["labels"]

    def columns(self) -> dict[str, pa.Array]:
        """A column of lists, one for each text."""
        return {LABELS: pa.array(self.given, pa.list_(pa.string()))}
