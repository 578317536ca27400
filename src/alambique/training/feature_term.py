"""The feature loss of a training: the student's layers beside the teacher's, read live or from disk."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils.generic import ModelOutput

from alambique.losses.features import FEATURE_WEIGHT, FeatureLoss, Relations
from alambique.models.layer_outputs import LayerReader, layers_of
from alambique.models.speedups.cls_last_layer import is_cls_only
from alambique.models.speedups.length_groups import group_lengths

PROJECTIONS = "feature_projections"  # in the student while it trains, and in its checkpoints
_GROUP_COST = 16384  # pairs of tokens of one head, which relations compute in the time that a further group takes


@dataclass
class FeatureOutput(ModelOutput):
    """What a student gives in training: a class of its own, which DistributedDataParallel takes apart and builds again."""

    logits: Tensor | None = None
    features: tuple[Tensor, ...] | None = None


class FeatureTerm:
    """Reads the student in each forward pass of a training, and compares it with the teacher.

    Where widths differ, the learned projections are a part of the student while it trains: the optimiser, clipping,
    gradient synchronisation and checkpoints treat them as they do its weights. Afterwards the student is as it was built.

    Attributes:
        loss: its options.
        layers: from the student's layer numbers to the teacher's.
        weight: of the loss beside the mixture.
        teacher: reads each batch; None where the data set has the teacher's values.
        reads_last_layer: the loss reads tokens of the student's last layer other than the first.
    """

    def __init__(
        self, loss: FeatureLoss, student: PreTrainedModel, layers: Mapping[int, int], teacher_widths: Sequence[int], *,
        seed: int, teacher: "LiveTeacher | None" = None,
    ) -> None:  # fmt: skip
        """Find the student's layers, and draw the projections; the student is not changed yet.

        Args:
            loss: the feature loss.
            student: on its device.
            layers: from the student's layer numbers to the teacher's, as :func:`layer_pairs` gives them.
            teacher_widths: of each value that is read of the teacher.
            seed: of the projections.
            teacher: reads each batch; None where the data set has the teacher's values.

        Raises:
            ValueError: the student's layers cannot be read, or the loss is not defined for these widths.
        """
        self.loss, self.layers, self.student, self.teacher = loss, dict(layers), student, teacher
        self.weight = FEATURE_WEIGHT if loss.weight is None else loss.weight
        self.teacher_widths = list(teacher_widths)
        self.reader = reader_of(loss, student, list(layers), of="student")
        self.reads_last_layer = self.reader.reads_last
        loss.check(self.reader.widths, teacher_widths)
        self.projections = _projections(self.reader.widths, teacher_widths, seed) if loss.projects else nn.ModuleList()

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Let the student's outputs have ``features``, in training mode, for the length of a block."""
        if self.reads_last_layer and is_cls_only(self.student):
            raise ValueError(
                "the student's last layer computes its first token alone, and the feature loss reads the others"
            )
        if len(self.projections):
            self.student.add_module(PROJECTIONS, self.projections.to(self.student.device))
        with self.reader.reading():
            handle = self.student.register_forward_hook(self._add)
            try:
                yield
            finally:
                handle.remove()
                if PROJECTIONS in self.student._modules:  # noqa: SLF001 - has no public name
                    delattr(self.student, PROJECTIONS)

    def _add(self, model: nn.Module, _: Any, outputs: Any) -> Any:
        """Projected within the forward pass, so that DistributedDataParallel sees that the projections are used."""
        if not model.training:
            return None
        values = self.reader.take()
        if self.projections:
            values = [project(each.float()) for project, each in zip(self.projections, values, strict=True)]
        logits = outputs[0] if isinstance(outputs, tuple) else outputs.logits
        return FeatureOutput(logits=logits, features=tuple(values))

    def split(self, stored: Tensor) -> list[Tensor]:
        """The teacher's values as they lie side by side on disk, (N, ΣW): (N, W) each."""
        return list(stored.split(self.teacher_widths, -1))

    def rows(self, student: Sequence[Tensor], teacher: Sequence[Tensor], lengths: Tensor) -> Tensor:
        """Loss of each row, (B,).

        Args:
            student: (N, W) each.
            teacher: (N, W) each, of the same tokens.
            lengths: (B,) real tokens of each row.

        Raises:
            ValueError: the teacher's values are not for as many tokens.
        """
        if len(student[0]) != len(teacher[0]):
            raise ValueError(
                f"the teacher has features for {len(teacher[0])} tokens, the student for {len(student[0])}: they do not "
                "read the same tokens"
            )
        if self.loss.first_only or self.loss.reads == "hidden":
            return self.loss.rows(student, teacher, lengths)
        counts = lengths.cpu().numpy()
        heads = cast("Relations", self.loss).heads_for([*self.reader.widths, *self.teacher_widths])
        bounds, ends = group_lengths(counts, overhead=_GROUP_COST / heads, power=2), [0, *counts.cumsum().tolist()]
        return torch.cat([
            self.loss.rows(
                [values[ends[first] : ends[last]] for values in student],
                [values[ends[first] : ends[last]] for values in teacher],
                lengths[first:last],
            )
            for first, last in pairwise(bounds)
        ])  # fmt: skip


class LiveTeacher:
    """A teacher that reads each batch in inference mode; its layers and its logits are those of a single forward pass."""

    def __init__(self, model: PreTrainedModel, reader: LayerReader, *, half: bool = False) -> None:
        """Args: a model on its device, the reader of its layers, and whether it computes in bfloat16."""
        self.model, self.reader, self.half = model, reader, half

    def __call__(self, inputs: dict[str, Any]) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, C) and what is read of the layers, for a batch of the teacher's own inputs."""
        self.model.eval()  # whoever trains the teacher elsewhere leaves it in train mode
        half = torch.autocast(self.model.device.type, torch.bfloat16, enabled=self.half)
        with torch.inference_mode(), half, self.reader.reading():
            outputs = self.model(**inputs)
            values = self.reader.take()
        logits = outputs[0] if isinstance(outputs, tuple) else outputs.logits
        return logits.clone(), [each.clone() for each in values]  # a backward pass may keep copies alone


def layer_pairs(loss: FeatureLoss, student: PreTrainedModel, teacher: PreTrainedModel) -> dict[int, int]:
    """From the student's layer numbers to the teacher's: those that the loss names, or its default.

    Raises:
        ValueError: the layers of a model cannot be read.
    """
    if loss.layers is not None:
        return loss.layers
    depths = [
        len(_named(lambda model=model: layers_of(model), of))
        for model, of in ((student, "student"), (teacher, "teacher"))
    ]
    return loss.default_layers(*depths)


def reader_of(loss: FeatureLoss, model: PreTrainedModel, layers: Sequence[int], *, of: str) -> LayerReader:
    """The reader of what a loss compares.

    Args:
        loss: the feature loss.
        model: student or teacher.
        layers: of this model.
        of: ``student`` or ``teacher``, for messages.

    Raises:
        ValueError: the layers cannot be read.
    """
    return cast(
        "LayerReader",
        _named(lambda: LayerReader(model, loss.reads, layers, first_only=loss.first_only), of),
    )


def _named(find: Any, of: str) -> Any:
    try:
        return find()
    except ValueError as error:
        raise ValueError(f"the {of} {error}") from error


def _projections(student: Sequence[int], teacher: Sequence[int], seed: int) -> nn.ModuleList:
    """A matrix from each width of the student to the teacher's, drawn apart from all other random numbers."""
    if list(student) == list(teacher):
        return nn.ModuleList()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.ModuleList(nn.Linear(ours, theirs, bias=False) for ours, theirs in zip(student, teacher, strict=True))
