"""The two cheap rows of the table for rows that have any number of labels: label frequencies, and a regression per label."""

import numpy as np
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline

from alambique.artefacts.splits import Split
from alambique.evaluation.baselines import joined, regression, with_words

_SMALLEST = 1e-12


def frequency_logits(train: Split, rows: int) -> np.ndarray:
    """The log-odds of each label's frequency in train, the same for every row: (rows, labels) float32."""
    return np.tile(_log_odds(train.labels.mean(0)), (rows, 1)).astype(np.float32)


class LabelTfidf:
    """TF-IDF of words and word pairs, then one logistic regression per label (scikit-learn's ``OneVsRestClassifier``).

    Args:
        train: what it learns from; both segments of a row are one text to it.
    """

    def __init__(self, train: Split) -> None:
        """Fit."""
        self.model = with_words(
            train,
            lambda words: make_pipeline(words, OneVsRestClassifier(regression())).fit(joined(train), train.labels),
        )

    @property
    def parameters(self) -> int:
        """Weights and intercepts of the regressions; a label that every row of train has, or none, takes none."""
        trained = (each for each in self.model[-1].estimators_ if hasattr(each, "coef_"))
        return int(sum(each.coef_.size + each.intercept_.size for each in trained))

    def logits(self, split: Split) -> np.ndarray:
        """Log-odds of the probabilities: (rows, labels) float32."""
        probabilities = np.asarray(self.model.predict_proba(joined(split)))
        return _log_odds(probabilities.reshape(len(split), -1)).astype(np.float32)


def _log_odds(shares: np.ndarray) -> np.ndarray:
    shares = np.clip(shares, _SMALLEST, 1 - _SMALLEST)
    return np.asarray(np.log(shares) - np.log1p(-shares))
