"""Unlabelled text: its new rows stored, tokenised behind those of train, and labelled by the teachers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import CHUNK, MIXED, Tokens, read_tokens, write_tokens
from alambique.artefacts.unlabelled import Counts, Unlabelled, read_unlabelled, write_unlabelled
from alambique.data.unlabelled import UnlabelledSource, new_rows
from alambique.models.tokenizer import tokenizer_key
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.layout import TOKENS, UNLABELLED
from alambique.run.stage import Inputs, Stage, keyed


def _source_key(source: UnlabelledSource) -> dict[str, Any]:
    data = source.data
    return {
        "inputs": {"files": source.digests()},
        "columns": [*data.text, *data.metadata],
        "names": list(data.columns),
        "encoding": data.encoding,
        "max_rows": data.max_rows,
    }


def _splits_key(splits: Splits) -> dict[str, str]:
    return {split.name: split.digest for split in splits}


@dataclass(frozen=True)
class UnlabelledInputs(Inputs):
    """Where the text lies, and the labelled rows that it must not repeat."""

    source: UnlabelledSource = keyed(value=_source_key)
    splits: Splits = keyed("inputs", value=_splits_key)


def _make(inputs: UnlabelledInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    counts = Counts()
    write_unlabelled(new_rows(inputs.source, inputs.splits, counts), counts, work)


def store_unlabelled(run: RunFolder, source: UnlabelledSource, splits: Splits, reporter: Reporter) -> Unlabelled:
    """The new rows of a source, in the run's folder ``unlabelled``."""
    artefact = Stage(UNLABELLED, _make).run(run, UnlabelledInputs(source, splits), reporter)
    return read_unlabelled(artefact.folder, artefact.digest)


@dataclass(frozen=True)
class MixedTokenInputs(Inputs):
    """What the token ids of train and of the unlabelled rows are made from."""

    tokenizer: PreTrainedTokenizerBase = keyed("tokenizer", value=tokenizer_key)
    max_length: int = keyed("max_length")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    unlabelled: Unlabelled = keyed("inputs", "unlabelled", value=lambda rows: rows.digest)


def _make_tokens(inputs: MixedTokenInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    chunks = chain(_train(inputs.train), inputs.unlabelled.segments(CHUNK))
    write_tokens(inputs.tokenizer, chunks, work / MIXED, max_length=inputs.max_length)


def _train(split: Split) -> Iterator[list[tuple[str, ...]]]:
    segments = split.segments()
    for start in range(0, len(segments), CHUNK):
        yield segments[start : start + CHUNK]


def tokenize_mixed(run: RunFolder, inputs: MixedTokenInputs, reporter: Reporter, *, role: str) -> Mapping[str, Tokens]:
    """Token ids of train and, behind them, of the unlabelled rows, mapped from ``tokens/mixed/ROLE``; named ``mixed``."""
    folder = Stage(TOKENS, _make_tokens).run(run, inputs, reporter, name=f"{TOKENS}/{MIXED}/{role}").folder
    return {MIXED: read_tokens(folder / MIXED)}
