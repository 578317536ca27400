"""The teacher's features: what a feature loss reads of its layers on train, computed once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alambique.artefacts.features import DTYPE, Features, open_values, read_features, write_facts
from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import Tokens, tokenize_rows
from alambique.artefacts.unlabelled import Unlabelled
from alambique.cpu import keep_freed_memory
from alambique.errors import RecipeError
from alambique.inference.torch_model import to_device
from alambique.losses.features import FeatureLoss
from alambique.models.inputs import ModelInputs
from alambique.models.pretrained import load_finished
from alambique.progress import Reporter, Step
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute
from alambique.run.folder import RunFolder
from alambique.run.layout import FEATURES
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed
from alambique.training.arguments import half_precision
from alambique.training.feature_source import live_teacher, same_tokens
from alambique.training.feature_term import FeatureTerm, LiveTeacher, layer_pairs, reader_of

SHARD = 8192  # rows: sorted by length among themselves
_BATCH, _BATCH_ON_ACCELERATOR = 64, 512


def _unlabelled_key(rows: Unlabelled | None) -> dict[str, Any]:
    return {} if rows is None else {"inputs": {"unlabelled": rows.digest}}


@dataclass(frozen=True)
class FeatureInputs(Inputs):
    """The teacher, what is read of it, and the rows; its loss's own options need not be computed again for."""

    loss: FeatureLoss = keyed("features", value=lambda loss: {"reads": loss.reads, "first_only": loss.first_only})
    layers: tuple[int, ...] = keyed("features", "layers", value=list)
    teacher: Artefact = keyed("inputs", "teacher", value=lambda teacher: teacher.digest)
    compute: Compute = keyed(
        "compute", value=lambda compute: {"plain": not compute.speedups, "precision": compute.precision}
    )
    max_length: int = keyed("max_length")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    unlabelled: Unlabelled | None = keyed(value=_unlabelled_key)
    ids: Sequence[str] = derived("train", "unlabelled")  # of train and, behind them, of the unlabelled rows
    tokens: Mapping[str, Tokens] = derived("teacher", "train", "unlabelled", "max_length")  # as train, of the same rows


def _make(inputs: FeatureInputs, work: Path, reporter: Reporter) -> None:
    model, tokens = to_device(load_finished(inputs.teacher.folder, key="teacher")), inputs.tokens["train"]
    teacher = live_teacher(inputs.loss, model, list(inputs.layers), inputs.compute, half=half_precision(inputs.compute))
    with reporter.stage("features") as step:
        step.start(len(tokens))
        lengths = store_features(teacher, tokens, work, first_only=inputs.loss.first_only, step=step)
    write_facts(work, inputs.ids, lengths, teacher.reader.widths)


STAGE = Stage(FEATURES, _make)


def make_features(run: RunFolder, inputs: FeatureInputs, reporter: Reporter) -> Features:
    """Run the teacher once over train and the unlabelled rows, if any, and map what a feature loss reads of it."""
    artefact = STAGE.run(run, inputs, reporter)
    return read_features(artefact.folder, artefact.digest)


def store_features(teacher: LiveTeacher, tokens: Tokens, work: Path, *, first_only: bool, step: Step) -> np.ndarray:
    """Write the values of the teacher's layers; memory does not grow with the rows.

    Args:
        teacher: on its device.
        tokens: of the rows, by its tokenizer, perhaps mapped from disk.
        work: an existing folder.
        first_only: of each row the first token alone.
        step: shows the rows done; its caller starts it.

    Returns:
        (rows,) tokens stored of each row.

    Raises:
        RecipeError: a value is not finite in float16.
    """
    keep_freed_memory()
    lengths = np.ones(len(tokens), dtype=np.int64) if first_only else tokens.lengths
    begins = lengths.cumsum() - lengths
    values, inputs = open_values(work, lengths, sum(teacher.reader.widths)), ModelInputs.of(teacher.model)
    size = _BATCH if teacher.model.device.type == "cpu" else _BATCH_ON_ACCELERATOR
    for start in range(0, len(tokens), SHARD):
        shard = tokens.rows(start, min(start + SHARD, len(tokens)))
        for rows in shard.batches(size):
            _, read = teacher(inputs.tensors(shard, rows, teacher.model.device))
            made = torch.cat(read, -1).float().cpu().numpy()
            if not np.isfinite(made).all() or np.abs(made).max() > np.finfo(DTYPE).max:
                raise RecipeError(
                    f"The teacher's features reach {np.abs(made).max():g}, too large to be stored in float16. Have it read "
                    "each batch instead: --set distillation.feature_cache=false"
                )
            cut = lengths[rows + start]
            for row, part in zip(rows + start, np.split(made, cut.cumsum()[:-1]), strict=True):
                values[begins[row] : begins[row] + lengths[row]] = part
            step.advance(len(rows))
    values.flush()  # type: ignore[attr-defined]
    return lengths


def check_features(
    distillation: Distillation,
    compute: Compute,
    models: tuple[PreTrainedModel, PreTrainedModel],
    tokenizers: tuple[PreTrainedTokenizerBase, PreTrainedTokenizerBase],
    segments: Sequence[tuple[str, ...]],
) -> FeatureTerm | None:
    """Find what a feature loss reads, and try it on untrained models.

    Args:
        distillation: names the loss.
        compute: whether models are compiled.
        models: teacher and student.
        tokenizers: theirs.
        segments: one or two texts per row, of a few rows.

    Returns:
        the loss between these models; None where the recipe has none.

    Raises:
        RecipeError: the loss cannot be computed; nothing has been trained yet.
    """
    loss, (teacher, student) = distillation.features, models
    if loss is None:
        return None
    try:
        _check_settings(loss, compute, tokenizers, segments)
        pairs = layer_pairs(loss, student, teacher)
        reader = reader_of(loss, teacher, list(pairs.values()), of="teacher")
        term = FeatureTerm(loss, student, pairs, reader.widths, seed=0)
        for model, of, tokenizer in ((teacher, reader, tokenizers[0]), (student, term.reader, tokenizers[1])):
            _try(model, of, tokenizer, segments)
    except ValueError as error:
        raise RecipeError(f"distillation.features: {error}.") from error
    return term


def _check_settings(
    loss: FeatureLoss,
    compute: Compute,
    tokenizers: tuple[PreTrainedTokenizerBase, PreTrainedTokenizerBase],
    segments: Sequence[tuple[str, ...]],
) -> None:
    if compute.compile:
        raise ValueError("the layers of a compiled model cannot be read; set compute.compile=false")
    if loss.first_only:
        return
    theirs, ours = (tokenize_rows(each, segments, max_length=None) for each in tokenizers)
    if not same_tokens(ours, theirs):
        raise ValueError(
            f"{loss.name} compares the tokens of student and teacher, and their tokenizers differ. The first token of each "
            'text can be compared: --set "distillation.features={name: hidden, tokens: first}"'
        )


def _try(
    model: PreTrainedModel, reader: Any, tokenizer: PreTrainedTokenizerBase, segments: Sequence[tuple[str, ...]]
) -> None:
    """Read a few rows of different lengths."""
    tokens = tokenize_rows(tokenizer, segments[:2], max_length=16)
    LiveTeacher(model, reader)(ModelInputs.of(model).tensors(tokens, np.arange(len(tokens)), model.device))
