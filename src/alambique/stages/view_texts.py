"""Texts of the further versions of train: some words replaced by what a masked language model samples there."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alambique.artefacts.splits import Split
from alambique.artefacts.view_texts import read_view_texts, write_view_texts
from alambique.cpu import keep_freed_memory
from alambique.data.word_replacement import gapped_rows, with_words
from alambique.inference.sampled_words import sample_words
from alambique.inference.torch_model import to_device
from alambique.models.masked_lm import MaskedLM, load_masked_lm
from alambique.models.pretrained import PretrainedFolder, digest_of_pretrained
from alambique.progress import Reporter, Step
from alambique.run.folder import RunFolder
from alambique.run.layout import SCRATCH, VIEW_TEXTS
from alambique.run.shards import in_shards
from alambique.run.stage import Inputs, Stage, keyed

SHARD = 1024  # rows; lost if the process is killed


@dataclass(frozen=True)
class ViewTextInputs(Inputs):
    """The model, the rows, and what of them is replaced."""

    checkpoint: PretrainedFolder = keyed("inputs", "checkpoint", value=digest_of_pretrained)
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    number: int = keyed("view")  # from 1; the rows themselves are view 0
    replace: float = keyed("replace")  # probability of each word
    seed: int = keyed("split_seed")
    max_length: int = keyed("max_length")


def _make(inputs: ViewTextInputs, work: Path, reporter: Reporter) -> None:
    scratch = work / SCRATCH
    scratch.mkdir(exist_ok=True)
    keep_freed_memory()
    with reporter.stage(f"replaced words {inputs.number}") as step:
        step.start(len(inputs.train) * (1 if inputs.train.pairs is None else 2))
        lm = load_masked_lm(inputs.checkpoint)
        to_device(lm.model)
        write_view_texts(_replaced(inputs, lm, scratch, step), work)


def _replaced(inputs: ViewTextInputs, lm: MaskedLM, scratch: Path, step: Step) -> Split:
    rows = gapped_rows(inputs.train, inputs.number, inputs.replace, inputs.seed)

    def sample(part: range) -> np.ndarray:
        texts = [text for row in rows[part.start : part.stop] for text in row]
        return sample_words(lm, texts, max_length=inputs.max_length, advance=step.advance)

    files = in_shards(scratch, len(rows), SHARD, sample, found=lambda count: step.advance(count * len(rows[0])))
    chosen = np.concatenate([np.load(file, allow_pickle=False) for file in files]).tolist()
    return with_words(inputs.train, rows, [None if place < 0 else lm.words[place] for place in chosen])


def make_view_texts(run: RunFolder, inputs: ViewTextInputs, reporter: Reporter) -> Split:
    """Rows of train with words replaced, stored in ``view_texts/N``.

    Args:
        run: where.
        inputs: the model, the rows, the number of the view.
        reporter: where progress goes.
    """
    stage = Stage(VIEW_TEXTS, _make)
    artefact = stage.run(run, inputs, reporter, name=f"{VIEW_TEXTS}/{inputs.number}")
    return read_view_texts(inputs.train, artefact.folder)
