"""The data stage: the rows of the run and the findings about them, kept in the run folder."""

import json
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from alambique.artefacts.splits import Splits, write_splits
from alambique.data.lint import lint
from alambique.inference.torch_model import token_lengths
from alambique.models.tokenizer import tokenizer_key
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.integrity import write_text
from alambique.run.layout import DATA, LINT


def store_data(run: RunFolder, recipe: Recipe, splits: Splits, tokenizer: PreTrainedTokenizerBase) -> None:
    """Write the splits and, with the teacher's tokenizer to count what is cut, the lint findings."""
    key = {
        "inputs": {split.name: split.digest for split in splits},
        "labels": splits.label_names,
        "ordinal": splits.ordinal,
        "notes": splits.notes,
        "tokenizer": tokenizer_key(tokenizer),
        "max_length": recipe.data.max_length,
        "metadata": recipe.data.metadata,
    }

    def make(work: Path) -> None:
        write_splits(splits, work)
        lengths = {split.name: token_lengths(tokenizer, split.segments()) for split in splits}
        findings = lint(splits, lengths=lengths, max_length=recipe.data.max_length, metadata=recipe.data.metadata)
        write_text(work / LINT, json.dumps([finding.as_dict() for finding in findings], indent=2, ensure_ascii=False))

    run.stage(DATA, key, make)
