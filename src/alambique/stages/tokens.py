"""The token ids of all splits: made once per tokenizer and run, mapped from disk by every stage that reads texts."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.tokens import CHUNK, Tokens, read_tokens, write_tokens
from alambique.models.tokenizer import tokenizer_key
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.layout import TOKENS
from alambique.run.stage import Inputs, Stage, keyed


def _digests(splits: Iterable[Split]) -> dict[str, str]:
    return {split.name: split.digest for split in splits}


@dataclass(frozen=True)
class TokenInputs(Inputs):
    """What token ids are made from."""

    tokenizer: PreTrainedTokenizerBase = keyed("tokenizer", value=tokenizer_key)
    max_length: int = keyed("max_length")
    splits: Splits = keyed("inputs", value=_digests)
    views: tuple[Split, ...] = keyed("inputs", value=_digests)  # of train


def _make(inputs: TokenInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    for split in (*inputs.splits, *inputs.views):
        chunks = (_segments(split, start) for start in range(0, len(split), CHUNK))
        write_tokens(inputs.tokenizer, chunks, work / split.name, max_length=inputs.max_length)


STAGE = Stage(TOKENS, _make)


def tokenize_splits(run: RunFolder, inputs: TokenInputs, reporter: Reporter, *, role: str) -> dict[str, Tokens]:
    """Token ids by the name of the split, mapped from ``tokens/ROLE``.

    Args:
        run: where they are.
        inputs: tokenizer and rows.
        reporter: where progress goes.
        role: whose tokenizer it is: the name of a teacher, or ``student``.
    """
    folder = STAGE.run(run, inputs, reporter, name=f"{TOKENS}/{role}").folder
    return {split.name: read_tokens(folder / split.name) for split in (*inputs.splits, *inputs.views)}


def _segments(split: Split, start: int) -> list[tuple[str, ...]]:
    return split.take(range(start, min(start + CHUNK, len(split)))).segments()
