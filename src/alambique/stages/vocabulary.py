"""Which tokens a student keeps, where its vocabulary is cut: those of train and of unlabelled text.

Valid does not count: its rows then show what it costs that a new text holds other words, as it will in real use.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from transformers import PreTrainedTokenizerBase

from alambique.artefacts.kept_vocabulary import KeptVocabulary, read_kept_vocabulary, write_kept_vocabulary
from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import MIXED, Tokens
from alambique.artefacts.unlabelled import Unlabelled
from alambique.errors import ModelError
from alambique.models.tokenizer import tokenizer_key
from alambique.models.vocabulary import KEY, choose_tokens, cut_tokenizer, share_unchanged
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.run.layout import VOCABULARY
from alambique.run.stage import Inputs, Stage, derived, keyed

_CHECKED = 2000  # rows of train, which must be cut as before where every token in use stays


@dataclass(frozen=True)
class VocabularyInputs(Inputs):
    """The tokenizer of the whole student, and the texts whose tokens count."""

    tokenizer: PreTrainedTokenizerBase = keyed("tokenizer", value=tokenizer_key)
    size: Literal["auto"] | int = keyed("size")
    max_length: int = keyed("max_length")
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    valid: Split = keyed("inputs", "valid", value=lambda split: split.digest)  # for the share of rows alone
    views: tuple[Split, ...] = keyed("inputs", "views", value=lambda views: [view.digest for view in views])
    unlabelled: Unlabelled | None = keyed(
        "inputs", "unlabelled", value=lambda rows: None if rows is None else rows.digest
    )
    tokens: Mapping[str, Tokens] = derived("tokenizer", "max_length", "train", "valid", "views", "unlabelled")


def _make(inputs: VocabularyInputs, work: Path, reporter: Reporter) -> None:
    del reporter
    tokenizer = inputs.tokenizer
    first = MIXED if inputs.unlabelled is not None else inputs.train.name  # train is a part of mixed
    read = [first, *(view.name for view in inputs.views)]
    arrays = (inputs.tokens[name].columns["input_ids"] for name in read)
    kept, whole = choose_tokens(tokenizer, arrays, inputs.size)
    cut = cut_tokenizer(tokenizer, kept)
    if inputs.size == "auto":
        rows = inputs.train.take(range(min(_CHECKED, len(inputs.train)))).segments()
        if share_unchanged(tokenizer, cut, kept, rows) < 1:
            raise ModelError(
                f"{KEY}: a {type(tokenizer).__name__} reads the texts of train otherwise once its vocabulary is cut. Set it "
                "to null."
            )
    unchanged = share_unchanged(tokenizer, cut, kept, inputs.valid.segments())
    write_kept_vocabulary(KeptVocabulary(kept, whole, unchanged), work)


def choose_vocabulary(run: RunFolder, inputs: VocabularyInputs, reporter: Reporter) -> KeptVocabulary:
    """The tokens that stay, kept in the run's folder ``vocabulary``.

    Raises:
        ModelError: the tokenizer cannot be cut, or the size is too small.
    """
    artefact = Stage(VOCABULARY, _make).run(run, inputs, reporter)
    return read_kept_vocabulary(artefact.folder, artefact.digest)
