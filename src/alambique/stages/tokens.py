"""The token ids of train and valid, made once for all trainings and for the soft labels, and mapped from disk."""

from pathlib import Path

from transformers import PreTrainedTokenizerBase

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import CHUNK, Tokens, read_tokens, write_tokens
from alambique.models.tokenizer import tokenizer_key
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.layout import TOKENS


def tokenize_splits(
    run: RunFolder, recipe: Recipe, tokenizer: PreTrainedTokenizerBase, splits: Splits, *, role: str
) -> dict[str, Tokens]:
    """Token ids of train and valid, by the name of the split.

    Args:
        run: where they are kept, under ``tokens/ROLE``.
        recipe: says where rows are cut.
        tokenizer: of teacher or student.
        splits: the rows.
        role: ``teacher`` or ``student``.
    """
    parts = (splits.train, splits.valid)
    key = {
        "tokenizer": tokenizer_key(tokenizer),
        "max_length": recipe.data.max_length,
        "inputs": {split.name: split.digest for split in parts},
    }

    def make(work: Path) -> None:
        for split in parts:
            chunks = (_segments(split, start) for start in range(0, len(split), CHUNK))
            write_tokens(tokenizer, chunks, work / split.name, max_length=recipe.data.max_length)

    folder = run.stage(f"{TOKENS}/{role}", key, make).folder
    return {split.name: read_tokens(folder / split.name) for split in parts}


def _segments(split: Split, start: int) -> list[tuple[str, ...]]:
    return split.take(range(start, min(start + CHUNK, len(split)))).segments()
