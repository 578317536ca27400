"""The data stage: the rows of the run and the findings about them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from alambique.artefacts.splits import Splits, write_splits
from alambique.artefacts.tokens import Tokens
from alambique.data.lint import lint
from alambique.models.tokenizer import tokenizer_key
from alambique.progress import Reporter
from alambique.run.integrity import write_text
from alambique.run.layout import DATA, LINT
from alambique.run.stage import Inputs, Stage, derived, keyed


def _splits_key(splits: Splits) -> dict[str, Any]:
    return {
        "inputs": {split.name: split.digest for split in splits},
        "labels": splits.label_names,
        "ordinal": splits.ordinal,
        "notes": splits.notes,
    }


@dataclass(frozen=True)
class DataInputs(Inputs):
    """The rows, and the teacher's tokens, whose lengths tell what is cut."""

    splits: Splits = keyed(value=_splits_key)
    tokenizer: PreTrainedTokenizerBase = keyed("tokenizer", value=tokenizer_key)
    max_length: int = keyed("max_length")
    metadata: tuple[str, ...] = keyed("metadata")
    tokens: Mapping[str, Tokens] = derived("splits", "tokenizer", "max_length")


def _make(inputs: DataInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    write_splits(inputs.splits, work)
    lengths = {name: [] if t.uncut_lengths is None else t.uncut_lengths.tolist() for name, t in inputs.tokens.items()}
    findings = lint(inputs.splits, lengths=lengths, max_length=inputs.max_length, metadata=inputs.metadata)
    write_text(work / LINT, json.dumps([finding.as_dict() for finding in findings], indent=2, ensure_ascii=False))


STAGE = Stage(DATA, _make)
