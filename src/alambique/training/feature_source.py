"""Where the teacher's side of a feature loss comes from: a file that is mapped, or the teacher itself, which runs beside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.features import Features
from alambique.artefacts.tokens import Tokens
from alambique.losses.features import FeatureLoss
from alambique.models.pretrained import load_finished
from alambique.models.speedups.front import Needs, Speedups
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute
from alambique.run.manifest import Artefact
from alambique.training.feature_term import FeatureTerm, LiveTeacher, reader_of


@dataclass(frozen=True)
class FeatureSource:
    """The teacher of a feature loss.

    Attributes:
        layers: from the student's layer numbers to the teacher's.
        teacher: the trained teacher.
        tokens: by its tokenizer; as train, those of all rows that the student is trained on.
        stored: what the loss reads of it, for these rows; None: it reads each batch.
    """

    layers: Mapping[int, int]
    teacher: Artefact
    tokens: Mapping[str, Tokens]
    stored: Features | None

    def key(self) -> dict[str, Any]:
        """Its parts of the student's manifest key."""
        source = {"feature_teacher": self.teacher.digest} if self.stored is None else {"features": self.stored.digest}
        return {"inputs": source, "feature_layers": {str(ours): theirs for ours, theirs in self.layers.items()}}

    def term(
        self, distillation: Distillation, student: PreTrainedModel, tokens: Tokens, compute: Compute, *, seed: int,
        half: bool,
    ) -> FeatureTerm:  # fmt: skip
        """The feature loss of a training.

        Args:
            distillation: names the loss and its weight.
            student: an untrained one.
            tokens: of the same rows, by the student's tokenizer.
            compute: whether a live teacher has the speed-ups.
            seed: of the projections.
            half: a live teacher computes in bfloat16.

        Raises:
            ValueError: student and teacher do not read the same tokens, and the loss compares them.
        """
        loss = cast("FeatureLoss", distillation.features)
        if loss.weight is None:
            loss = loss.model_copy(update={"weight": distillation.feature_weight})
        if not loss.first_only and not same_tokens(tokens, self.tokens["train"]):
            raise ValueError("student and teacher do not read the same tokens")
        if self.stored is not None:
            return FeatureTerm(loss, student, self.layers, self.stored.widths, seed=seed)
        teacher = load_finished(self.teacher.folder, key="teacher")
        live = live_teacher(loss, teacher, list(self.layers.values()), compute, half=half)
        return FeatureTerm(loss, student, self.layers, live.reader.widths, seed=seed, teacher=live)


def live_teacher(
    loss: FeatureLoss, teacher: PreTrainedModel, layers: list[int], compute: Compute, *, half: bool
) -> LiveTeacher:
    """A teacher whose layers are read, with the speed-ups that leave them right.

    Args:
        loss: says what is read.
        teacher: changed in place.
        layers: of the teacher.
        compute: whether it has the speed-ups.
        half: it computes in bfloat16.
    """
    reader = reader_of(loss, teacher, layers, of="teacher")
    if compute.speedups:
        Speedups.apply(teacher, token_ids=None, specials=0, needs=Needs(last_layer=reader.reads_last))
    return LiveTeacher(teacher, reader, half=half)


def same_tokens(ours: Tokens, theirs: Tokens) -> bool:
    """Whether two tokenizers made the same ids of the same rows."""
    return np.array_equal(ours.starts, theirs.starts) and np.array_equal(
        ours.columns["input_ids"], theirs.columns["input_ids"]
    )
