"""Soft labels: the teacher's logits on train, computed once, shard by shard."""

import os
from pathlib import Path

import numpy as np
from transformers import PreTrainedModel

from alambique.artefacts.soft_labels import LOGITS, SoftLabels, read_soft_labels, write_soft_labels
from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import Tokens
from alambique.cpu import keep_freed_memory
from alambique.inference.torch_model import predict_tokens, to_device
from alambique.models.labels import label_names_of
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import tokenizer_digest
from alambique.progress import Reporter, Step
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Compute
from alambique.run.folder import RunFolder
from alambique.run.integrity import file_hash, sync
from alambique.run.layout import SCRATCH, SOFT_LABELS
from alambique.run.manifest import Artefact
from alambique.training.fit import half_precision

SHARD = 8192  # rows: sorted by length among themselves, and lost if the process is killed
_SHARDS = "shards"


def make_soft_labels(
    run: RunFolder, recipe: Recipe, teacher: Artefact, splits: Splits, tokens: Tokens, *, reporter: Reporter
) -> SoftLabels:
    """Run the teacher over train once, in eval mode, with its own tokenizer and inputs, and keep the logits."""
    key = {
        "max_length": recipe.data.max_length,
        "compute": recipe.compute.model_dump(mode="json", exclude={"compile"}),
        "inputs": {"teacher": teacher.digest, "train": splits.train.digest, "labels": splits.label_names},
    }

    def make(work: Path) -> None:
        model = to_device(load_finished(teacher.folder, key="teacher"))
        with reporter.stage("soft labels") as step:
            label_rows(model, tokens, work, compute=recipe.compute, step=step)
        made_from = {
            "teacher": teacher.digest, "tokenizer": tokenizer_digest(teacher.folder), "text": splits.train.digest,
        }  # fmt: skip
        logits = np.load(work / LOGITS, mmap_mode="r", allow_pickle=False)
        write_soft_labels(SoftLabels(splits.train.ids, logits, splits.label_names, made_from), work)

    artefact = run.stage(SOFT_LABELS, key, make)
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
        compute: precision, and whether the model's own code runs for every token.
        step: told of the rows done.
        batch_size: rows a batch; by default what suits the model's device.
    """
    keep_freed_memory()
    shards = work / SCRATCH / _SHARDS
    if shards.is_symlink():
        shards.unlink()
    shards.mkdir(parents=True, exist_ok=True)
    step.start(len(tokens))
    files = []
    for start in range(0, len(tokens), SHARD):
        stop = min(start + SHARD, len(tokens))
        file = _whole_shard(shards, start)
        if file is not None:
            step.advance(stop - start)
        else:
            logits = predict_tokens(
                model, tokens.rows(start, stop), batch_size=batch_size, advance=step.advance,
                plain=compute.plain, half=half_precision(compute),
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
