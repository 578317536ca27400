"""Two cheap rows of the table, so that nobody pays for a model that a word count beats."""

from collections.abc import Callable

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from alambique.artefacts.splits import Split

_SMALLEST = 1e-12
_ENOUGH = 1000  # rows from which a word that stands once is noise


def majority_logits(train: Split, rows: int, classes: int) -> np.ndarray:
    """The log frequency of each class in train, the same for every row: (rows, classes) float32."""
    frequency = np.bincount(train.labels, minlength=classes) / len(train)
    return np.tile(np.log(np.maximum(frequency, _SMALLEST)), (rows, 1)).astype(np.float32)


class Tfidf:
    """TF-IDF of words and word pairs, then logistic regression (scikit-learn, its defaults otherwise).

    Args:
        train: what it learns from; both segments of a row are one text to it.
    """

    def __init__(self, train: Split) -> None:
        """Fit."""
        self.model = with_words(
            train, lambda words: make_pipeline(words, regression()).fit(joined(train), train.labels)
        )

    @property
    def parameters(self) -> int:
        """Weights and intercepts of the regression."""
        regression = self.model[-1]
        return int(regression.coef_.size + regression.intercept_.size)

    def logits(self, split: Split, classes: int) -> np.ndarray:
        """Log probabilities: (rows, classes) float32."""
        logits = np.full((len(split), classes), np.log(_SMALLEST), dtype=np.float32)
        logits[:, self.model.classes_] = np.maximum(self.model.predict_log_proba(joined(split)), np.log(_SMALLEST))
        return logits


def with_words(train: Split, fit: Callable[[TfidfVectorizer], Pipeline]) -> Pipeline:
    """Fit a model on words and word pairs or, where no word stands twice, on letters.

    Args:
        train: what it learns from.
        fit: fits a model that begins with these counts.
    """
    words = TfidfVectorizer(
        ngram_range=(1, 2),
        min_df=2 if len(train) >= _ENOUGH else 1,
        sublinear_tf=True,
        token_pattern=r"(?u)\S+",  # noqa: S106 - no secret
    )
    try:
        return fit(words)
    except ValueError:  # as in languages that do not part words
        return fit(TfidfVectorizer(analyzer="char", ngram_range=(1, 2), sublinear_tf=True))


def regression() -> LogisticRegression:
    """Logistic regression as scikit-learn has it by default."""
    return LogisticRegression(max_iter=2000)


def joined(split: Split) -> list[str]:
    """The segments of each row as one text."""
    return [" ".join(row) for row in split.segments()]
