"""What a feature loss costs: the teacher's values stored once, or read in each epoch; and the loss itself in each step."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alambique.artefacts.features import DTYPE
from alambique.artefacts.tokens import MASK, Tokens
from alambique.doctor.cost import Rows, seconds_per_row
from alambique.recipe.recipe import Recipe
from alambique.training.arguments import half_precision
from alambique.training.feature_source import live_teacher
from alambique.training.feature_term import FeatureOutput, FeatureTerm

_SCORED = 64  # rows per batch where the teacher's values are stored
_WRITTEN = 500e6  # bytes per second


@dataclass(frozen=True)
class FeatureCost:
    """What the teacher's side of a feature loss takes, for each seed.

    Attributes:
        stored: bytes of the teacher's values on disk.
        once: seconds to compute and store them.
        live: seconds that a teacher which reads each batch adds to the student's training.
        cached: which of the two the recipe chooses.
    """

    stored: int
    once: float
    live: float
    cached: bool


def feature_cost(
    term: FeatureTerm,
    teacher: PreTrainedModel,
    tokens: Tokens,
    recipe: Recipe,
    *,
    budget: float,
    stored_rows: int,
    epoch_rows: int,
) -> FeatureCost:
    """Time the teacher's passes that are read, in the batches of both ways.

    Args:
        term: the loss and its layers.
        teacher: on its device; left with its speed-ups.
        tokens: of train, by its tokenizer.
        recipe: the student's epochs and batch size, and how the arithmetic is done.
        budget: seconds for each measurement.
        stored_rows: rows whose values would be stored: those of train, and the unlabelled ones.
        epoch_rows: rows of the student's epoch.
    """
    loss, student, compute = term.loss, recipe.student, recipe.compute
    live = live_teacher(loss, teacher, list(term.layers.values()), compute, half=half_precision(compute))
    rows = Rows(tokens, teacher)
    vectors = stored_rows * (1.0 if loss.first_only else float(tokens.lengths.mean()))
    stored = round(vectors) * sum(live.reader.widths) * np.dtype(DTYPE).itemsize

    def row(size: int) -> float:
        def read(batch: dict[str, Tensor]) -> None:
            live(batch)

        return seconds_per_row(read, rows, size, budget, teacher.device)

    once = stored_rows * row(_SCORED) + stored / _WRITTEN
    every = student.epochs * epoch_rows * row(student.batch_size)
    return FeatureCost(stored, once, every, recipe.distillation.feature_cache)


def term_of_step(term: FeatureTerm, outputs: FeatureOutput, batch: Mapping[str, Tensor]) -> Tensor:
    """The feature loss of a training step that is timed: with a teacher whose values are 0."""
    features, mask = outputs.features or (), batch[MASK]
    taught = [
        torch.zeros(len(values), width, dtype=torch.float16, device=values.device)
        for values, width in zip(features, term.teacher_widths, strict=True)
    ]
    return term.weight * term.rows(features, taught, (mask != 0).sum(1)).mean()
