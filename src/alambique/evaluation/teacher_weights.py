"""How much each teacher counts in the average of several, by what it does on valid."""

from collections.abc import Sequence

import numpy as np

POWER = 4
_LEAST = 1e-3  # of an accuracy: rows that one teacher alone labels need a weight that is not 0


def teacher_weights(accuracies: Sequence[float]) -> list[float]:
    """Weights of teachers, which sum to 1: the accuracy of each to the power of four.

    The rule of Large, Lines and Bagnall 2019, "A probabilistic classifier ensemble weighting scheme based on
    cross-validated accuracy estimates" (Data Mining and Knowledge Discovery 33), with the accuracy on valid for that by
    cross-validation. The power magnifies differences: 0.8 counts 1.7 times as much as 0.7.

    Args:
        accuracies: of each teacher on rows that it was not trained on, from 0 to 1.

    Example:
        >>> from alambique.evaluation.teacher_weights import teacher_weights
        >>> [round(weight, 3) for weight in teacher_weights([0.8, 0.7])]
        [0.63, 0.37]
    """
    powers = np.maximum(np.asarray(accuracies, dtype=np.float64), _LEAST) ** POWER
    return [float(weight) for weight in powers / powers.sum()]
