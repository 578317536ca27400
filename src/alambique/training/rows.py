"""What a model learns from: rows, tokens, soft labels, and what may stand beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import Tokens
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.task import Task
from alambique.losses.no_label import NO_LABEL
from alambique.training.feature_source import FeatureSource


@dataclass(frozen=True)
class View:
    """A further version of the rows of train, in their order.

    Attributes:
        tokens: of its texts.
        teacher_logits: (rows of train, C) float32; None for hard labels alone.
    """

    tokens: Tokens
    teacher_logits: np.ndarray | None = None


@dataclass(frozen=True)
class TrainingRows:
    """What a model learns from, and what its epoch is chosen on.

    Attributes:
        train: what it learns from.
        valid: what the epoch is chosen on.
        tokens: of both, by the name of the split.
        teacher_logits: (rows of train, C) float32, in the order of train; None for hard labels alone.
        task: how logits become decisions, hard losses and metrics.
        label_order: (C,) the rank of each class, where the loss needs it.
        features: the teacher of a feature loss, where there is one.
        hard_label_weights: (rows of train,) float32, in the order of train; None: 1 for all.
        mixed_ids: ids of the rows that are trained on, where unlabelled ones stand behind those of train: tokens and
            ``teacher_logits`` of train are then of all of them.
        epoch_rows: rows of an epoch, among them each of train; by default each row once.
        views: further versions of train; each epoch reads another, the rows themselves first.
    """

    train: Split
    valid: Split
    tokens: Mapping[str, Tokens]
    teacher_logits: np.ndarray | None = None
    task: Task = SINGLE_LABEL
    label_order: tuple[int, ...] | None = None
    features: FeatureSource | None = None
    hard_label_weights: np.ndarray | None = None
    views: tuple[View, ...] = ()
    mixed_ids: Sequence[str] | None = None
    epoch_rows: int | None = None

    @property
    def row_ids(self) -> Sequence[str]:
        """Ids of the rows that are trained on."""
        return self.train.ids if self.mixed_ids is None else self.mixed_ids

    @property
    def labels(self) -> np.ndarray:
        """Labels of the rows that are trained on, as those of train, −100 for none."""
        more = (len(self.row_ids) - len(self.train), *self.train.labels.shape[1:])
        return np.concatenate([self.train.labels, np.full(more, NO_LABEL, dtype=np.int64)])

    @property
    def all_weights(self) -> np.ndarray | None:
        """Weights of the hard labels of the rows that are trained on: (rows,) float32; None: 1 for all."""
        if self.hard_label_weights is None:
            return None
        more = len(self.row_ids) - len(self.train)
        return np.concatenate([self.hard_label_weights, np.ones(more, dtype=np.float32)])
