"""Soft labels: the teachers' logits on train, computed once, shard by shard, and averaged over the teachers."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.soft_labels import (
    LOGITS,
    SoftLabels,
    average_logits,
    read_soft_labels,
    write_soft_labels,
)
from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import Tokens
from alambique.cpu import keep_freed_memory
from alambique.inference.torch_model import predict_tokens, to_device
from alambique.models.labels import label_names_of
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import tokenizer_digest
from alambique.progress import Reporter, Step
from alambique.recipe.sections import Compute
from alambique.run.folder import RunFolder
from alambique.run.integrity import file_hash, sync
from alambique.run.layout import SCRATCH, SOFT_LABELS
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed
from alambique.training.fit import half_precision

SHARD = 8192  # rows: sorted by length among themselves, and lost if the process is killed
_SHARDS = "shards"


def _teachers_key(teachers: tuple[Artefact, ...]) -> dict[str, Any]:
    if len(teachers) == 1:
        return {"inputs": {"teacher": teachers[0].digest}}
    return {"inputs": {"teachers": [teacher.digest for teacher in teachers]}}


def _labelling_key(compute: Compute) -> dict[str, Any]:
    return {name: value for name, value in compute.key().items() if name != "compile"}


@dataclass(frozen=True)
class SoftLabelInputs(Inputs):
    """The teachers and the rows that they label."""

    teachers: tuple[Artefact, ...] = keyed(value=_teachers_key)
    compute: Compute = keyed("compute", value=_labelling_key)
    max_length: int = keyed("max_length")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    label_names: tuple[str, ...] = keyed("inputs", "labels")
    tokens: tuple[Mapping[str, Tokens], ...] = derived("teachers", "train", "max_length")  # by each teacher's tokenizer


def _make(inputs: SoftLabelInputs, work: Path, reporter: Reporter) -> None:
    several = len(inputs.teachers) > 1
    with reporter.stage("soft labels") as step:
        step.start(len(inputs.teachers) * len(inputs.train))
        for number, (teacher, tokens) in enumerate(zip(inputs.teachers, inputs.tokens, strict=True)):
            model = to_device(load_finished(teacher.folder, key="teacher"))
            place = work / SCRATCH / str(number) if several else work
            place.mkdir(parents=True, exist_ok=True)
            label_rows(model, tokens["train"], place, compute=inputs.compute, step=step)
    if several:
        average_logits([work / SCRATCH / str(number) / LOGITS for number in range(len(inputs.teachers))], work / LOGITS)
    made_from = {"teacher": " ".join(teacher.digest for teacher in inputs.teachers),
                 "tokenizer": " ".join(tokenizer_digest(teacher.folder) for teacher in inputs.teachers),
                 "text": inputs.train.digest}  # fmt: skip
    logits = np.load(work / LOGITS, mmap_mode="r", allow_pickle=False)
    write_soft_labels(SoftLabels(inputs.train.ids, logits, inputs.label_names, made_from), work)


STAGE = Stage(SOFT_LABELS, _make)


def make_soft_labels(run: RunFolder, inputs: SoftLabelInputs, reporter: Reporter) -> SoftLabels:
    """Run each teacher over train once, in eval mode, with its own tokenizer and inputs, and average their logits."""
    artefact = STAGE.run(run, inputs, reporter)
    return read_soft_labels(artefact.folder, artefact.digest)


def label_rows(
    model: PreTrainedModel, tokens: Tokens, work: Path, *, compute: Compute, step: Step, batch_size: int | None = None
) -> None:
    """Write ``logits.npy``, (rows, C) float32 in the order of the rows; memory does not grow with their number.

    The rows are done in shards of :data:`SHARD`, each sorted by length within itself and written when it is whole. Whole
    shards found in ``work/scratch`` are used, so that a killed run goes on at the first that is missing, and left there.

    Args:
        model: a classifier on its device; it is left in eval mode.
        tokens: of the rows, perhaps mapped from disk.
        work: an existing folder.
        compute: precision, and whether the exact speed-ups are used.
        step: shows the rows done; its caller starts it.
        batch_size: rows per batch; by default what suits the model's device.
    """
    keep_freed_memory()
    shards = work / SCRATCH / _SHARDS
    if shards.is_symlink():
        shards.unlink()
    shards.mkdir(parents=True, exist_ok=True)
    files = []
    for start in range(0, len(tokens), SHARD):
        stop = min(start + SHARD, len(tokens))
        file = _whole_shard(shards, start)
        if file is not None:
            step.advance(stop - start)
        else:
            logits = predict_tokens(
                model, tokens.rows(start, stop), batch_size=batch_size, advance=step.advance,
                speedups=compute.speedups, half=half_precision(compute),
            )  # fmt: skip
            file = _write_shard(shards, start, logits)
        files.append(file)
    joined = np.lib.format.open_memmap(
        work / LOGITS, mode="w+", dtype=np.float32, shape=(len(tokens), len(label_names_of(model)))
    )
    for number, file in enumerate(files):
        joined[number * SHARD : (number + 1) * SHARD] = np.load(file, allow_pickle=False)
    joined.flush()


def _whole_shard(shards: Path, start: int) -> Path | None:
    """The shard that begins at a row, if it holds what its name says; damaged ones are removed."""
    for file in shards.glob(f"{start:012d}-*.npy"):
        if file.name == _name(start, file):
            return file
        file.unlink()
    return None


def _write_shard(shards: Path, start: int, logits: np.ndarray) -> Path:
    part = shards / f"{start:012d}.part"
    part.unlink(missing_ok=True)
    with part.open("xb") as stream:
        np.save(stream, logits, allow_pickle=False)
        stream.flush()
        os.fsync(stream.fileno())
    file = part.replace(shards / _name(start, part))
    sync(shards)
    return file


def _name(start: int, file: Path) -> str:
    """What a shard is called: its first row, and the hash of what it holds."""
    return f"{start:012d}-{file_hash(file)}.npy"
