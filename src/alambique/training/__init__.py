"""Training, the same for teacher, student and twin: batches, what is spared, and the run of epochs."""

from alambique.training.dropout import cheap_dropout
from alambique.training.fitting import HARD_ONLY, HISTORY, fit, half_precision

__all__ = ["HARD_ONLY", "HISTORY", "cheap_dropout", "fit", "half_precision"]
