"""Training, the same for teacher, student and twin: batches, what is spared, and the run of epochs."""

from alambique.training.fitting import HARD_ONLY, HISTORY, fit, half_precision

__all__ = ["HARD_ONLY", "HISTORY", "fit", "half_precision"]
