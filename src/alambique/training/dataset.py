"""The rows of a split as Trainer reads them: whole batches, padded, straight from the flat arrays of token ids."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from transformers import PreTrainedModel

from alambique.artefacts.features import Features
from alambique.artefacts.tokens import Tokens
from alambique.models.inputs import ModelInputs
from alambique.training.distillation_trainer import HARD_LABEL_WEIGHTS, TEACHER_FEATURES, TEACHER_INPUTS, TEACHER_LOGITS


class TokenDataset(Dataset[dict[str, Tensor]]):
    """A split in training: tokens, labels, and perhaps the teacher's logits, all of which may be mapped from disk."""

    def __init__(
        self,
        tokens: Tokens,
        labels: np.ndarray,
        model: PreTrainedModel,
        *,
        teacher_logits: np.ndarray | None = None,
        hard_label_weights: np.ndarray | None = None,
        teacher_features: Features | None = None,
        live_teacher: tuple[PreTrainedModel, Tokens] | None = None,
    ) -> None:
        """Read nothing yet.

        Args:
            tokens: of the rows.
            labels: (rows,) or, where rows have any number of labels, (rows, labels) int64.
            model: gets the inputs that it names.
            teacher_logits: (rows, C) float32.
            hard_label_weights: (n,) float32, of the first n rows; the others weigh 1.
            teacher_features: of the rows, in their order.
            live_teacher: a teacher that reads each batch, and its own tokens of the rows.
        """
        self.tokens, self.labels, self.teacher_logits = tokens, labels, teacher_logits
        self.hard_label_weights: np.ndarray | None = None
        if hard_label_weights is not None:
            self.hard_label_weights = np.ones(len(labels), dtype=np.float32)
            self.hard_label_weights[: len(hard_label_weights)] = hard_label_weights
        self.teacher_features = teacher_features
        self.teacher_tokens = None if live_teacher is None else live_teacher[1]
        self.inputs = ModelInputs.of(model)
        self.teacher_inputs = self.inputs if live_teacher is None else ModelInputs.of(live_teacher[0])

    @property
    def views(self) -> "tuple[TokenDataset, ...]":
        """Versions of the rows, one of which is read in each epoch: these alone."""
        return (self,)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.tokens)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """One row, unpadded: (T,) each, a label, (C,) logits."""
        return {name: values[0] for name, values in self.__getitems__([row]).items()}

    def __getitems__(self, rows: Sequence[int]) -> dict[str, Any]:
        """A whole batch, which the data loader asks for in one call; :func:`identity_collator` must be its collator."""
        wanted = np.asarray(rows)
        batch: dict[str, Any] = self.inputs.tensors(self.tokens, wanted)
        batch["labels"] = torch.from_numpy(self.labels[wanted])
        if self.teacher_logits is not None:
            batch[TEACHER_LOGITS] = torch.from_numpy(np.array(self.teacher_logits[wanted]))
        if self.hard_label_weights is not None:
            batch[HARD_LABEL_WEIGHTS] = torch.from_numpy(self.hard_label_weights[wanted])
        if self.teacher_features is not None:
            batch[TEACHER_FEATURES] = torch.from_numpy(self.teacher_features.batch(wanted))
        if self.teacher_tokens is not None:
            batch[TEACHER_INPUTS] = self.teacher_inputs.tensors(self.teacher_tokens, wanted)
        return batch


def identity_collator(batch: Any) -> Any:
    """The collator for :class:`TokenDataset`, whose batches need nothing more."""
    return batch
