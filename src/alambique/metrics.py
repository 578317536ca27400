"""Figures of quality from logits, fractions from 0 to 1."""

import numpy as np
from sklearn.metrics import accuracy_score, f1_score


def accuracy(logits: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows whose largest logit is the label's. ``logits`` (N, C), ``labels`` (N,)."""
    return float(accuracy_score(labels, logits.argmax(-1)))


def macro_f1(logits: np.ndarray, labels: np.ndarray) -> float:
    """Mean over all C classes of F1; a class that is neither there nor predicted counts 0."""
    classes = np.arange(logits.shape[-1])
    return float(f1_score(labels, logits.argmax(-1), labels=classes, average="macro", zero_division=0))


def agreement(logits: np.ndarray, others: np.ndarray) -> float:
    """Share of rows on which two models, (N, C) each, choose the same class."""
    return float((logits.argmax(-1) == others.argmax(-1)).mean())
